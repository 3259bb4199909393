# SPDX-License-Identifier: MIT
"""The coupling guide says what the code says: keys, names, messages."""

import re

import pytest

from compiled import ROOT

DOCS, BRIDGE = ROOT / "docs", ROOT / "fortran_bridge"
SOURCES = [path for path in BRIDGE.rglob("*") if path.suffix in (".cpp", ".c", ".f90", ".h")]


def page(name: str) -> str:
    return (DOCS / name).read_text()


def test_namelist_has_every_key_and_default():
    source = re.sub(r" &\n *", " ", (BRIDGE / "src/namelist.f90").read_text())
    declared = re.search(r"^ *namelist /icegen_nml/ (.*)$", source, re.MULTILINE)[1]
    keys = sorted(declared.split(", "))
    block = re.search(r"&icegen_nml\n(.*?)\n/", page("coupling.md"), re.DOTALL)[1]
    without_default = ["fill_value"]
    assert sorted(re.findall(r"^ *(\w+) *=", block, re.MULTILINE) + without_default) == keys
    for key, default in re.findall(r"^ *(\w+) *= (.*)$", block, re.MULTILINE):
        assert key == "archive" or f"    {key} = {default}\n" in source
    assert sorted(re.findall(r"^\| `(\w+)` \| ", page("coupling.md").split("## 3.")[0].split("## 2.")[1], re.M)) == keys


@pytest.mark.parametrize("name", ["coupling.md", "coupling/cice.md", "coupling/mitgcm.md", "coupling/nemo.md"])
def test_procedures_exist(name):
    """What code blocks call is there: methods of the emulator, external procedures."""
    code = "\n".join(re.findall(r"```fortran\n(.*?)```", page(name), re.DOTALL))
    module = (BRIDGE / "src/icegen.f90").read_text()
    methods = set(re.findall(r"^ +(?:procedure|generic) :: (\w+) =>", module, re.MULTILINE))
    external = set(re.findall(r"^subroutine (\w+)", (BRIDGE / "src/externals.f90").read_text(), re.MULTILINE))
    assert code
    assert set(re.findall(r"call ice%(\w+)", code)) <= methods
    assert {called.lower() for called in re.findall(r"CALL (ICEGEN_\w+)", code)} <= external


def test_messages_exist():
    """Each piece of a message between its dots stands in a source, or is the Fortran runtime's own."""
    rows = page("coupling/troubleshooting.md").split("## Without a message")[0]
    messages = re.findall(r"^\| `(.*?)` \|", rows, re.MULTILINE)
    text = "\n".join(path.read_text() for path in SOURCES)
    pieces = {piece.strip() for message in messages for piece in message.split("…")} - {"", ":"}
    pieces.discard(": Cannot match namelist object name")
    pieces = {re.sub(r"^(lon|year) (of|is)", r"\2", piece) for piece in pieces}  # the name of what was seen
    assert len(messages) > 15
    assert not {piece for piece in pieces if piece.strip("; :,.'") not in text}
