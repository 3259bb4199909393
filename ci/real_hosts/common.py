# SPDX-License-Identifier: MIT
"""Commands, checks and comparisons that all hosts share."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import netCDF4
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("ICEGEN_BUILD", ROOT / "build"))
ADAPTERS = ROOT / "fortran_bridge/hosts"
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    # Open MPI asks for these as root, and with more ranks than cores; other MPIs ignore them.
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


class Failed(Exception):
    """A command or a run that failed: one line."""


class Checks:
    """Checks as lines on the terminal."""

    def __init__(self) -> None:
        self.failed = 0

    def add(self, holds: bool, what: str) -> None:
        self.failed += not holds
        print(f"{'passed' if holds else 'FAILED'}  {what}", flush=True)

    def say(self, what: str) -> None:
        print(f"        {what}", flush=True)


def command(words: list, folder: Path, log: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command with a log in its folder. Returns its output; raises Failed with the log's path if it fails."""
    path = folder / log
    with path.open("w") as output:
        done = subprocess.run(
            [str(word) for word in words], cwd=folder, stdout=output, stderr=subprocess.STDOUT, check=False,
            env=os.environ | ENVIRONMENT | (environment or {}),
        )  # fmt: skip
    if done.returncode:
        raise Failed(f"{words[0]} exits with {done.returncode}; see {path}")
    return path.read_text(errors="replace")


def mpirun(tasks: int, program: Path, folder: Path, log: str = "run.log") -> str:
    """Run a program with the MPI of the build."""
    return command([setting("MPIEXEC_EXECUTABLE"), "-n", tasks, program], folder, log)


def setting(name: str) -> str:
    """A setting of the build's CMake cache."""
    cache = BUILD / "CMakeCache.txt"
    found = re.search(rf"^{name}:\w+=(.*)$", cache.read_text(), re.MULTILINE) if cache.is_file() else None
    if not found:
        raise Failed(f"{cache} does not name {name}; run ci/setup first")
    return found[1]


def link_flags() -> str:
    """What links a host with the library of the build."""
    libraries = BUILD / "lib"
    return f"-L{libraries} -licegen -Wl,-rpath,{libraries}"


def module_flags() -> str:
    """What finds the Fortran module of the build."""
    return f"-I{BUILD / 'modules'}"


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def require(checkout: Path, inside: str, source: str) -> None:
    """Raise Failed if a checkout lacks a path."""
    if not (checkout / inside).exists():
        raise Failed(f"{checkout} has no {inside}; wanted a checkout of {source}")


def netcdf_differences(one: Path, other: Path) -> list[str]:
    """Names of the variables whose bits differ, or that only one file has."""
    with netCDF4.Dataset(one) as a, netCDF4.Dataset(other) as b:
        a.set_auto_mask(False)
        b.set_auto_mask(False)
        names = a.variables.keys() | b.variables.keys()
        same: Callable[[str], bool] = lambda n: a[n][...].tobytes() == b[n][...].tobytes()  # noqa: E731
        return sorted(n for n in names if n not in a.variables or n not in b.variables or not same(n))


def library_namelist(path: Path, archive: Path, **changes: object) -> None:
    """Write icegen.nml."""
    lines = [f"  {key} = {value!r}" for key, value in {"archive": str(archive), **changes}.items()]
    path.write_text("&icegen_nml\n" + "\n".join(lines) + "\n/\n")


def largest_step(values: np.ndarray) -> float:
    """Largest change of a series [time] from one time to the next, over the mean of the series."""
    return float(np.abs(np.diff(values)).max() / values.mean())
