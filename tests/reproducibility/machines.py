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

CLASSES = {"sic": (0.0, 0.15)}  # bounds at which a cell counts as changed; 0 for others


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
    Machine("... and without AVX", {"ATEN_CPU_CAPABILITY": "default"}),
    Machine("oneDNN without AVX-512", {"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    Machine("... and without AVX", {"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    Machine("no oneDNN", onednn=False),
    Machine("MKL's code for any processor", {"MKL_CBWR": "COMPATIBLE"}),
    Machine(
        "all of these",
        {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"},
        threads=2,
        onednn=False,
    ),
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
    """Of one variable on two machines, over ocean cells of all samples."""

    largest: float  # in the variable's units
    rms: float
    changed: dict[float, float]  # share of cells that are on the other side of a bound


def differences(archive: Archive, a: np.ndarray, b: np.ndarray) -> dict[str, Difference]:
    """By variable. a, b: float32 [sample, variable, y, x]."""
    found = {}
    for i, v in enumerate(archive.variables):
        first, second = (states[:, i, archive.grid.ocean].astype(np.float64) for states in (a, b))
        d = first - second
        changed = {bound: float(((first > bound) != (second > bound)).mean()) for bound in CLASSES.get(v.id, (0.0,))}
        found[v.id] = Difference(float(abs(d).max()), float(np.sqrt((d**2).mean())), changed)
    return found


def table(archive: Archive, steps: int) -> Iterator[str]:
    """The lines of docs/reproducibility.md: each machine's differences to one thread of this one."""
    bounds = [(v.id, bound) for v in archive.variables for bound in CLASSES.get(v.id, (0.0,))]
    heads = [f"{v.id}, {v.units}: largest, rms" for v in archive.variables]
    heads += [f"cells that cross {name} = {bound:g}" for name, bound in bounds]
    yield f"| {golden.processor()}, torch {torch.__version__} | " + " | ".join(heads) + " |"
    yield "|---" * (1 + len(heads)) + "|"
    states = generate(HERE, archive.path, steps)
    for machine in OTHERS:
        found = differences(archive, states, generate(machine, archive.path, steps))
        cells = [f"{d.largest:.1e}, {d.rms:.1e}" for d in found.values()]
        cells += [f"{100 * found[name].changed[bound]:.4f} %" for name, bound in bounds]
        yield f"| {machine.name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    _generate_here(*sys.argv[1:])
