# SPDX-License-Identifier: MIT
"""An installed copy that was moved, and the compilers of the build that it came from."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from compiled import BUILD, ENVIRONMENT, configured, mpirun, require_built

LANGUAGES = ("C", "CXX", "Fortran")


class Outside:
    """A folder outside of the repository, in which programs are built against the installed copy."""

    def __init__(self, folder: Path, installed: Path, tiny: Path):
        self.folder, self.installed = folder, installed
        self.mpi = configured("ICEGEN_MPI") == "ON"
        self.shared = configured("BUILD_SHARED_LIBS") == "ON"
        self.namelist = folder / "icegen.nml"
        self.namelist.write_text(f"&icegen_nml archive = '{tiny / 'tiny.pt'}', seed = 7 /\n")

    def run(self, *command) -> str:
        """Run a command in the folder, and return what it printed."""
        pkg_config = next(self.installed.glob("lib*/pkgconfig"))
        finished = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=os.environ | ENVIRONMENT | {"PKG_CONFIG_PATH": str(pkg_config)},
            timeout=120,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def pkg_config(self, *options) -> list[str]:
        """The flags for a compiler's command line."""
        return self.run("pkg-config", *options, "icegen").split()

    def cmake(self, project: str) -> None:
        """Build a CMake project into build/."""
        (self.folder / "CMakeLists.txt").write_text(project)
        compilers = ["CMAKE_Fortran_COMPILER"]
        if self.mpi:
            compilers += ["MPI_C_COMPILER", "MPI_CXX_COMPILER", "MPI_Fortran_COMPILER"]
        given = [f"-D{name}={configured(name)}" for name in compilers]
        self.run("cmake", "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={self.installed}", *given)
        self.run("cmake", "--build", "build")

    def year(self, program: str) -> str:
        """What an example prints about the year 2001 on two ranks."""
        finished = mpirun(2, self.folder / program, self.namelist, 2001)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    """An installed copy, moved to another folder."""
    require_built(BUILD / "CMakeCache.txt")
    folder = tmp_path_factory.mktemp("installed")
    command = ["cmake", "--install", BUILD, "--prefix", folder / "first"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    (folder / "first").rename(folder / "moved")
    if configured("ICEGEN_BACKEND_TORCH") == "OFF":  # another build's serves
        shutil.copy(BUILD / "lib/libicegen_backend_torch.so", next((folder / "moved").glob("lib*")))
    return folder / "moved"


@pytest.fixture
def outside(tmp_path, installed, tiny) -> Outside:
    return Outside(tmp_path, installed, tiny)
