# SPDX-License-Identifier: MIT
"""Builds the compiled bridge with CMake into the package; everything else stands in pyproject.toml.

`pip install --no-build-isolation .` in an environment with torch. ICEGEN_BRIDGE=off leaves the bridge out; without
it, a missing CMake, Fortran compiler or MPI leaves it out with a warning, and ICEGEN_BRIDGE=on makes that an error.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()
# From icegen/_bridge/lib to torch/lib, both in one site-packages.
RPATH = "$ORIGIN;$ORIGIN/../../../torch/lib"


def missing() -> list[str]:
    """What the bridge needs and is not here."""
    tools = {
        "CMake": "cmake",
        "a Fortran compiler ($FC or gfortran)": os.environ.get("FC", "gfortran"),
        "MPI (mpifort)": "mpifort",
    }
    mpi_home = os.environ.get("MPI_HOME")
    path = os.environ["PATH"] + (f":{mpi_home}/bin" if mpi_home else "")
    return [name for name, command in tools.items() if shutil.which(command, path=path) is None]


class BuildBridge(build_ext):
    """Configures, builds and installs the bridge into icegen/_bridge."""

    def build_extension(self, ext: Extension) -> None:
        """Run CMake."""
        target = Path(self.get_ext_fullpath(ext.name)).parent.resolve() / "_bridge"
        build = Path(self.build_temp).resolve()
        configure = [
            "cmake",
            *("-S", str(ROOT), "-B", str(build)),
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-DCMAKE_INSTALL_PREFIX={target}",
            "-DCMAKE_INSTALL_LIBDIR=lib",
            f"-DCMAKE_INSTALL_RPATH={RPATH}",
            "-DICEGEN_HOST=OFF",
            "-DICEGEN_TESTS=OFF",
        ]
        for command in (
            configure,
            ["cmake", "--build", str(build), "--parallel"],
            ["cmake", "--install", str(build)],
        ):
            if subprocess.run(command, check=False).returncode != 0:
                sys.exit("icegen's bridge cannot be built, see above; ICEGEN_BRIDGE=off leaves it out")


wanted = os.environ.get("ICEGEN_BRIDGE", "auto")
if wanted not in ("auto", "on", "off"):
    sys.exit(f"ICEGEN_BRIDGE is {wanted!r}; wanted auto, on or off")
lacking = missing() if wanted != "off" else []
if lacking and wanted == "on":
    sys.exit(f"icegen's bridge needs {' and '.join(lacking)}; install them, or set ICEGEN_BRIDGE=off")
if lacking:
    sys.stderr.write(f"icegen is built without its Fortran bridge, which needs {' and '.join(lacking)}\n")
build_bridge = wanted != "off" and not lacking
setup(
    ext_modules=[Extension("icegen._bridge_placeholder", sources=[])] if build_bridge else [],
    cmdclass={"build_ext": BuildBridge},
)
