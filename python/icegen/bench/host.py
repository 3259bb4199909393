# SPDX-License-Identifier: MIT
"""A host under MPI that measures what icegen costs it: `mpirun -n N python -m mpi4py -m icegen.bench.host SETTINGS`.

Like a compiled host, it does not import torch: only the bridge loads it. The first rank prints the results as one line
of JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from mpi4py import MPI

from icegen.bench import process
from icegen.host import bridge

DAY = 75


@dataclass(frozen=True)
class Settings:
    """What to measure, and with what."""

    what: str  # a function of this file
    namelist: str
    points: str  # .npy file of float64 [2, point]: longitude, latitude, degrees; each rank takes a block
    variables: list[str]
    year: int
    times: int = 1
    host_core: int = 0
    model_cores: tuple[int, ...] = ()


def add_points(ice: bridge.Emulator, comm: MPI.Comm, settings: Settings, target: str = "T") -> None:
    """Add this rank's block of the points as a target."""
    lonlat = np.load(settings.points, mmap_mode="r")
    first, last = (rank * lonlat.shape[1] // comm.size for rank in (comm.rank, comm.rank + 1))
    ice.add_target(target, *lonlat[:, first:last])


def traffic(comm: MPI.Comm, settings: Settings) -> dict[str, Any]:
    """Bytes that all ranks send in each call, less those of the barrier that ends its count, and seconds."""
    barrier = 0

    def count(work: Callable[[], object]) -> int:
        comm.Barrier()
        before = process.bytes_sent()
        work()
        comm.Barrier()
        return comm.allreduce(process.bytes_sent() - before) - barrier

    comm.Alltoall(np.zeros(comm.size), np.zeros(comm.size))  # all connections are made
    barrier = count(lambda: None)
    found: dict[str, Any] = {"ranks": comm.size}
    with bridge.Emulator(settings.namelist, comm):
        pass  # what MPI does once for a communicator is done
    opened: list[bridge.Emulator] = []
    found["open"] = count(lambda: opened.append(bridge.Emulator(settings.namelist, comm)))
    with opened[0] as ice:
        found["add_target"] = count(lambda: add_points(ice, comm, settings))
        ice.request(1, settings.year, DAY + 1)  # another request than the counted one, which would be held
        ice.receive("T", settings.variables[0], 1)  # what MPI does once for shared memory is done
        found["request"] = count(lambda: ice.request(1, settings.year, DAY))
        found["receive"] = [count(partial(ice.receive, "T", v, 1)) for v in settings.variables]
        valid = int(np.isfinite(ice.receive("T", settings.variables[0], 1)).sum())
        found["valid_points"] = comm.allreduce(valid)
        found["points_of_a_rank"] = comm.allreduce(valid, MPI.MAX)
        times = [_slowest(comm, partial(ice.receive, "T", settings.variables[0], 1)) for _ in range(settings.times)]
        found["add_target_seconds"] = _slowest(comm, lambda: add_points(ice, comm, settings, "U"))
    return found | {"receive_seconds": times}


def _slowest(comm: MPI.Comm, work: Callable[[], object]) -> float:
    """Seconds of the rank that takes longest."""
    comm.Barrier()
    start = time.perf_counter()
    work()
    return comm.allreduce(time.perf_counter() - start, MPI.MAX)


def memory(comm: MPI.Comm, settings: Settings) -> dict[str, Any]:
    """MB: what icegen adds to the peak of each rank, and the whole peak of the first, which generates."""
    comm.Alltoall(np.zeros(comm.size), np.zeros(comm.size))
    before = process.reset_peak()
    with bridge.Emulator(settings.namelist, comm) as ice:
        add_points(ice, comm, settings)
        for member in (1, 2):
            ice.request(1, settings.year, DAY, first_member=member)
            for variable in settings.variables:
                ice.receive("T", variable, member)
        peak = process.peak_memory()
    return {"added": comm.allgather(peak - before), "peak": peak}


def opening(comm: MPI.Comm, settings: Settings) -> dict[str, Any]:
    """Pairs of seconds: all ranks open, and the first alone. The first pair, which loads libtorch, is left out."""
    pairs = []
    for _ in range(settings.times + 1):
        together = _open(comm, settings)
        alone = _open(MPI.COMM_SELF, settings) if comm.rank == 0 else 0.0
        waiting = comm.Ibarrier()
        while not waiting.Test():
            time.sleep(0.001)
        pairs.append((together, alone))
    return {"pairs": pairs[1:]}


def _open(comm: MPI.Comm, settings: Settings) -> float:
    comm.Barrier()
    start = time.perf_counter()
    ice = bridge.Emulator(settings.namelist, comm)
    seconds = comm.allreduce(time.perf_counter() - start, MPI.MAX)
    ice.close()
    return seconds


def waiting(comm: MPI.Comm, settings: Settings) -> dict[str, Any]:
    """Pairs of seconds: `receive` after a step as long as a sample; the sample itself, beside a host that computes."""
    os.sched_setaffinity(0, settings.model_cores)  # threads that are started now keep to these
    pairs = []
    with bridge.Emulator(settings.namelist, comm) as ice:
        os.sched_setaffinity(0, {settings.host_core})
        add_points(ice, comm, settings)
        for pair in range(settings.times + 1):
            first, second = 2 * pair + 1, 2 * pair + 2
            ice.request(1, settings.year, DAY, first_member=first)
            start = time.perf_counter()
            while not ice.ready():
                _compute(0.001)
            sample = time.perf_counter() - start
            ice.request(1, settings.year, DAY, first_member=second)
            _compute(sample)
            start = time.perf_counter()
            for variable in settings.variables:
                ice.receive("T", variable, second)
            pairs.append((time.perf_counter() - start, sample))
    return {"pairs": pairs[1:]}


def _compute(seconds: float) -> None:
    """Compute for some seconds, as a host does between requests."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def main(text: str) -> None:
    """Run the measurement that settings in JSON describe."""
    settings = Settings(**json.loads(text))
    measure = {f.__name__: f for f in (traffic, memory, opening, waiting)}[settings.what]
    found = measure(MPI.COMM_WORLD, settings)
    if MPI.COMM_WORLD.rank == 0:
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
