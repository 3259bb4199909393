# SPDX-License-Identifier: MIT
"""Outside programs build and run against an installed copy that was moved: with CMake, and with pkg-config alone."""

import os
import subprocess

from compiled import BUILD, ENVIRONMENT, require_built

CMAKE = """\
cmake_minimum_required(VERSION 3.22)
project(outside LANGUAGES Fortran)
find_package(MPI REQUIRED COMPONENTS Fortran)
find_package(icegen 0.1 REQUIRED)
add_executable(outside outside.f90)
target_link_libraries(outside PRIVATE icegen::icegen MPI::MPI_Fortran)
"""

PROGRAM = """\
program outside
  use, intrinsic :: iso_fortran_env, only: real64
  use mpi
  use icegen, only: icegen_emulator
  implicit none
  type(icegen_emulator) :: ice
  character(len=512) :: errmsg
  real(real64) :: sic(1)
  logical :: valid(1)
  integer :: ierr
  call MPI_Init(ierr)
  call ice%open(MPI_COMM_WORLD, 'icegen.nml', ierr, errmsg)
  if (ierr == 0) call ice%add_target('pole', [0.0_real64], [90.0_real64], ierr, errmsg)
  if (ierr == 0) call ice%request(1, 2001, 75, ierr, errmsg)
  if (ierr == 0) call ice%receive('pole', 'sic', 1, sic, valid, ierr, errmsg)
  if (ierr == 0) call ice%close(ierr, errmsg)
  if (ierr /= 0) print '(a)', trim(errmsg)
  if (ierr == 0) print '(a,l2)', 'ice at the pole:', valid(1) .and. sic(1) >= 0 .and. sic(1) <= 1
  call MPI_Finalize(ierr)
end program outside
"""


def test_outside_project(tiny, tmp_path):
    require_built(BUILD / "lib/libicegen.so")

    def run(*command, **environment):
        finished = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | ENVIRONMENT | environment,
            timeout=120,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    run("cmake", "--install", BUILD, "--prefix", tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "moved")
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    (tmp_path / "outside.f90").write_text(PROGRAM)
    (tmp_path / "icegen.nml").write_text((tiny / "icegen.nml").read_text())
    # pkg-config: the flags it gives suffice by themselves.
    folder = next((tmp_path / "moved").glob("lib*/pkgconfig"))
    environment = {"PKG_CONFIG_PATH": str(folder)}
    flags = run("pkg-config", "--cflags", "--libs", "icegen", **environment).split()
    run("mpif90", "outside.f90", "-o", "bare", *flags)
    assert run("./bare").strip() == "ice at the pole: T"

    run("cmake", "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'moved'}")
    run("cmake", "--build", "build")
    assert run("build/outside").strip() == "ice at the pole: T"
