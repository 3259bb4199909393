# SPDX-License-Identifier: MIT
"""Launching hosts under MPI, and Python processes for comparison."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from icegen.archive import Archive

OFF_CENTRE = 0.01  # degrees north of centres, so that each point needs four cells; one at a centre needs one
FEW_STEPS = 2  # of the sampler, where neither time nor state matters
# Open MPI needs these as root, and with more ranks than cores. Without the last two, it binds a rank to a core and
# spins there, where the generating thread has to run. Other MPIs ignore them.
ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMP_NUM_THREADS": "1",
}
# Launched processes import this package, whether it is installed or not.
PACKAGE = {"PYTHONPATH": str(Path(__file__).parents[2])}
# All messages use TCP, whose bytes the kernel counts.
COUNTED = {"OMPI_MCA_btl": "self,tcp", "OMPI_MCA_btl_tcp_if_include": "lo"}


class Launcher:
    """Launches processes for one archive. ``folder``: of their namelists and points."""

    def __init__(self, archive: "Archive", threads: int, folder: Path):
        self.archive, self.threads, self.folder = archive, threads, folder
        conditions = archive.metadata["condition"]
        self.year = conditions[0]["range"][0] if conditions else 1
        lon, lat = archive.grid.lonlat
        points = np.stack([lon, np.minimum(lat + OFF_CENTRE, 90)])
        np.save(folder / "points.npy", points[:, archive.grid.ocean.astype(bool)])

    def host(self, what: str, ranks: int, *, counted: bool = False, full: bool = False, **settings: Any) -> Any:
        """The result of a function of `icegen.bench.host`. full: with the archive's own number of steps.

        Raises ImportError without the bridge, and ValueError if the host cannot be launched or fails.
        """
        mpirun = shutil.which("mpirun")
        if mpirun is None:
            raise ValueError("there is no mpirun")
        if find_spec("mpi4py") is None:
            raise ImportError("mpi4py is not installed")
        namelist = self.folder / f"{what}.nml"
        namelist.write_text(
            f"&icegen_nml\n  archive = '{self.archive.path}'\n  steps = {0 if full else FEW_STEPS}\n"
            f"  threads = {self.threads}\n/\n"
        )
        given = {
            "what": what,
            "namelist": str(namelist),
            "points": str(self.folder / "points.npy"),
            "variables": [v.id for v in self.archive.variables],
            "year": self.year,
        }
        program = [sys.executable, "-m", "mpi4py", "-m", "icegen.bench.host", json.dumps(given | settings)]
        environment = ENVIRONMENT | PACKAGE | (COUNTED if counted else {})
        return _run([mpirun, "-n", str(ranks), *program], environment)

    def python_process(self) -> Any:
        """The result of a Python process that samples from the archive."""
        given = {"archive": str(self.archive.path), "threads": self.threads, "steps": FEW_STEPS, "year": self.year}
        program = [sys.executable, "-W", "ignore", "-m", "icegen.bench.python_process", json.dumps(given | {"day": 75})]
        return _run(program, ENVIRONMENT | PACKAGE)


def _run(command: list[str], environment: dict[str, str]) -> Any:
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = re.search(r"^[\w.]*Error: .*", done.stderr, re.M)
        raise ValueError(
            f"the host failed: {message[0] if message else f'{command[0]} ends with status {done.returncode}'}"
        )
    return json.loads(done.stdout.splitlines()[-1])
