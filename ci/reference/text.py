# SPDX-License-Identifier: MIT
"""Docstrings and comments as Markdown."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARGUMENT = re.compile(r"([A-Za-z_]\w*(?:, [A-Za-z_]\w*)*(?: \[[^\]]*\])?): (?=\S)")
AFTER_ARGUMENTS = ("Returns ", "Raises ")


def note(source: str) -> str:
    """The comment that stands below the title of a generated page."""
    return f"<!-- written by ci/api from {source}; change it there -->\n\n"


def markdown(text: str) -> str:
    """Text with one kind of code mark, and with its lines `name: meaning` as a list."""
    lines: list[str] = []
    in_list = False
    for line in text.replace("``", "`").splitlines():
        argument = ARGUMENT.match(line)
        if argument:
            if not in_list and lines and lines[-1]:
                lines.append("")
            line = f"- `{argument[1]}`: {line[argument.end() :]}"
        elif in_list and line.startswith(AFTER_ARGUMENTS):
            lines.append("")
        elif in_list and line:
            line = f"  {line}"
        in_list = bool(argument) or (in_list and line.startswith("  "))
        lines.append(line)
    return "\n".join(lines).strip()


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
