# SPDX-License-Identifier: MIT
"""Hosts that end in the middle of a sample, that run for long, and that valgrind watches."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compiled import BUILD, ENVIRONMENT, ROOT, mpirun, require_built

KB_PER_1000 = 1000  # bound of the memory that 1,000 requests, or openings, may take


def namelist(folder: Path, tiny: Path, backend: str) -> Path:
    path = folder / "icegen.nml"
    path.write_text(f"&icegen_nml archive = '{tiny / 'tiny.pt'}', generators = 2, backend = '{backend}' /\n")
    return path


@pytest.fixture
def broken(tmp_path, tiny) -> Path:
    """A namelist with the backend of broken_backend.cpp."""
    return namelist(tmp_path, tiny, str(BUILD / "lib/libbroken_backend.so"))


@pytest.fixture
def torch_namelist(tmp_path, tiny) -> Path:
    return namelist(tmp_path, tiny, "torch")


def run_alone(program: str, *arguments, timeout=60) -> subprocess.CompletedProcess:
    """Run a program of build/bin on one rank, without a launcher, which would change its exit status."""
    path = BUILD / "bin" / program
    require_built(path)
    command = [str(part) for part in (path, *arguments)]
    environment = os.environ | ENVIRONMENT
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, check=False)


@pytest.mark.parametrize(("how", "status", "times"), [("return", 0, 3), ("stop", 3, 1)])
def test_a_host_may_end_without_close(torch_namelist, how, status, times):
    """While libtorch runs: no crash among its static objects (half of such ends had one), and no wait for the queue."""
    for _ in range(times):
        finished = mpirun(2, "endings", torch_namelist, how, timeout=60)
        assert finished.returncode == status, finished.stdout + finished.stderr
        assert not re.search("signal|terminate called|Sanitizer", finished.stdout + finished.stderr)


@pytest.mark.parametrize("how", ["returned", "exited", "both"])
def test_a_host_may_end_in_any_thread(torch_namelist, how):
    """Another thread opens the emulator or ends the process: no crash in libtorch, and the host's own exit status."""
    for _ in range(3):
        finished = run_alone("ends", torch_namelist, how)
        assert finished.returncode == 3, finished.stdout + finished.stderr


def test_calls_at_the_end_of_the_program(broken):
    """In a function of atexit, after the thread that generates has ended: an error and no wait."""
    finished = run_alone("ends", broken, "afterwards")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    refused = "4 the program is ending; the emulator generates no more members"
    assert finished.stdout.splitlines() == [
        "test 0 ",
        f"receive {refused}",
        f"request {refused}",
        f"open {refused}",
        "close 0 ",
    ]


def test_a_crash_handler_of_the_host(broken):
    """It runs for a fault in the thread that generates."""
    assert run_alone("ends", broken, "crashed").returncode == 42


def test_calls_after_mpi_finalize(broken):
    finished = mpirun(2, "endings", broken, "late", timeout=60)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    refused = "5 MPI is finalised; the host calls icegen before MPI_Finalize"
    assert sorted(line.strip() for line in finished.stdout.splitlines()) == ["0", "0", refused, refused]


def endure(path: Path, what: str, number: int, record_property) -> None:
    """Run endurance on two ranks; what it has grown by from the second quarter to the last stays within the bound."""
    finished = mpirun(2, "endurance", path, what, number, timeout=3000)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    grown = re.search(r"memory (-?\d+) threads (-?\d+) files (-?\d+)", finished.stdout)
    memory, threads, files = (int(value) for value in grown.groups())
    per_1000 = memory / (0.5 * number / 1000)
    record_property("figure", f"{per_1000:.0f} kB per 1,000 {what}, {threads} threads, {files} files")
    record_property("bound", f"{KB_PER_1000} kB, 0 threads, 0 files")
    assert per_1000 < KB_PER_1000
    assert threads <= 0
    assert files <= 0


@pytest.mark.long
@pytest.mark.parametrize(("what", "number"), [("requests", 2000), ("openings", 300)])
def test_memory_without_a_model(broken, what, number, record_property):
    endure(broken, what, number, record_property)


@pytest.mark.soak
def test_memory_of_requests(torch_namelist, record_property):
    endure(torch_namelist, "requests", 2000, record_property)


@pytest.mark.soak
def test_memory_of_openings(torch_namelist, record_property):
    endure(torch_namelist, "openings", 400, record_property)


@pytest.fixture(scope="module")
def serial_build() -> Path:
    """A build without MPI and libtorch, in which valgrind's findings are ours."""
    require_built(BUILD / "CMakeCache.txt")
    build = BUILD / "valgrind"
    options = ["-DICEGEN_MPI=OFF", "-DICEGEN_BACKEND_TORCH=OFF", "-DCMAKE_BUILD_TYPE=Debug"]
    for command in (
        ["cmake", "-S", ROOT, "-B", build, f"-DPython_EXECUTABLE={sys.executable}", *options],
        ["cmake", "--build", build, "--parallel", "2"],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
    return build


@pytest.mark.soak
@pytest.mark.parametrize("program", ["test_parts", "faults", "life", "endurance", "endings"])
def test_valgrind(tiny, tmp_path, serial_build, program, record_property):
    """No access beyond what was allocated, nothing read before it was written, nothing lost."""
    if shutil.which("valgrind") is None:
        pytest.fail("valgrind is not installed; ci/setup --tests installs it")
    backend = serial_build / "lib/libbroken_backend.so"
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "tiny.pt").symlink_to(tiny / "tiny.pt")
    path = namelist(tmp_path, tiny, str(backend))
    arguments = {
        "test_parts": [],
        "endurance": [path, "requests", "40"],
        "endings": [path, "return"],
    }.get(program, [folder, backend])
    log = tmp_path / "valgrind.log"
    finished = subprocess.run(
        [
            *("valgrind", f"--log-file={log}", "--leak-check=full", "--errors-for-leak-kinds=definite"),
            *("--show-leak-kinds=definite", "--error-exitcode=9"),
            *(serial_build / "bin" / program, *arguments),
        ],
        env={"PATH": "/usr/bin", **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    found = re.search(r"ERROR SUMMARY: (\d+) errors", log.read_text())
    record_property("figure", f"{found[1]} errors, lost blocks among them")
    record_property("bound", "0")
    assert finished.returncode == 0, finished.stdout + finished.stderr + log.read_text()[-4000:]
