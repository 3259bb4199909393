# SPDX-License-Identifier: MIT
"""Launches of hosts under MPI, and of Python processes to compare them with."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from icegen.archive import Archive

OFF_CENTRE = 0.01  # degrees to the north: a point between centres takes four cells, one on a centre but one
FEW_STEPS = 2  # where neither the time nor the state of a sample matters
# Open MPI asks for these as root, and with more ranks than cores; and it waits busily on a core to which it has bound a
# rank, against the thread that generates there. Other MPIs ignore them.
ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMP_NUM_THREADS": "1",
}
# The processes launched find this very package, installed or not.
PACKAGE = {"PYTHONPATH": str(Path(__file__).parents[2])}
# All messages go over TCP, where the kernel counts them.
COUNTED = {"OMPI_MCA_btl": "self,tcp", "OMPI_MCA_btl_tcp_if_include": "lo"}


class Launcher:
    """Launches for one archive; its namelists and points lie in ``folder``."""

    def __init__(self, archive: Archive, threads: int, folder: Path):
        self.archive, self.threads, self.folder = archive, threads, folder
        conditions = archive.metadata["condition"]
        self.year = conditions[0]["range"][0] if conditions else 1
        lon, lat = archive.grid.lonlat
        points = np.stack([lon, np.minimum(lat + OFF_CENTRE, 90)])
        np.save(folder / "points.npy", points[:, archive.grid.ocean.astype(bool)])

    def host(self, what: str, ranks: int, *, counted: bool = False, full: bool = False, **settings: Any) -> Any:
        """What a function of `icegen.bench.host` finds. full: with the archive's own number of steps.

        ImportError without the bridge, ValueError where it cannot be launched or fails.
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
        told = {
            "what": what,
            "namelist": str(namelist),
            "points": str(self.folder / "points.npy"),
            "variables": [v.id for v in self.archive.variables],
            "year": self.year,
        }
        program = [sys.executable, "-m", "mpi4py", "-m", "icegen.bench.host", json.dumps(told | settings)]
        environment = ENVIRONMENT | PACKAGE | (COUNTED if counted else {})
        return _run([mpirun, "-n", str(ranks), *program], environment)

    def python_process(self) -> Any:
        """What a Python process finds that samples from the archive."""
        told = {"archive": str(self.archive.path), "threads": self.threads, "steps": FEW_STEPS, "year": self.year}
        program = [sys.executable, "-W", "ignore", "-m", "icegen.bench.python_process", json.dumps(told | {"day": 75})]
        return _run(program, ENVIRONMENT | PACKAGE)


def _run(command: list[str], environment: dict[str, str]) -> Any:
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = re.search(r"^[\w.]*Error: .*", done.stderr, re.M)
        raise ValueError(f"the host failed: {said[0] if said else f'{command[0]} ends with status {done.returncode}'}")
    return json.loads(done.stdout.splitlines()[-1])
