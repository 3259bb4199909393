# SPDX-License-Identifier: MIT
"""The page of the Fortran module, and that of the external procedures for fixed-form hosts."""

import re
import textwrap
from pathlib import Path

from reference.text import ROOT, note

SOURCES = ROOT / "fortran_bridge/src"
PROCEDURE = re.compile(
    r"((?:^ *!>[^\n]*\n)+)"  # what it does
    r"^ *(?:subroutine|(?:\w+ )*(function)) (\w+)\(([^)]*)\)(?: result\(\w+\))?(?: bind\(.*\))?\n"
    r"(.*?)^ *end (?:subroutine|function)",
    re.M | re.S,
)


def pages() -> dict[str, str]:
    """Path of each page below docs/api, and its text."""
    return {"fortran.md": module_page(), "fixed_form.md": external_page()}


def module_page() -> str:
    """Modules icegen and icegen_f08: each public procedure with the comments of its arguments."""
    parts = ["# Fortran\n\n", note("fortran_bridge/src/icegen.f90 and icegen_f08.f90")]
    for name in ("icegen", "icegen_f08"):
        parts.append(f"## module `{name}`\n\n{module(SOURCES / f'{name}.f90')}")
    return "".join(parts)


def module(path: Path) -> str:
    """The section of one module."""
    body = path.read_text()
    head = body.split("\ncontains\n", 1)[0]
    introduction, declarations = re.split(r"(?m)^module ", head, maxsplit=1)
    public = {name for names in re.findall(r"(?m)^  public :: (.*)$", head) for name in re.findall(r"\w+", names)}
    names, bound = public_names(body)
    parts = [comment(re.findall(r"(?m)^!> ?(.*)$", introduction)) + "\n\n"]
    constants = re.findall(r"((?:^  !>.*\n)+)(^  .*\bparameter :: (\w+) = .*\n)", declarations, re.M)
    for above, declaration, name in constants:
        if name in public:
            parts.append(f"### `{name}`\n\n{words(above, names)}\n\n```fortran\n{declaration.strip()}\n```\n\n")
    for above, function, procedure, arguments, inside in PROCEDURE.findall(body):
        name = names.get(procedure, procedure if procedure in public else None)
        if name is None or (name not in public and procedure not in bound):
            continue
        shown = re.sub(r"&\s*", "", arguments)
        if procedure in bound:
            shown = shown.removeprefix("self, ").removeprefix("self")
        name = f"ice%{name}" if procedure in bound else name
        call = f"version = {name}({shown})" if function else f"call {name}({shown})"
        parts.append(f"### `{name}`\n\n{words(above, names)}\n\n{code(call, inside)}")
    return "".join(parts)


def public_names(body: str) -> tuple[dict[str, str], set[str]]:
    """Procedures and the names that a host calls them by; and those among them that belong to a type."""
    names = {procedure: name for name, procedure in re.findall(r"(?m)^    procedure :: (\w+) => (\w+)", body)}
    for generic, procedures in re.findall(r"(?m)^    generic :: (\w+) => ([\w, ]+)", body):
        names |= {procedure.strip(): generic for procedure in procedures.split(",")}
    bound = set(names)
    for generic, inside in re.findall(r"(?ms)^  interface (\w+)\n(.*?)^  end interface", body):
        names |= {procedure: generic for procedure in re.findall(r"module procedure (?:::)? ?(\w+)", inside)}
    return names, bound


def external_page() -> str:
    """Each external procedure, with the declarations of its arguments."""
    body = (SOURCES / "externals.f90").read_text()
    head, rest = re.split(r"(?m)^end module icegen_handles\n", body, maxsplit=1)
    introduction = head.split("\nmodule ", 1)[0].split("\n\n", 1)[0].splitlines()[1:]
    parts = ["# Fixed-form Fortran\n\n", note("fortran_bridge/src/externals.f90")]
    parts.append(comment([line.removeprefix("! ") for line in introduction]) + "\n\n")
    for above, _, procedure, arguments, inside in PROCEDURE.findall(rest):
        shown = re.sub(r"&\s*", "", arguments)
        name = procedure.upper()
        said = re.sub(r"^CALL \w+\([^)]*\): ?", "", comment(re.findall(r"!> ?(.*)", above)))
        parts.append(f"## `{name}`\n\n{said[:1].upper()}{said[1:]}\n\n{code(f'CALL {name}({shown.upper()})', inside)}")
    return "".join(parts)


def code(call: str, inside: str) -> str:
    """A call, and the declarations of its arguments with their comments."""
    lines = [line.strip() for line in inside.splitlines()]
    kept = [line for line in lines if line.startswith("!>") or ("intent(" in line and ":: self" not in line)]
    return "```fortran\n" + "\n".join([*folded(call), *kept]) + "\n```\n\n"


def folded(call: str) -> list[str]:
    """A call on lines of at most 88 characters, each continued by an ampersand."""
    lines = textwrap.wrap(call, 86, subsequent_indent="  ", break_long_words=False)
    return [f"{line} &" for line in lines[:-1]] + lines[-1:]


def words(above: str, names: dict[str, str]) -> str:
    """A comment, in which procedures have the names that a host calls them by."""
    text = comment(re.findall(r"!> ?(.*)", above))
    return re.sub(r"\w+", lambda word: f"`{names[word[0]]}`" if word[0] in names else word[0], text)


def comment(lines: list[str]) -> str:
    """Lines of a Fortran comment as a paragraph."""
    return "\n".join(line.strip() for line in lines).strip()
