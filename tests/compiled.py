# SPDX-License-Identifier: MIT
"""Running the compiled programs of build/ under MPI."""

import functools
import os
import re
import subprocess
from pathlib import Path

import pytest

from icegen.bench import launching

ROOT = Path(__file__).parents[1]
# Open MPI's other ways to send messages look for InfiniBand first, for 0.2 s in each process.
ENVIRONMENT = launching.ENVIRONMENT | {"OMPI_MCA_pml": "ob1"}
BUILD = Path(os.environ.get("ICEGEN_BUILD", ROOT / "build"))


def require_built(path: Path) -> None:
    """Skip the test where nothing is built; fail it where ci/test says that all is."""
    if path.exists():
        return
    if "ICEGEN_BUILD" in os.environ:
        pytest.fail(f"{path} is missing; ci/setup should have built it")
    pytest.skip(f"{path} is not built; see ci/setup")


@functools.cache
def configured(name: str) -> str:
    """What CMake found, or was told, when it configured the build: the value of an entry of its cache."""
    cache = BUILD / "CMakeCache.txt"
    require_built(cache)
    found = re.search(rf"^{name}:\w+=(.*)$", cache.read_text(), re.MULTILINE)
    return found[1] if found else ""


def mpirun(
    ranks: int, program: str, *arguments, cwd=None, timeout=120, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess:
    """Run a program of build/bin on that many ranks; its output is text. environment: more for the ranks alone."""
    path = BUILD / "bin" / program
    require_built(path)
    more = [f"{name}={value}" for name, value in (environment or {}).items()]
    command = [configured("MPIEXEC_EXECUTABLE"), "-n", str(ranks), *(["env", *more] if more else []), path, *arguments]
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | ENVIRONMENT,
        cwd=cwd,
        check=False,
    )
