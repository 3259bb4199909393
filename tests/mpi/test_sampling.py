# SPDX-License-Identifier: MIT
"""`icegen sample` under mpirun: the same files on any number of ranks, resumed runs, and failures on one rank."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from compiled import ENVIRONMENT

pytest.importorskip("mpi4py")
MPIRUN = shutil.which("mpirun") or shutil.which("mpiexec")
pytestmark = pytest.mark.skipif(MPIRUN is None, reason="there is no mpirun")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "PMI_"))}


def command(ranks: int, tiny, out, *arguments) -> list[str]:
    program = [sys.executable, "-m", "icegen", "sample", "--archive", tiny / "tiny.pt", "--out", out, *arguments]
    return [str(part) for part in ([MPIRUN, "-n", ranks, *program] if ranks else program)]


def sample(ranks: int, tiny, out, *arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(ranks, tiny, out, *arguments),
        capture_output=True,
        text=True,
        env=CLEAN | ENVIRONMENT,
        timeout=300,
        check=False,
    )


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


REQUEST = ("--members", "2", "--years", "2000:2001", "--dates", "03-15,07-15,09-15", "--steps", "2")


@pytest.fixture(scope="module")
def alone(tiny, tmp_path_factory):
    """The files of one process without MPI."""
    folder = tmp_path_factory.mktemp("alone") / "out"
    run = sample(0, tiny, folder, *REQUEST)
    assert run.returncode == 0, run.stderr
    assert sorted(contents(folder)) == ["seaice_2000.nc", "seaice_2001.nc"]
    return contents(folder)


@pytest.mark.long
def test_identical_files(tiny, tmp_path, alone):
    """On three ranks; test_killed_and_resumed has two."""
    run = sample(3, tiny, tmp_path / "out", *REQUEST)
    assert run.returncode == 0, run.stderr
    assert contents(tmp_path / "out") == alone
    assert [line for line in run.stderr.splitlines() if line.startswith("sampling 12/12")], "one rank shows progress"
    assert run.stderr.count("sampling 12/12") == 1


@pytest.mark.long
def test_killed_and_resumed(tiny, tmp_path, alone):
    """After kill -9 only whole files are there; they are kept as they are, and the rest is made."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "seaice_2000.nc").write_bytes(alone["seaice_2000.nc"])
    os.utime(out / "seaice_2000.nc", (1, 1))
    with subprocess.Popen(
        command(0, tiny, out, *REQUEST[:-1], "2"), env=CLEAN | ENVIRONMENT, stderr=subprocess.PIPE
    ) as process:
        for _ in range(2000):
            if list(out.glob(".seaice_2001.nc.*.partial")) or process.poll() is not None:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    (out / "seaice_2001.nc").unlink(missing_ok=True)  # it was too quick for the kill
    (out / ".seaice_2001.nc.1.partial").write_bytes(b"half")
    run = sample(2, tiny, out, *REQUEST)
    assert run.returncode == 0, run.stderr
    assert "1 of 2 files exist already" in run.stderr
    assert contents(out) == alone, "nor is anything half-written left"
    assert (out / "seaice_2000.nc").stat().st_mtime == 1


def test_one_line_for_what_all_ranks_refuse(tiny, tmp_path):
    run = sample(2, tiny, tmp_path / "out", *REQUEST[:2], "--years", "1900")
    assert run.returncode == 1
    ours = [line for line in run.stderr.splitlines() if line.startswith("icegen:")]
    assert ours == ["icegen: year is 1900; this archive takes 2000 to 2002"]
    assert not (tmp_path / "out").exists()


FAILING = """
import sys
from icegen import archive
from icegen.command import main as cli
from mpi4py import MPI

generate = archive.Archive.generate
def fails(self, members, **key):
    if MPI.COMM_WORLD.rank == 1 and key["day_of_year"] > 200:
        raise RuntimeError("CUDA error: out of memory")
    return generate(self, members, **key)
archive.Archive.generate = fails
cli.main()
"""


@pytest.mark.long
def test_a_failing_rank_ends_the_run_with_its_message(tiny, tmp_path):
    arguments = [sys.executable, "-c", FAILING, *command(0, tiny, tmp_path / "out", *REQUEST)[3:]]
    run = subprocess.run(
        [MPIRUN, "-n", "3", *arguments],
        capture_output=True,
        text=True,
        env=CLEAN | ENVIRONMENT,
        timeout=300,
        check=False,
    )
    assert run.returncode != 0
    ours = [line for line in run.stderr.splitlines() if line.startswith("icegen:")]
    assert len(ours) == 1, run.stderr
    assert ours[0].startswith("icegen: rank 1: member")
    assert ours[0].endswith("CUDA error: out of memory")
    with contextlib.suppress(FileNotFoundError):
        assert list((tmp_path / "out").iterdir()) == []


def test_ranks_that_do_not_see_each_other(tiny, tmp_path):
    """As under the mpirun of another MPI, where each rank would take itself for all."""
    environment = CLEAN | {"PMI_RANK": "0", "PMI_SIZE": "3"}
    run = subprocess.run(
        command(0, tiny, tmp_path / "out", *REQUEST), capture_output=True, text=True, env=environment, check=False
    )
    assert run.returncode == 1
    assert run.stderr.startswith("icegen: started on 3 MPI ranks, of which mpi4py (Open MPI")
    assert run.stderr.rstrip().endswith("sees 1; wanted an mpi4py and a launcher of one MPI")
