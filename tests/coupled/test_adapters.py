# SPDX-License-Identifier: MIT
"""The files that a modeller copies into a model compile with stubs of the model, and agree with the library.

ci/hosts compiles them in the models themselves.
"""

import re
import subprocess
from pathlib import Path

import pytest

from compiled import BUILD, ROOT, configured, require_built

HOSTS = ROOT / "fortran_bridge/hosts"

# What the module takes from CICE.
CICE = """
module ice_kinds_mod
  integer, parameter :: char_len_long = 256, log_kind = kind(.true.), int_kind = 4, dbl_kind = 8
end module
module ice_arrays_column
  real(8), allocatable :: hin_max(:)
end module
module ice_blocks
  integer :: nx_block, ny_block
end module
module ice_calendar
  integer :: myear
  real(8) :: yday
end module
module ice_communicate
  integer :: MPI_COMM_ICE
end module
module ice_domain
  integer :: nblocks
end module
module ice_domain_size
  integer :: ncat
end module
module ice_exit
  interface
    subroutine abort_ice(error_message, file, line, doabort)
      character(len=*), intent(in), optional :: error_message, file
      integer, intent(in), optional :: line
      logical, intent(in), optional :: doabort
    end subroutine
  end interface
end module
module ice_fileunits
  integer :: nu_nml
  character(len=6), parameter :: nml_filename = 'ice_in'
end module
module ice_grid
  real(8), allocatable, dimension(:, :, :) :: tlon, tlat, hm
end module
module ice_restart_shared
  character(len=256) :: runtype
end module
"""

# What the routines take from MITgcm: macros, sizes and COMMON blocks, by the header that declares them.
MITGCM = {
    "SEAICE_OPTIONS.h": """
#define _RL REAL*8
#define _RS REAL*8
#define _d D
#define _BEGIN_MASTER(thid) IF ( thid.EQ.1 ) THEN
#define _END_MASTER(thid) ENDIF
#define _BARRIER CALL BARRIER( myThid )
""",
    "SIZE.h": """
      INTEGER sNx, sNy, OLx, OLy, nSx, nSy
      PARAMETER ( sNx=10, sNy=8, OLx=4, OLy=4, nSx=2, nSy=2 )
""",
    "EEPARAMS.h": """
      INTEGER MAX_LEN_MBUF, MAX_LEN_FNAM
      PARAMETER ( MAX_LEN_MBUF=512, MAX_LEN_FNAM=512 )
      INTEGER myBxLo(4), myBxHi(4), myByLo(4), myByHi(4)
      COMMON /EEPARAMS/ myBxLo, myBxHi, myByLo, myByHi
""",
    "EESUPPORT.h": """
      INTEGER MPI_COMM_MODEL
      COMMON /EESUPPORT/ MPI_COMM_MODEL
""",
    "PARAMS.h": """
      INTEGER nIter0
      _RL baseTime
      COMMON /PARAMS/ baseTime, nIter0
""",
    "GRID.h": """
      _RS xC(1-OLx:sNx+OLx,1-OLy:sNy+OLy,nSx,nSy)
      _RS yC(1-OLx:sNx+OLx,1-OLy:sNy+OLy,nSx,nSy)
      _RS maskInC(1-OLx:sNx+OLx,1-OLy:sNy+OLy,nSx,nSy)
      COMMON /GRID/ xC, yC, maskInC
""",
    "SEAICE_SIZE.h": "",
    "SEAICE.h": """
      _RL AREA(1-OLx:sNx+OLx,1-OLy:sNy+OLy,nSx,nSy)
      _RL HEFF(1-OLx:sNx+OLx,1-OLy:sNy+OLy,nSx,nSy)
      COMMON /SEAICE/ AREA, HEFF
""",
}


def inserted(patch: str, pattern: str) -> list[str]:
    """The lines with the pattern that a patch inserts."""
    lines = [line[1:].strip() for line in (HOSTS / patch).read_text().splitlines() if line.startswith("+")]
    return [line for line in lines if re.search(pattern, line)]


def refusals(folder, source: str, *options: str) -> str:
    """What the compiler of the build says about a source in the folder; empty if it accepts it."""
    command = [configured("CMAKE_Fortran_COMPILER"), "-fsyntax-only", *options, f"-I{BUILD}/modules", source]
    compiled = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert compiled.returncode == 0 or compiled.stderr
    return compiled.stderr


