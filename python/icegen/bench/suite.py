# SPDX-License-Identifier: MIT
"""All measurements in one run."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from icegen.archive import PRECISIONS, Archive
from icegen.bench import coupling, networks, training
from icegen.bench.device import BATCHES, OnDevice
from icegen.bench.launching import Launcher
from icegen.bench.rows import Row
from icegen.version import __version__

RANKS = (1, 2, 4, 8, 16, 32)
Measures = dict[str, Callable[[], Row | list[Row]]]  # by name; further rows of one are numbered


@dataclass
class Bench:
    """Rows, the measurements that failed and why, and a description of the machine."""

    about: dict[str, str]
    rows: dict[str, Row] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def measure(self, measures: Measures, progress: Callable[[str], None]) -> None:
        """Add the rows of each measurement, or why there are none."""
        for name, measure in measures.items():
            progress(name)
            try:
                found = measure()
            except (ImportError, ValueError, OSError, torch.OutOfMemoryError) as error:
                self.left_out[name] = " ".join(str(error).split())
                continue
            for i, row in enumerate([found] if isinstance(found, Row) else found):
                self.rows[f"{name}, {i + 1}" if i else name] = row

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
        measures: Measures = {
            "a sample through the bridge": lambda: networks.through_bridge(archive, pairs),
            "a sample of the archive": lambda: networks.against_eager(archive, pairs),
            "a sampler of few evaluations": lambda: networks.few_evaluations(archive, pairs),
            "half the precision": lambda: networks.half_precision(archive, pairs),
            "a perturbation": lambda: networks.perturbation(archive, 0.3, pairs),
            "observations": lambda: networks.agreement(archive, 200, 4, pairs),
            "the latent space": lambda: networks.against_data_space(archive, pairs),
            "waiting in `receive`": lambda: coupling.waiting(launcher, pairs),
            "bytes of a request": lambda: coupling.traffic(launcher, ranks),
            "memory of other ranks": lambda: coupling.idle_memory(launcher, launches),
            "memory of a generator": lambda: coupling.generator_memory(launcher, launches),
            "`open`": lambda: coupling.opening(launcher, pairs),
        }
        outcome.measure(measures, progress)
    return outcome


def bench_device(
    archive: Archive,
    device: str,
    threads: int,
    pairs: int,
    tiny: bool = False,
    progress: Callable[[str], None] = lambda what: None,
) -> Bench:
    """Measure an archive and trainings on a device: ``cuda``, ``cuda:N`` or ``cpu``.

    tiny: small batches and trainings, which show that the measurements work.
    """
    torch.set_num_threads(threads)
    where = torch.device(device)
    on = OnDevice(archive, where, threads, pairs, (1, 2) if tiny else BATCHES)
    outcome = Bench(describe(archive, threads, pairs) | describe_device(where))
    measures: Measures = {}
    for precision in PRECISIONS:
        for members in on.batches:
            which = f"{members}, {precision}"
            measures[f"seconds of a sample, {which}"] = partial(on.seconds, members, precision)
            measures[f"of the device's limit, {which}"] = partial(on.of_limit, members, precision)
    for members in on.batches:
        measures[f"share of kernels, {members}"] = partial(on.kernels, members)
        measures[f"recording, {members}"] = partial(on.recorded, members)
    measures["copies to the host"] = partial(on.copies, on.batch)
    measures["half the precision"] = on.half_precision
    measures["compiled networks"] = on.compiled
    measures["the latent space"] = partial(networks.against_data_space, archive, pairs, where)
    case = training.TINY if tiny else training.REAL
    with TemporaryDirectory(prefix="icegen_") as folder:
        for name in ("autoencoder", "diffusion"):  # the second needs the first
            measures[f"training of the {name}"] = partial(training.training, name, where, 2 * pairs, Path(folder), case)
        outcome.measure(measures, progress)
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


def describe_device(device: torch.device) -> dict[str, str]:
    """A GPU, and the CUDA that torch was built with; for a CPU, that it is one."""
    if device.type != "cuda":
        return {"device": f"{device}, which stands in for a GPU"}
    about = torch.cuda.get_device_properties(device)
    tf32 = "TF32" if torch.backends.cudnn.allow_tf32 else "float32"
    return {
        "device": f"{about.name}, {about.total_memory / 1e9:.0f} GB, compute capability {about.major}.{about.minor}",
        "cuda": f"{torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}",
        "float32": f"convolutions in {tf32}, as torch has it",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"
