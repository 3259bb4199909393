# SPDX-License-Identifier: MIT
"""`icegen restart` under mpirun: the ranks share the members, and the files are those of one process."""

import os
import shutil
import subprocess
import sys

import pytest

from compiled import BUILD, ENVIRONMENT, require_built
from host_files import write_cice, write_pop_grid

pytest.importorskip("mpi4py")
MPIRUN = shutil.which("mpirun") or shutil.which("mpiexec")
pytestmark = pytest.mark.skipif(MPIRUN is None, reason="there is no mpirun")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "PMI_"))}


def restart(ranks: int, tiny, folder, out, *arguments) -> subprocess.CompletedProcess:
    files = (
        "--template",
        folder / "iced.nc",
        "--grid",
        folder / "grid.nc",
        "--archive",
        tiny / "tiny.pt",
        "--out",
        out,
    )
    date = ("--year", 2001, "--day", 75, "--steps", 2)
    program = [sys.executable, "-W", "ignore", "-m", "icegen", "restart", "cice", *files, *date, *arguments]
    return subprocess.run(
        [str(part) for part in ([MPIRUN, "-n", ranks, *program] if ranks else program)],
        capture_output=True,
        text=True,
        env=CLEAN | ENVIRONMENT | {"ICEGEN_BUILD": str(BUILD)},
        timeout=300,
        check=False,
    )


def contents(out) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in out.glob("member_*/iced.nc")}


@pytest.mark.long
def test_the_same_files_on_any_number_of_ranks(tiny, tmp_path):
    require_built(BUILD / "lib/libicegen.so")
    write_cice(tmp_path / "iced.nc", write_pop_grid(tmp_path / "grid.nc"), format="NETCDF3_64BIT_OFFSET")
    alone = restart(0, tiny, tmp_path, tmp_path / "alone", "--members", 3)
    assert alone.returncode == 0, alone.stderr
    shared = restart(2, tiny, tmp_path, tmp_path / "shared", "--members", 2)
    assert shared.returncode == 0, shared.stderr
    more = restart(2, tiny, tmp_path, tmp_path / "shared", "--members", 3)
    assert more.returncode == 0, more.stderr
    assert contents(tmp_path / "shared") == contents(tmp_path / "alone")
    assert len(contents(tmp_path / "alone")) == 3
    refused = restart(2, tiny, tmp_path, tmp_path / "shared", "--members", 3, "--seed", 1)
    assert refused.returncode != 0
    lines = [line for line in refused.stderr.splitlines() if line.startswith("icegen: ")]
    assert len(lines) == 1
    assert "holds another request: its seed is 0, wanted 1" in lines[0]
