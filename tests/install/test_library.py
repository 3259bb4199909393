# SPDX-License-Identifier: MIT
"""What the library shows, what it asks of others, and that it is silent."""

import re
import shutil
import subprocess

import pytest

import icegen
from compiled import BUILD, ROOT, configured, mpirun, require_built
from icegen.archive import aoti

BRIDGE = ROOT / "fortran_bridge"


def symbols(library: str, *options: str) -> set[str]:
    """Names in the dynamic symbol table of a shared library of the build."""
    path = BUILD / "lib" / library
    if configured("BUILD_SHARED_LIBS") != "ON":
        pytest.skip("a static library")
    require_built(path)
    listing = subprocess.run(["nm", "-D", "-P", *options, str(path)], capture_output=True, text=True, check=True)
    return {line.split()[0].split("@")[0] for line in listing.stdout.splitlines()}


def test_shows_its_interface_alone():
    shown = symbols("libicegen.so", "--defined-only")
    foreign = {name for name in shown if not re.match(r"icegen_|__icegen(_f08)?_MOD_|_QMicegen([PEF]|_f08)", name)}
    assert not foreign
    declared = set(re.findall(r"\b(icegen_\w+)\(", (BRIDGE / "include/icegen.h").read_text()))
    external = re.findall(r"^subroutine (icegen_\w+)", (BRIDGE / "src/externals.f90").read_text(), re.MULTILINE)
    assert {"icegen_open", "icegen_close"} <= declared
    expected = declared | {f"{name}_" for name in external}
    assert {name for name in shown if name.startswith("icegen_")} == expected


def test_has_a_version_and_no_libtorch():
    """Its name says which programs may run with it; what it needs is loaded on every rank."""
    symbols("libicegen.so")
    command = ["readelf", "-d", str(BUILD / "lib/libicegen.so")]
    tags = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    major = icegen.__version__.split(".")[0]
    assert re.findall(r"SONAME.*\[(.*)\]", tags) == [f"libicegen.so.{major}"]
    needed = re.findall(r"NEEDED.*\[(.*)\]", tags)
    assert needed
    assert not [name for name in needed if "torch" in name or "netcdf" in name]


@pytest.mark.parametrize("backend", ["torch", "aoti"])
def test_backend_shows_its_entry_alone(backend):
    if configured("ICEGEN_BACKEND_TORCH") != "ON":
        pytest.skip("a build without the libtorch backends")
    if backend == "aoti" and aoti.TORCH < aoti.LEAST_TORCH:
        pytest.skip("a build with a torch that runs no compiled networks")
    assert symbols(f"libicegen_backend_{backend}.so", "--defined-only") == {"icegen_backend_v2"}


def test_cannot_stop_or_print_or_start_mpi():
    """None of the calls by which a library ends its host, writes to it, or takes MPI over is linked at all."""
    if "--coverage" in configured("CMAKE_CXX_FLAGS"):
        pytest.skip("a build that counts its lines and writes them down")
    if "flang" in configured("CMAKE_Fortran_COMPILER"):
        pytest.skip("flang links its runtime library, which prints and stops, into ours")
    wanted = symbols("libicegen.so", "--undefined-only")
    forbidden = r"(_?exit|_Exit|abort|raise|kill|signal|sigaction|f?printf|puts|putchar|_ZSt4c(out|err)|"
    forbidden += r"_gfortran_(stop|error_stop)\w*|MPI_(Init|Init_thread|Finalize|Abort)|ompi_mpi_comm_world)"
    assert {name for name in wanted if re.fullmatch(forbidden, name)} == set()
    assert any(name.startswith("MPI_") for name in wanted) == (configured("ICEGEN_MPI") == "ON")


@pytest.mark.long
def test_says_nothing(tiny, tmp_path):
    """Neither calls that succeed nor those that are refused write to standard output or standard error."""
    if configured("ICEGEN_MPI") != "ON":
        pytest.skip("a build without MPI")
    folder = tmp_path / "tiny"
    shutil.copytree(tiny, folder)
    finished = mpirun(2, "test_emulator", folder, BUILD / "lib/libfault_backend.so")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout == "all checks passed\n", "the program's own line"
    assert finished.stderr == ""
