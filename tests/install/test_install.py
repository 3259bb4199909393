# SPDX-License-Identifier: MIT
"""Outside programs build and run against an installed copy that was moved: with CMake, and with pkg-config alone.

The programs are the examples, which must all tell the same of the same year; without MPI, the serial test.
"""

import re
import shutil
import sys

import numpy as np
import pytest

from compiled import BUILD, ROOT, configured, mpirun

EXAMPLES = ROOT / "fortran_bridge/examples"

CMAKE = """\
cmake_minimum_required(VERSION 3.22)
project(outside LANGUAGES {languages})
{find}
find_package(icegen 0.2 REQUIRED)
add_executable(outside {source})
target_link_libraries(outside PRIVATE icegen::icegen {libraries})
"""


@pytest.fixture(scope="module")
def year() -> dict:
    """What the first example told of the year, for the others to compare with."""
    return {}


def compare(told: str, year: dict) -> None:
    lines = told.splitlines()
    assert len(lines) == 12
    pattern = r"2001-\d\d +(\d+\.\d{3}) million km2 +(\d+\.\d{3}) thousand km3"
    numbers = [float(number) for line in lines for number in re.fullmatch(pattern, line).groups()]
    assert len(set(numbers)) > 12, "the months differ"
    assert all(0.1 < number < 50 for number in numbers)
    assert year.setdefault("numbers", numbers) == pytest.approx(numbers, abs=0.0011)  # sums differ in their last bits


@pytest.mark.parametrize(
    ("source", "wrapper"), [("modern.f90", "mpif90"), ("fixed_form.f", "mpif77"), ("host.c", "mpicc")]
)
def test_bare_line(outside, year, source, wrapper):
    """One line: the MPI wrapper, the source, and what pkg-config gives."""
    if not outside.mpi:
        pytest.skip("a build without MPI")
    if wrapper == "mpicc":
        compiler = configured("MPI_C_COMPILER")
    else:
        compiler = configured("MPI_Fortran_COMPILER").replace("mpifort", wrapper)
    flags = outside.pkg_config("--cflags", "--libs")
    outside.run(compiler, EXAMPLES / source, "-o", "example", *flags, *(["-lm"] if wrapper == "mpicc" else []))
    compare(outside.year("example"), year)


def test_perturbing_host(outside):
    """The example with ice of its own: members are that ice at level 0, and spread more at each further level."""
    if not outside.mpi:
        pytest.skip("a build without MPI")
    flags = outside.pkg_config("--cflags", "--libs")
    outside.run(configured("MPI_Fortran_COMPILER"), EXAMPLES / "perturb.f90", "-o", "perturb", *flags)
    told = [mpirun(ranks, outside.folder / "perturb", outside.namelist, 2001) for ranks in (1, 2)]
    assert all(run.returncode == 0 for run in told), told[1].stdout + told[1].stderr
    areas = np.array([[line.split()[2:] for line in run.stdout.splitlines()] for run in told], float)
    assert areas.shape == (2, 4, 4)
    np.testing.assert_allclose(areas[0], areas[1], atol=0.0011)  # sums differ in their last bits
    spread = np.ptp(areas[0], axis=1)
    assert spread[0] == 0
    assert (np.diff(spread) > 0).all()


def test_observing_host(outside):
    """The example with observations: the members that agree with them are others than the samples, on any ranks."""
    if not outside.mpi:
        pytest.skip("a build without MPI")
    flags = outside.pkg_config("--cflags", "--libs")
    outside.run(configured("MPI_Fortran_COMPILER"), EXAMPLES / "observe.f90", "-o", "observe", *flags)
    told = [mpirun(ranks, outside.folder / "observe", outside.namelist, 2001) for ranks in (1, 2)]
    assert all(run.returncode == 0 for run in told), told[1].stdout + told[1].stderr
    assert [line.split()[0] for line in told[0].stdout.splitlines()] == ["samples", "observed"]
    volumes = np.array([[line.split()[1:] for line in run.stdout.splitlines()] for run in told], float)
    assert volumes.shape == (2, 2, 4)
    np.testing.assert_allclose(volumes[0], volumes[1], atol=0.0011)  # sums differ in their last bits
    assert (np.abs(volumes[0, 0] - volumes[0, 1]) > 0.01).all()


