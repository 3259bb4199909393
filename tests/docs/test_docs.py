# SPDX-License-Identifier: MIT
"""The pages: each command and each line of Python runs as a reader would run it, on tiny archives and networks."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import torch

import warm
from compiled import BUILD, ENVIRONMENT, ROOT, require_built
from host_files import write_cice, write_mitgcm, write_nextsim, write_pop_grid, write_si3
from icegen import archive

# Pages whose blocks run in order, in one folder.
PAGES = (
    "README.md",
    "torchscript/README.md",
    "docs/tutorial.md",
    "docs/guide.md",
    "docs/ensembles.md",
    "docs/gallery.md",
    "docs/science.md",
    "docs/restarts/cice.md",
    "docs/restarts/dart.md",
    "docs/restarts/mitgcm.md",
    "docs/restarts/nemo.md",
    "docs/restarts/nextsim.md",
    "docs/restarts/pdaf.md",
)
# Commands that set up, test or measure the checkout itself: which tests run them instead.
ELSEWHERE = {
    "git clone ": None,
    "pip install ": "ci/setup",
    "ci/demo": "tests/coupled/test_demo_host.py",
    "ci/test": ".ci/run",
    "cmake ": "tests/install",
    "icegen bench --quick": "tests/python/bench/test_bench.py",
}
# What the pages do at length.
SHORTER = {
    "--size 128 --spacing 50 --states-per-month 4": "--size 32 --spacing 200 --states-per-month 1 --years 2012:2018",
    "--size 512 --spacing 12.5": "--size 32 --spacing 200 --states-per-month 1 --years 2012:2018",
    "--samples 128": "--samples 12",
    "--samples 48": "--samples 12",
    "--samples 36": "--samples 12",
    "--members 20 --rank 10": "--members 3 --rank 2",
    "--members 20": "--members 2",
    "--members 22": "--members 4",
}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each shell and Python block."""
    found = BLOCK.findall((ROOT / page).read_text())
    assert all(language for language, _ in found), f"{page}: a block names no language"
    return [(language, text) for language, text in found if language in ("sh", "python")]


@pytest.fixture(scope="module")
def package(tiny, tmp_path_factory) -> Path:
    """A folder with python/icegen and torchscript/, whose shipped configurations and whose shipped archive are tiny."""
    folder = tmp_path_factory.mktemp("package")
    package = folder / "python" / "icegen"
    configs = package / "training/configs"
    configs.mkdir(parents=True)
    for part in (ROOT / "python/icegen", ROOT / "python/icegen/training"):
        for path in part.iterdir():
            if path.name not in ("training", "configs", "__pycache__"):
                (package / path.relative_to(ROOT / "python/icegen")).symlink_to(path)
    tiny_configuration = (ROOT / "python/icegen/training/configs/tiny.yaml").read_text()
    five = tiny_configuration.replace("[sic, sit]", "[sic, sit, sid, siu, siv]")
    daily = f"{tiny_configuration}averaging: 1\n"
    configurations = {"tiny": tiny_configuration, "observed": tiny_configuration, "daily": daily, "idealised": five} | {
        f"comparison_{model}": f"{five}space: {'data' if model == 'data' else 'latent'}\ncondition: none\n"
        for model in ("data", "gaussian", "censored")
    }
    for name, text in configurations.items():
        (configs / f"{name}.yaml").write_text(text)
    (folder / "torchscript").mkdir()
    described = archive.describe(tiny / "tiny.pt")
    year, *others = described.metadata["condition"]
    metadata = described.metadata | {"name": "arctic_observed", "condition": [year | {"range": [1978, 2017]}, *others]}
    module = torch.jit.load(str(tiny / "tiny.pt"))
    archive.save(folder / "torchscript/arctic_observed.pt", module, metadata, described.grid)
    return folder


