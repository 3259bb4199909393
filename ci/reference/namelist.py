# SPDX-License-Identifier: MIT
"""The page of the namelist: each key of &icegen_nml with its kind, default and meaning."""

import re

from reference.text import ROOT, note, table

KINDS = {"character": "text", "integer": "integer", "real": "number", "logical": "true or false"}
INTRODUCTION = """The keys of the group `&icegen_nml` in the file that a host names when it opens an emulator.
The first rank of the communicator reads the file.
A key that the file leaves out has its default; a key that is not listed here is refused.

"""


def pages() -> dict[str, str]:
    """Path of the page below docs/api, and its text."""
    source = ROOT / "fortran_bridge/src/namelist.f90"
    body = source.read_text()
    group = re.search(r"namelist /icegen_nml/((?:.*&\n)*.*)\n", body)
    members = re.search(r"(?s)type, bind\(c\), public :: namelist_values\n(.*?)end type", body)
    assert group, f"{source} has no namelist"
    assert members, f"{source} has no type of the namelist's values"
    declared = {
        name: (KINDS[kind], meaning or "")
        for kind, name, meaning in re.findall(r"(\w+)\([^)]*\) :: (\w+)(?:\(\w+\))?(?:  !> (.*))?", members[1])
    }
    rows = []
    for key in re.findall(r"\w+", group[1]):
        default = re.search(rf"(?m)^    {key} = (.*)$", body)
        assert default, f"{source}: {key} has no default"
        kind, meaning = declared[key]
        rows.append([f"`{key}`", kind, f"`{default[1]}`", meaning])
    head = "# Namelist\n\n" + note(str(source.relative_to(ROOT))) + INTRODUCTION
    return {"namelist.md": head + table(["key", "kind", "default", "meaning"], rows)}
