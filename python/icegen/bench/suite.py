# SPDX-License-Identifier: MIT
"""All measurements in one run."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from icegen.archive import Archive
from icegen.bench import coupling, networks
from icegen.bench.launching import Launcher
from icegen.bench.rows import Row
from icegen.version import __version__

RANKS = (1, 2, 4, 8, 16, 32)


@dataclass
class Bench:
    """Rows, the measurements that failed and why, and a description of the machine."""

    about: dict[str, str]
    rows: dict[str, Row] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The outcome for JSON."""
        return {
            "about": self.about,
            "rows": {name: row.as_dict() for name, row in self.rows.items()},
            "left_out": self.left_out,
        }


def bench(
    archive: Archive,
    threads: int,
    pairs: int,
    ranks: tuple[int, ...] = RANKS,
    progress: Callable[[str], None] = lambda what: None,
) -> Bench:
    """Measure an archive on the CPU.

    pairs: number of runs of each alternative.  ranks: numbers of ranks at which traffic is counted.
    progress: called with the name of each measurement before it starts.
    """
    torch.set_num_threads(threads)
    launches = max(1, pairs // 3)  # for memory, which varies little
    outcome = Bench(describe(archive, threads, pairs))
    with TemporaryDirectory(prefix="icegen_") as folder:
        launcher = Launcher(archive, threads, Path(folder))
        measures: dict[str, Callable[[], Row]] = {
            "a sample through the bridge": lambda: networks.through_bridge(archive, pairs),
            "a sample of the archive": lambda: networks.against_eager(archive, pairs),
            "a sampler of few evaluations": lambda: networks.few_evaluations(archive, pairs),
            "half the precision": lambda: networks.half_precision(archive, pairs),
            "the latent space": lambda: networks.against_data_space(archive, pairs),
            "waiting in `receive`": lambda: coupling.waiting(launcher, pairs),
            "bytes of a request": lambda: coupling.traffic(launcher, ranks),
            "memory of other ranks": lambda: coupling.idle_memory(launcher, launches),
            "memory of a generator": lambda: coupling.generator_memory(launcher, launches),
            "`open`": lambda: coupling.opening(launcher, pairs),
        }
        for name, measure in measures.items():
            progress(name)
            try:
                outcome.rows[name] = measure()
            except (ImportError, ValueError, OSError) as error:
                outcome.left_out[name] = " ".join(str(error).split())
    return outcome


def describe(archive: Archive, threads: int, pairs: int) -> dict[str, str]:
    """Hardware, versions and settings."""
    sampler = archive.metadata["sampler"]
    return {
        "archive": f"{archive.metadata['name']}, {sampler['name']}, {sampler['evaluations']} evaluations",
        "sha256": archive.sha256,
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "versions": f"icegen {__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        "threads": str(threads),
        "pairs": str(pairs),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"