def test_python_host(outside, year, monkeypatch):
    """The example in Python, through icegen.bridge."""
    if configured("ICEGEN_PYTHON") != "ON":
        pytest.skip("a build without ICEGEN_PYTHON")
    monkeypatch.setenv("ICEGEN_BUILD", str(BUILD))
    finished = mpirun(2, sys.executable, EXAMPLES / "host.py", outside.namelist, 2001)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    compare(finished.stdout, year)
    finished = mpirun(2, sys.executable, EXAMPLES / "host.py", outside.namelist, 1900)
    assert finished.returncode != 0
    assert "year is 1900" in finished.stderr


@pytest.mark.long
@pytest.mark.parametrize("kind", ["", "-fdefault-real-8"])
def test_first_ensemble_of_pdaf(outside, kind):
    """The call-back, compiled with both kinds of REAL, against PDAF's interface: members at the ranks' points."""
    if not outside.mpi:
        pytest.skip("a build without MPI")
    compiler = configured("MPI_Fortran_COMPILER")
    sources = [EXAMPLES / "pdaf_init_ens.f90", ROOT / "tests/install/pdaf_stub.f90"]
    flags = [*outside.pkg_config("--cflags", "--libs"), *([kind] if kind else [])]
    outside.run(compiler, *sources, "-o", "stub", *flags)
    told = [mpirun(ranks, outside.folder / "stub", outside.namelist) for ranks in (1, 2)]
    assert all(run.returncode == 0 for run in told), told[1].stdout + told[1].stderr
    means = np.array([run.stdout.split() for run in told], float).reshape(2, 3, 2)
    np.testing.assert_allclose(means[0], means[1], atol=2e-5)
    assert np.all(np.diff(means[0], axis=0) != 0), "the members differ"
    assert np.all((means[0] > 0) & (means[0] < [1, 5]))
    refused = mpirun(2, outside.folder / "stub", outside.namelist, "x")
    assert refused.returncode == 3
    assert "icegen: dim_p is 13; wanted concentration and volume of the points, 12" in refused.stderr


@pytest.mark.long
@pytest.mark.parametrize(("source", "language"), [("modern.f90", "Fortran"), ("host.c", "C")])
def test_cmake_project(outside, year, source, language):
    """find_package, one target, and no more languages than the program's own where the library is shared."""
    if not outside.mpi:
        pytest.skip("a build without MPI")
    project = CMAKE.format(
        languages=language if outside.shared else "C CXX Fortran",
        find=f"find_package(MPI REQUIRED COMPONENTS {language})",
        source=EXAMPLES / source,
        libraries=f"MPI::MPI_{language} {'m' if language == 'C' else ''}",
    )
    outside.cmake(project)
    compare(outside.year("build/outside"), year)


def test_without_mpi(outside, tiny):
    """A serial program, with pkg-config and with CMake."""
    if outside.mpi:
        pytest.skip("a build with MPI")
    source = ROOT / "tests/serial/test_serial.f90"
    flags = outside.pkg_config("--cflags", "--libs")
    outside.run(configured("CMAKE_Fortran_COMPILER"), source, "-o", "bare", *flags)
    outside.cmake(
        CMAKE.format(languages="Fortran" if outside.shared else "CXX Fortran", find="", source=source, libraries="")
    )
    shutil.copy(tiny / "tiny.pt", outside.folder)
    for program in ("./bare", "build/outside"):
        outside.run(program, outside.folder, BUILD / "lib/libfault_backend.so")


def test_static_library_names_the_languages_it_wants(outside):
    if outside.shared:
        pytest.skip("a shared library wants none")
    project = CMAKE.format(languages="C", find="", source=EXAMPLES / "host.c", libraries="")
    with pytest.raises(AssertionError, match="LANGUAGES CXX Fortran"):
        outside.cmake(project)


def test_static_flags(outside):
    """`pkg-config --static` gives the same line: what a static library needs is in it always."""
    assert outside.pkg_config("--libs", "--static") == outside.pkg_config("--libs")
    files = {path.name for path in next(outside.installed.glob("lib*")).iterdir()}
    assert ("libicegen.so" in files) == outside.shared
    assert ("libicegen.a" in files) != outside.shared
