# SPDX-License-Identifier: MIT
"""The compiled bridge: where it is installed, and what its build requires.

setup.py uses this module before any other package is installed, so it imports only the standard library.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path


def bridge_folder() -> Path:
    """Folder of the compiled bridge, for CMAKE_PREFIX_PATH: lib/ and include/.

    This is the folder that ICEGEN_BUILD names, or else one in the package, or build/ of a checkout. Raises
    FileNotFoundError if the package was installed without the bridge.
    """
    package = Path(__file__).parents[1]
    named = os.environ.get("ICEGEN_BUILD")
    folders = [Path(named)] if named else [package / "_bridge", package.parents[1] / "build"]
    for folder in folders:
        if (folder / "lib").is_dir():
            return folder
    raise FileNotFoundError(f"there is no {folders[0]}: icegen was installed without its bridge (no Fortran or MPI)")


def missing_for_build() -> list[str]:
    """The missing tools and packages that the build of the bridge requires, in words."""
    mpi_home = os.environ.get("MPI_HOME")
    path = os.environ.get("PATH", "") + (f":{mpi_home}/bin" if mpi_home else "")
    tools = {
        "CMake": "cmake",
        "a Fortran compiler ($FC or gfortran)": os.environ.get("FC", "gfortran"),
        "MPI (mpifort)": "mpifort",
    }
    packages = {"torch": "torch", "f90wrap": "f90wrap"}
    return [name for name, command in tools.items() if shutil.which(command, path=path) is None] + [
        f"the Python package {name}" for name, module in packages.items() if find_spec(module) is None
    ]
