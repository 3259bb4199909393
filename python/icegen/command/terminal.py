# SPDX-License-Identifier: MIT
"""What the command line prints: errors, progress, and the description of an archive."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from icegen.archive import Description
    from icegen.progress import Wrap

errors = Console(stderr=True, highlight=False, soft_wrap=True)


class Bar(Progress):
    """A progress bar on standard error with the time left; if that is not a terminal, a line every 30 seconds."""

    def __init__(self) -> None:
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        ]
        columns += [TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[scores]}")]
        super().__init__(*columns, console=errors, disable=not errors.is_terminal)

    def wrap(self, name: str) -> "Wrap":
        """A function that iterates over a sequence and shows how far it has come."""

        def iterate(items: Any) -> Iterator[Any]:
            report = self.reporter(name)
            for done, item in enumerate(items, start=1):
                yield item
                report(done, len(items), {})

        return iterate

    def reporter(self, name: str) -> Callable[[int, int, dict[str, float]], None]:
        """A function to be called with the step, the number of steps and running scores."""
        task = self.add_task(name, total=None, scores="")
        started = last = time.monotonic()

        def report(step: int, steps: int, scores: dict[str, float]) -> None:
            nonlocal last
            text = "  ".join(f"{key} {value:.4g}" for key, value in scores.items())
            self.update(task, completed=step, total=steps, scores=text)
            if not errors.is_terminal and (time.monotonic() - last > 30 or step == steps):
                last = time.monotonic()
                errors.print(f"{name} {step}/{steps}  {last - started:.0f} s  {text}", markup=False)

        return report


def show_archive(description: "Description") -> None:
    """Print an archive's description."""
    m = description.metadata
    console = Console(highlight=False)
    g = m["grid"]
    ny, nx = g["shape"]
    kind = f"cells of {abs(g['dx']) / 1000:g} km" if "dx" in g else "curvilinear cells"
    projection = g.get("mapping", {}).get("projected_crs_name", "")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "archive": f"{m['name']} (contract {m['contract']})",
        "sha256": description.sha256,
        "grid": f"{ny} x {nx} {kind}, {int(description.grid.ocean.sum()):,} of ocean, {projection}".rstrip(", "),
        "conditions": ", ".join(f"{c['id']} {c['range'][0]} to {c['range'][1]}" for c in m["condition"]) or "none",
        "latent": " x ".join(str(n) for n in m["latent"]["shape"]),
        "sampler": f"{m['sampler']['name']}, {m['sampler']['steps']} steps, {m['sampler']['evaluations']} evaluations",
        "weights": m["weights"],
    }
    if "compiled" in m:
        rows["compiled for"] = ", ".join(f"{key} {value}" for key, value in m["compiled"].items())
    rows |= {
        key.replace("_", " "): str(value)
        for key, value in m["provenance"].items()
        if value and key not in ("configuration", "trainings")
    }
    for key, value in rows.items():
        table.add_row(key, value)
    console.print(table)
    variables = Table("variable", "CF standard name", "units", "lower", "upper", box=None, padding=(0, 2, 0, 0))
    for v in description.variables:
        low, high = ("none" if bound is None else f"{bound:g}" for bound in (v.lower, v.upper))
        variables.add_row(v.id, v.standard_name, v.units, low, high)
    console.print()
    console.print(variables)
    scores = Table("score", "value", box=None, padding=(0, 2, 0, 0))
    for group, values in m["scores"].items():
        if isinstance(values, dict):
            for key, value in values.items():
                scores.add_row(f"{group}: {key.replace('_', ' ')}", f"{value:.4g}")
        else:
            scores.add_row(group.replace("_", " "), str(values))
    console.print()
    console.print(scores if m["scores"] else "not scored")
