# SPDX-License-Identifier: MIT
"""The reference, docs/api: it follows the sources, and misses nothing public.

What is public comes from elsewhere than ci/api reads it: from the compiled library, and from the imported package.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
from collections import Counter

import click
import pytest

import icegen
from compiled import BUILD, ROOT, require_built
from icegen.command.main import commands
from icegen.training.config import Config

PAGES = ROOT / "docs/api"


def page(name: str) -> str:
    return (PAGES / name).read_text()


def test_follows_the_sources(tmp_path):
    """docs/api is what ci/api writes; and it tells when it is not."""
    check = [sys.executable, ROOT / "ci/api", "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folders = ("ci/reference", "python/icegen", "fortran_bridge/src", "fortran_bridge/include", "docs/api")
    (tmp_path / "ci").mkdir()
    shutil.copy(ROOT / "ci/api", tmp_path / "ci/api")
    for name in folders:
        shutil.copytree(ROOT / name, tmp_path / name)
    changes = {
        "c.md": "icegen_open",
        "command.md": "--members",
        "fortran.md": "`ice%add_target`",
        "namelist.md": "`seed`",
        "python.md": "icegen.load(",
    }
    for name, text in changes.items():
        path = tmp_path / "docs/api" / name
        assert text in path.read_text()
        path.write_text(path.read_text().replace(text, "nonsense"))
    (tmp_path / "docs/api/nothing.md").write_text("# A page without a source\n")
    stale = subprocess.run(
        [sys.executable, tmp_path / "ci/api", "--check"], capture_output=True, text=True, check=False
    )
    assert stale.returncode == 1
    wanted = ", ".join(f"docs/api/{name}" for name in sorted([*changes, "nothing.md"]))
    assert stale.stderr == f"ci/api: {wanted} do not follow the sources; run ci/api\n"


def exported(pattern: str) -> list[str]:
    """The first group of ``pattern`` in each name that the library exports and that matches as a whole."""
    library = BUILD / "lib/libicegen.so"
    require_built(library)
    names = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    found = [re.fullmatch(pattern, line.split()[-1]) for line in names.splitlines()]
    assert any(found), f"{library} exports nothing like {pattern}"
    return [name[1] for name in found if name]


def test_every_function_of_c():
    text = page("c.md")
    assert [name for name in exported(r"(icegen_\w*[a-z0-9])") if f"{name}(" not in text] == []


def test_every_external_procedure():
    text = page("fixed_form.md")
    assert [name for name in exported(r"(icegen_\w+)_") if f"## `{name.upper()}`\n" not in text] == []


def test_every_procedure_of_the_fortran_modules():
    """By the name that a host calls it by; a generic name has a section for each specific procedure."""
    source = (ROOT / "fortran_bridge/src/icegen.f90").read_text()
    wanted = Counter()
    for name in exported(r"__icegen_MOD_([a-z]\w+)"):
        bound = re.search(rf"(?m)^    (?:procedure|generic) :: (\w+) => .*\b{name}\b", source)
        generic = re.search(
            rf"(?m)^  interface (\w+)\n(?:    module procedure .*\n)*?    module procedure {name}\n", source
        )
        wanted[(bound or generic or [name, name])[1]] += 1
    module, module_f08 = page("fortran.md").split("## module `icegen_f08`")
    assert Counter(re.findall(r"(?m)^### `(?:ice%)?(\w+)`$", module)) == wanted + Counter(["icegen_state_length"])
    assert re.findall(r"(?m)^### `(\w+)`$", module_f08) == exported(r"__icegen_f08_MOD_(\w+)")


def test_every_key_of_the_namelist():
    source = (ROOT / "fortran_bridge/src/namelist.f90").read_text()
    group = re.search(r"namelist /icegen_nml/((?:.*&\n)*.*)\n", source)
    keys = re.findall(r"\w+", group[1])
    rows = re.findall(r"(?m)^\| `(\w+)` \| [\w ]+ \| `[^`]+` \| \S.+ \|$", page("namelist.md"))
    assert rows == keys


def settings() -> list[tuple[str, str]]:
    """Section and key of each setting."""
    config = Config()
    found = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            found += [(f"`{field.name}`", inner.name) for inner in dataclasses.fields(value)]
        else:
            found.append(("The file", field.name))
    return found


def test_every_key_of_the_settings():
    """With its default and what it means."""
    sections = dict(re.findall(r"(?ms)^## (.*?)\n(.*?)(?=^## |\Z)", page("settings.md")))
    row = r"(?m)^\| `{}` \| .+ \| `[^`]+` \| \S.+ \|$"
    assert [key for key in settings() if not re.search(row.format(key[1]), sections[key[0]])] == []


def options(command: click.Command, name: str) -> list[tuple[str, str]]:
    """Each command and option, with the command before it."""
    found = [(name, option) for parameter in command.params for option in parameter.opts if option.startswith("-")]
    for child in getattr(command, "commands", {}).values():
        found += options(child, f"{name} {child.name}")
    return found or [(name, "--help")]


def test_every_command_and_option():
    sections = dict(re.findall(r"(?ms)^## `(.*?)`\n(.*?)(?=^## |\Z)", page("command.md")))
    shown = options(commands, "icegen")
    assert [(command, option) for command, option in shown if option not in sections.get(command, "")] == []


def modules() -> list[str]:
    """All modules of the package but the command line, which has its own page, and what runs on import."""
    names = ["icegen", *(m.name for m in pkgutil.walk_packages(icegen.__path__, "icegen."))]
    return [name for name in names if not name.startswith(("icegen.command", "icegen._", "icegen.__"))]


@pytest.mark.parametrize("name", modules())
def test_every_function_of_python(name):
    folder = name.split(".")[1] if name.count(".") and (ROOT / "python/icegen" / name.split(".")[1]).is_dir() else None
    text = page(f"python/{folder}.md" if folder else "python.md")
    section = re.search(rf"(?ms)^## {re.escape(name)}\n(.*?)(?=^## |\Z)", text)
    assert section, f"{name} has no section"
    for public, value in vars(importlib.import_module(name)).items():
        if public.startswith("_") or getattr(value, "__module__", "") != name:
            continue
        if inspect.isfunction(value) or inspect.isclass(value):
            kind = "class " if inspect.isclass(value) else ""
            assert f"### {kind}`{public}`\n" in section[1], public
