# SPDX-License-Identifier: MIT
"""The rows as text, for a terminal and for pages of docs/."""

import datetime
import re
from pathlib import Path

from icegen.bench.rows import Row
from icegen.bench.suite import Bench
from icegen.files import replacing

HEADINGS = ("what", "against", "figure", "spread", "at most", "holds", "medians")
BLOCK = re.compile(r"(?s)(?<=<!-- bench -->\n).*(?=<!-- end -->)")


def row_texts(row: Row) -> tuple[str, ...]:
    """The texts of a row, in the order of `HEADINGS`."""
    unit = "" if row.against else f" {row.unit}"
    low, high = row.spread
    bound = "" if row.bound is None else f"{row.bound:.3g}{unit}"
    medians = ", ".join(f"{value:,.0f}" if row.unit == "bytes" else f"{value:.3g}" for value in row.medians)
    holds = {None: "", True: "yes", False: f"no: {row.figure / row.bound - 1:.0%} more" if row.bound else ""}[row.holds]
    return (
        row.what,
        row.against,
        f"{row.figure:.3f}{unit}",
        f"{low:.3f} to {high:.3f}",
        bound,
        holds,
        f"{medians} {row.unit}",
    )


def markdown(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def performance(outcome: Bench) -> str:
    """The block of docs/performance.md."""
    about = "".join(f"- {name}: {text}\n" for name, text in outcome.about.items())
    missing = "".join(f"- not measured: {what}: {why}\n" for what, why in outcome.left_out.items())
    table = markdown(HEADINGS, [row_texts(row) for row in outcome.rows.values()])
    return f"As measured on {datetime.date.today()}:\n\n{about}\n{table}\n{missing}"


def require_block(path: Path) -> None:
    """Raise ValueError unless the page has the lines that mark the place of a block."""
    if not path.is_file() or not BLOCK.search(path.read_text()):
        raise ValueError(f"{path} has no lines <!-- bench --> and <!-- end -->, which mark the place of the figures")


def fill(path: Path, text: str) -> None:
    """Replace the block of a page."""
    page = BLOCK.sub(lambda _: text, path.read_text())
    with replacing(path) as partial:
        partial.write_text(page)
