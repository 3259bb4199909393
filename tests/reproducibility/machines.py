# SPDX-License-Identifier: MIT
"""How far samples move on other machines, which this one plays: fewer vector instructions, other kernels, threads."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

import icegen
from icegen.archive import Archive
from reproducibility import golden

BOUNDS = (0.0, 0.15)  # between open water and ice, and of what counts for the extent


@dataclass(frozen=True)
class Machine:
    """Settings of a process that generates."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    threads: int = 1
    onednn: bool = True


HERE = Machine("1 thread")
THREADS = Machine("2 threads", threads=2)
OTHERS = (
    THREADS,
    Machine("torch's own kernels without AVX-512", {"ATEN_CPU_CAPABILITY": "avx2"}),
    Machine("torch's own kernels without AVX", {"ATEN_CPU_CAPABILITY": "default"}),
    Machine("oneDNN without AVX-512", {"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    Machine("oneDNN without AVX", {"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    Machine("no oneDNN", onednn=False),
    Machine("MKL's code for any processor", {"MKL_CBWR": "COMPATIBLE"}),
)


def generate(machine: Machine, archive: Path, steps: int) -> np.ndarray:
    """The samples of golden data on such a machine, float32 [sample, variable, y, x]."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "states.npy"
        arguments = [archive, out, steps, machine.threads, int(machine.onednn)]
        command = [sys.executable, "-W", "ignore", "-m", "reproducibility.machines", *map(str, arguments)]
        paths = os.pathsep.join(path for path in sys.path if path)
        subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": paths} | machine.environment)
        return np.load(out)


def _generate_here(archive: str, out: str, steps: str, threads: str, onednn: str) -> None:
    """The other side of `generate`."""
    torch.set_num_threads(int(threads))
    with torch.backends.mkldnn.flags(enabled=bool(int(onednn))):
        np.save(out, golden.samples(icegen.load(archive), int(steps)))


@dataclass(frozen=True)
class Difference:
    """Of one variable on two machines, over the ocean cells of all samples."""

    largest: float  # in the variable's units
    rms: float
    crossing: float  # share of cells that are on different sides of one of the BOUNDS


def differences(archive: Archive, a: np.ndarray, b: np.ndarray) -> dict[str, Difference]:
    """By variable. a, b: float32 [sample, variable, y, x]."""
    found = {}
    for i, v in enumerate(archive.variables):
        first, second = (states[:, i, archive.grid.ocean].astype(np.float64) for states in (a, b))
        d = first - second
        crossing = np.any([(first > bound) != (second > bound) for bound in BOUNDS], axis=0)
        found[v.id] = Difference(float(abs(d).max()), float(np.sqrt((d**2).mean())), float(crossing.mean()))
    return found


def table(archive: Archive, steps: int) -> Iterator[str]:
    """The lines of docs/reproducibility.md: each machine's differences to one thread of this one."""
    heads = [f"{v.id}, {v.units}: largest, RMS, cells crossing" for v in archive.variables]
    where = f"{archive.metadata['name']}-{archive.sha256[:12]}, {golden.processor()}, torch {torch.__version__}"
    yield f"| {where} | " + " | ".join(heads) + " |"
    yield "|---" * (1 + len(heads)) + "|"
    states = generate(HERE, archive.path, steps)
    for machine in OTHERS:
        found = differences(archive, states, generate(machine, archive.path, steps)).values()
        cells = [f"{d.largest:.1e}, {d.rms:.1e}, {100 * d.crossing:.4f} %" for d in found]
        yield f"| {machine.name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    _generate_here(*sys.argv[1:])
