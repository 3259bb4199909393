# SPDX-License-Identifier: MIT
"""`icegen bench`: the cost of an archive on this machine."""

import contextlib
import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

import icegen
from icegen.command.options import path_type
from icegen.command.terminal import errors


@click.command()
@click.argument("archive", required=False)
@click.option("--quick", is_flag=True, help="Measure 3 pairs of runs for each ratio instead of 11, on up to 8 ranks.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--json", "json_path", type=path_type, help="Also write the figures to this file.")
@click.option(
    "--docs", type=path_type, help="Also write the figures into performance.md and scaling.md of this folder."
)
@click.option("--device", help="Measure instead samples and trainings on this device: cuda, cuda:N or cpu.")
@click.option("--tiny", is_flag=True, help="With --device: small batches and trainings, as a trial.")
def bench(
    archive: str | None,
    quick: bool,
    threads: int,
    json_path: Path | None,
    docs: Path | None,
    device: str | None,
    tiny: bool,
) -> None:
    """Measure the time, memory and traffic of an archive on this machine's CPU, in Python and in hosts under MPI.

    Each row is the ratio of two alternatives, which are run in turn, with its bound. ARCHIVE is a path or the name of a
    shipped archive; default: arctic_observed.

    With --device, the rows are of batches of samples on a device, as a host's generator makes them, and of trainings.

    Example: icegen bench --quick --json bench.json
    """
    from icegen.archive import shipped
    from icegen.bench import report, scaling, suite
    from icegen.files import replacing

    with contextlib.ExitStack() as stack:
        file = stack.enter_context(replacing(json_path)) if json_path else None
        if docs and device:
            raise ValueError("--docs and --device are given; wanted one, since the pages hold figures of the CPU")
        pages = [docs / name for name in ("performance.md", "scaling.md")] if docs else []
        for page in pages:
            report.require_block(page)
        if device:
            icegen.load(shipped.find(archive), device)  # raises ValueError for a device that is not there
        loaded = icegen.load(shipped.find(archive))
        pairs, ranks = (3, (1, 8)) if quick else (11, suite.RANKS)

        def progress(what: str) -> None:
            errors.print(f"measuring {what}")

        if device:
            outcome = suite.bench_device(loaded, device, threads, pairs, tiny, progress)
        else:
            outcome = suite.bench(loaded, threads, pairs, ranks, progress)
        if file:
            file.write_text(json.dumps(outcome.as_dict(), indent=1))
        for page, write in zip(pages, (report.performance, scaling.scaling), strict=False):
            report.fill(page, write(outcome))
    console = Console(highlight=False)
    console.width = max(console.width, 160)
    for key, value in outcome.about.items():
        console.print(f"{key:9} {value}", markup=False)
    table = Table(*report.HEADINGS, box=None, padding=(0, 2, 0, 0))
    for row in outcome.rows.values():
        table.add_row(*report.row_texts(row))
    console.print()
    console.print(table)
    for what, why in outcome.left_out.items():
        console.print(f"not measured: {what}: {why}", markup=False)
