# SPDX-License-Identifier: MIT
"""The compiled bridge: where it is installed, and what is needed to build it.

setup.py uses this module before any other package is installed, so it imports the standard library alone.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path


def bridge_folder() -> Path:
    """Folder of the compiled bridge, for CMAKE_PREFIX_PATH: lib/ and include/.

    It is in the package, or in a checkout its build/, or what ICEGEN_BUILD names. Raises FileNotFoundError where the
    package was installed without it.
    """
    package = Path(__file__).parents[1]
    named = os.environ.get("ICEGEN_BUILD")
    folders = [Path(named)] if named else [package / "_bridge", package.parents[1] / "build"]
    for folder in folders:
        if (folder / "lib").is_dir():
            return folder
    raise FileNotFoundError(f"there is no {folders[0]}: icegen was installed without its bridge (no Fortran or MPI)")


def missing_for_build() -> list[str]:
    """The tools and packages that building the bridge needs and that are not here, in words."""
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