def cice(folder, change=lambda text: text) -> str:
    """What the compiler says about the module, changed, and a caller with the lines of the patch."""
    require_built(BUILD / "modules/icegen.mod")
    (folder / "cice.f90").write_text(CICE)
    assert refusals(folder, "cice.f90") == ""  # writes the files of the modules
    uses = inserted("cice/cice.patch", "^use ice_restoring_icegen")
    calls = inserted("cice/cice.patch", r"call icegen_\w+")
    assert len(uses) == len(calls) == 2
    caller = [
        "subroutine caller",
        *uses,
        "implicit none",
        "character(len=256) :: restore_data",
        "real(8), allocatable, dimension(:, :, :, :) :: aicen_restoring, vicen_restoring, vsnon_restoring",
        "real(8), allocatable :: fval_restoring(:, :, :)",
        *calls,
        "end subroutine\n",
    ]
    module = (HOSTS / "cice/ice_restoring_icegen.F90").read_text()
    (folder / "module.F90").write_text(change(module) + "\n".join(caller))
    return refusals(folder, "module.F90")


def mitgcm(folder, change=lambda text: text) -> str:
    """What the compiler says about the routines, changed, and a caller with the lines of the patch."""
    for name, text in MITGCM.items():
        (folder / name).write_text(text)
    externals = (ROOT / "fortran_bridge/src/externals.f90").read_text()
    headings = re.findall(r"^subroutine icegen_.*?(?=^  character\(len=message_length\)|^$)", externals, re.M | re.S)
    assert len(headings) > 15
    # gfortran compares the calls in a file with the procedures in it, so the library's are there, without bodies.
    known = "".join(f"{heading}end subroutine\n" for heading in headings)
    known = re.sub("^ *use icegen_handles.*\n", "", known, flags=re.M)
    known = re.sub("^ *", "      ", known, flags=re.M)
    calls = inserted("mitgcm/mitgcm.patch", "CALL SEAICE_ICEGEN")
    assert len(calls) == 2
    lines = ["SUBROUTINE CALLER( myTime, myIter, myThid )", "REAL*8 myTime", *calls, "END"]
    caller = "".join(f"      {line}\n" for line in lines)
    routines = (HOSTS / "mitgcm/seaice_icegen.F").read_text()
    (folder / "routines.F").write_text(known.rstrip(" ") + change(routines) + caller)
    return refusals(folder, "routines.F", "-ffixed-line-length-none")


@pytest.fixture(autouse=True)
def with_gfortran():
    """Options, and the comparison of calls within a file, are gfortran's."""
    if "gfortran" not in Path(configured("CMAKE_Fortran_COMPILER")).name:
        pytest.skip("another Fortran compiler than gfortran")


@pytest.mark.parametrize("host", [cice, mitgcm])
def test_compiles(host, tmp_path):
    assert host(tmp_path) == ""


@pytest.mark.parametrize(
    ("host", "old", "new"),
    [
        (cice, "first_member=member", "member=member"),
        (cice, "subroutine icegen_restoring_data(aicen, ", "subroutine icegen_restoring_data("),
        (mitgcm, "icegenDistance, iErr )", "iErr )"),
        (mitgcm, "ICEGEN_MESSAGE( handle, msgBuf )", "ICEGEN_MESSAGE( handle, valid )"),
        (mitgcm, "SEAICE_ICEGEN( myTime, myIter, myThid )", "SEAICE_ICEGEN( myTime, myThid )"),
    ],
)
def test_finds_what_does_not_fit(host, old, new, tmp_path):
    """Neither compiles where it calls the library, or the patch calls it, with other arguments."""

    def change(text):
        assert old in text
        return text.replace(old, new)

    assert "Error" in host(tmp_path, change)


def test_statements_fit_fixed_form():
    """A compiler reads columns 1 to 72 only."""
    lines = (HOSTS / "mitgcm/seaice_icegen.F").read_text().splitlines()
    assert [line for line in lines if len(line) > 72 and not line.startswith("C")] == []


@pytest.mark.parametrize("file", ["cice/ice_restoring_icegen.F90", "mitgcm/seaice_icegen.F"])
def test_readme_has_all_settings(file):
    """The README beside the file has a row or a line for each setting of its namelist group."""
    text = (HOSTS / file).read_text()
    group = re.search(r"^ +namelist */\w+/((?:.|\n +& )*)", text, re.M | re.I)[1]
    names = re.findall(r"\w+", group)
    assert len(names) >= 4
    readme = (HOSTS / file).with_name("README.md").read_text()
    assert [name for name in names if not re.search(rf"\b{name}\b.* =|`{name}`", readme)] == []
