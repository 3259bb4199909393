# SPDX-License-Identifier: MIT
"""The scripts of ci/: their help, and what they refuse before any work."""

import os
import shutil
import subprocess

import pytest

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
    "ci/lint",
    "ci/soak",
]


def run(*arguments, **environment):
    command = [str(ROOT / arguments[0]), *(str(a) for a in arguments[1:])]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, timeout=120, check=False
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
