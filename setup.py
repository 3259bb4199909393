# SPDX-License-Identifier: MIT
"""Builds the compiled bridge with CMake into the package, with the archives; the rest stands in pyproject.toml.

`pip install --no-build-isolation .` in an environment with torch and f90wrap. ICEGEN_BRIDGE=off leaves the bridge out;
without it, a missing compiler, MPI or package leaves it out with a warning, and ICEGEN_BRIDGE=on makes that an error.
"""

import os
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent.resolve()
sys.path.insert(0, str(ROOT / "python"))
from icegen.host.installation import missing_for_build  # noqa: E402

# From icegen/_bridge/lib to torch/lib, both in one site-packages.
RPATH = "$ORIGIN;$ORIGIN/../../../torch/lib"


class BuildPackage(build_py):
    """Puts the shipped archives into the package."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # a checkout has them in torchscript/
            return
        target = Path(self.build_lib) / "icegen" / "archives"
        self.mkpath(str(target))
        for archive in sorted((ROOT / "torchscript").glob("*.pt")):
            self.copy_file(str(archive), str(target))


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
            "-DICEGEN_PYTHON=ON",
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
lacking = missing_for_build() if wanted != "off" else []
if lacking and wanted == "on":
    sys.exit(f"icegen's bridge needs {' and '.join(lacking)}; install them, or set ICEGEN_BRIDGE=off")
if lacking:
    sys.stderr.write(f"icegen is built without its Fortran bridge, which needs {' and '.join(lacking)}\n")
build_bridge = wanted != "off" and not lacking
setup(
    ext_modules=[Extension("icegen._bridge_placeholder", sources=[])] if build_bridge else [],
    cmdclass={"build_ext": BuildBridge, "build_py": BuildPackage},
)