@pytest.fixture(scope="module")
def environment(package) -> Iterator[dict[str, str]]:
    """Variables with which `icegen` is the command line of the package, and `page` runs a script, in warm processes."""
    bin = package / "bin"
    bin.mkdir()
    names = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "PMI_"))}
    names |= ENVIRONMENT | {
        "PATH": f"{bin}:{os.environ['PATH']}",
        "PYTHONPATH": str(package / "python"),
        "ICEGEN_BUILD": str(BUILD),
    }
    with tempfile.TemporaryDirectory() as short:  # a socket's path has at most 107 characters
        socket = Path(short) / "socket"
        warm.write_client(bin / "icegen", socket, "-m", "icegen")
        warm.write_client(bin / "page", socket)
        with warm.server(socket, names):
            yield names


@pytest.fixture
def checkout(package, tiny, tmp_path) -> Path:
    """A folder like a checkout, with the shipped archive, a build, and the data of the pages, all tiny."""
    (tmp_path / "torchscript").mkdir()
    shutil.copy(package / "torchscript/arctic_observed.pt", tmp_path / "torchscript")
    (tmp_path / "arctic_monthly.nc").symlink_to(tiny / "source.nc")
    write_daily(tiny / "source.nc", tmp_path / "daily_sic.nc")
    write_cice(tmp_path / "iced.nc", write_pop_grid(tmp_path / "grid.nc"))
    write_si3(tmp_path / "restart_ice.nc", write_pop_grid(tmp_path / "mesh_mask.nc"))
    write_nextsim(tmp_path / "restart.nc", tmp_path / "grid.nc")
    (tmp_path / "run").mkdir()
    write_mitgcm(tmp_path / "run")
    require_built(BUILD / "lib/libicegen.so")
    (tmp_path / "build").symlink_to(BUILD)
    return tmp_path


def write_daily(monthly: Path, path: Path) -> None:
    """The states of a file as if they were those of successive days, without thickness."""
    shutil.copy(monthly, path)
    with netCDF4.Dataset(path, "a") as nc:
        nc["time"][:] = 365 + np.arange(len(nc["time"]))
        nc.renameVariable("sit", "unknown")
        nc["unknown"].standard_name = "unknown"


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES)
def test_page_runs(page, checkout, environment):
    """One Python process runs a page from top to bottom, as a notebook would, with a shell for each of its others."""
    script = "import subprocess\n"
    for language, text in blocks(page):
        if language == "sh":
            text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(tuple(ELSEWHERE)))
            for long, short in SHORTER.items():
                text = text.replace(long, short)
            text = f"subprocess.run(['bash', '-euo', 'pipefail', '-c', {text!r}], check=True)\n"
        script += text
    (checkout / "page.py").write_text(script)
    done = subprocess.run(
        ["page", "page.py"], cwd=checkout, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_runs_elsewhere_does():
    for command, place in ELSEWHERE.items():
        assert any(command in text for page in PAGES for _, text in blocks(page)), f"no page has {command}"
        assert place is None or (ROOT / place).exists()


def test_links_lead_somewhere():
    pages = [ROOT / "torchscript/README.md", ROOT / "fortran_bridge/examples/README.md"]
    for page in [*ROOT.glob("*.md"), *pages, *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_examples_expected_output_is_of_the_shipped_archive():
    """A new archive makes other numbers: run an example and write its output down again."""
    text = (ROOT / "fortran_bridge/examples/README.md").read_text()
    (digest,) = re.findall(r"`arctic_observed` ([0-9a-f]{12})", text)
    assert archive.describe(ROOT / "torchscript/arctic_observed.pt").sha256.startswith(digest)


def test_design_names_every_file():
    """A reader finds each file of the bridge and of the package in the tables of docs/design.md."""
    text = (ROOT / "docs/design.md").read_text()
    whole = ("archive", "data", "ensemble", "host", "maps", "model", "training")  # rooms whose files stand in the table
    folders = [("fortran_bridge/src", ("*.cpp", "*.f90")), ("python/icegen", ("*.py", "*/"))]
    folders += [(f"python/icegen/{room}", ("*.py", "*/")) for room in whole]
    for folder, patterns in folders:
        for path in (path for pattern in patterns for path in (ROOT / folder).glob(pattern)):
            if path.name not in ("__init__.py", "__pycache__", "_bridge"):
                assert f"`{path.name}{'/' if path.is_dir() else ''}`" in text, f"{path.relative_to(ROOT)} is not named"
