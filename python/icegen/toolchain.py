# SPDX-License-Identifier: MIT
"""What building the compiled bridge needs; setup.py asks before, icegen.bridge when there is none."""

import os
import shutil
from importlib.util import find_spec


def missing() -> list[str]:
    """What the bridge needs and is not here, in words."""
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
