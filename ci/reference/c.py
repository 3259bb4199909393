# SPDX-License-Identifier: MIT
"""The pages of the C headers: each comment, then what it is about."""

import re
from pathlib import Path

from reference.text import ROOT, markdown, note

INCLUDE = ROOT / "fortran_bridge/include"
BLOCK = re.compile(r"^/\* ?(.*?)\*/\n(.*?)(?=^/\*|\Z)", re.M | re.S)
PREPROCESSOR = re.compile(
    r"^(?:#(?:if|ifdef|ifndef|else|endif|include|define ICEGEN_\w*(?:H|API)\b).*|extern \"C\" \{|\})\n", re.M
)


def pages() -> dict[str, str]:
    """Path of each page below docs/api, and its text."""
    return {"c.md": page("C", INCLUDE / "icegen.h"), "backend.md": page("Backend", INCLUDE / "icegen_backend.h")}


def page(title: str, header: Path) -> str:
    """One header."""
    parts = [f"# {title}\n\n", note(str(header.relative_to(ROOT)))]
    text = PREPROCESSOR.sub("", header.read_text())
    for words, code in BLOCK.findall(text):
        if words.startswith("SPDX"):
            continue
        code = code.strip()
        functions = dict.fromkeys(re.findall(r"\b(icegen_\w+)\(", code))
        heading = ", ".join(f"`{name}`" for name in functions)
        parts.append(f"## {heading}\n\n" if heading else "")
        parts.append(markdown(re.sub(r"(?m)^ \* ?", "", words).strip()) + "\n\n")
        parts.append(f"```c\n{code}\n```\n\n" if code else "")
    return "".join(parts)
