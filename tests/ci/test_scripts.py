# SPDX-License-Identifier: MIT
"""The scripts of ci/: their help, and what they refuse before any work."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch

from compiled import BUILD, ROOT, require_built

SCRIPTS = [
    "ci/api",
    "ci/docs",
    "ci/setup",
    "ci/demo",
    "ci/test",
    "ci/builds",
    "ci/coverage",
    "ci/fuzz",
    "ci/gpu",
    "ci/lint",
    "ci/soak",
]


def run(*arguments, timeout=120, **environment):
    command = [str(ROOT / arguments[0]), *(str(a) for a in arguments[1:])]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, timeout=timeout, check=False
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_help(script):
    process = run(script, "--help")
    assert process.returncode == 0
    assert process.stdout.startswith(f"Usage: {script}")


@pytest.mark.parametrize("script", SCRIPTS)
def test_unknown_argument(script):
    process = run(script, "--nonsense")
    assert process.returncode == 2
    assert "--nonsense" in process.stderr


@pytest.mark.parametrize("ranks", ["0", "-1", "four", "1.5"])
def test_demo_refuses_ranks(ranks, tmp_path):
    process = run("ci/demo", "--ranks", ranks, "--out", tmp_path / "out")
    assert process.returncode == 1
    assert process.stderr.splitlines() == [f"ci/demo: ranks is '{ranks}'; wanted a whole number from 1"]
    assert not (tmp_path / "out").exists()


def test_demo_refuses_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    process = run("ci/demo", "--out", tmp_path / "file" / "out")
    assert process.returncode == 1
    assert process.stderr.splitlines() == [f"ci/demo: folder {tmp_path}/file/out cannot be made"]


def test_setup_names_what_it_cannot_install(tmp_path):
    """Without apt-get it says what it looked for, and how to point to another."""
    for tool in ("bash", "env", "dirname", "cat", "id"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    process = run("ci/setup", PATH=str(tmp_path), FC="nagfor", MPI_HOME="/opt/mpi", PYTHON="nopython")
    assert process.returncode == 1
    for words in ("nagfor on PATH; $FC", "or in /opt/mpi/bin; $MPI_HOME", "netcdf-fortran.pc", "cmake 3.22"):
        assert words in process.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_wants_a_gpu(tmp_path):
    process = run("ci/gpu", "--out", tmp_path, PYTHON=sys.executable)
    assert process.returncode == 1
    wanted = f"ci/gpu: torch {torch.__version__} sees no CUDA GPU; --dry shows on the CPU what can be shown there"
    assert process.stderr.splitlines() == [wanted]


def test_gpu_refuses_a_python_that_is_not_there():
    process = run("ci/gpu", PYTHON="nopython")
    assert process.returncode == 1
    assert process.stderr.splitlines() == ["ci/gpu: PYTHON is 'nopython'; wanted a Python with torch"]


@pytest.mark.long
def test_gpu_dry_run(tiny, tmp_path):
    """The script, the tests and the bench on the CPU, with the build and the tiny archive that are there."""
    require_built(BUILD / "lib/libicegen_backend_torch.so")
    there = {"PYTHON": sys.executable, "ICEGEN_BUILD": str(BUILD), "ICEGEN_TINY": str(tiny)}
    process = run("ci/gpu", "--dry", "--out", tmp_path, timeout=400, **there)
    assert process.returncode == 0, process.stdout + process.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert process.stdout == (tmp_path / "report.txt").read_text()
    results = {one["name"]: one["result"] for one in report["tests"]}
    assert results["test_numbers: test_any_batch"] == "passed"
    assert results["test_sharing: test_the_second_gpu"] == "skipped"
    assert "failed" not in results.values()
    rows, left_out = report["bench"]["rows"], report["bench"]["left_out"]
    assert rows["seconds of a sample, 2, bfloat16"]["figure"] > 0
    assert rows["training of the diffusion"]["figure"] > 0
    assert left_out["recording, 1"] == "the device is cpu; wanted a GPU, whose work is recorded"


@pytest.mark.long
def test_demo_names_a_missing_mpirun(tmp_path):
    require_built(BUILD / "CMakeCache.txt")
    process = run("ci/demo", "--out", tmp_path, MPIEXEC="/nowhere/mpirun")
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1].startswith("ci/demo: '/nowhere/mpirun' is not there; set MPIEXEC")
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_style_and_types():
    """What a commit is checked for; clang-tidy apart, which takes long."""
    require_built(BUILD / "compile_commands.json")
    process = run("ci/lint", "--quick")
    assert process.returncode == 0, process.stdout + process.stderr
