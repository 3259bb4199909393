# SPDX-License-Identifier: MIT
"""What a GPU does while some work runs: how long kernels run, and how long copies that no kernel hides."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from icegen.bench.rows import timed

Interval = tuple[float, float]  # start and end


@dataclass(frozen=True)
class Busy:
    """Seconds of some work, and of these those in which a kernel ran, and in which only a copy to the host did."""

    seconds: float
    kernels: float
    copies_alone: float


def busy(work: Callable[[], None]) -> Busy:
    """Profile work that is done when it returns, after one run of it. Raises ValueError without a GPU."""
    if not torch.cuda.is_available():
        raise ValueError("there is no GPU, whose kernels would be counted")
    work()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        seconds = timed(work)
    events = [e for e in profiler.events() if e.device_type.name == "CUDA"]
    # A library's own marks span kernels, and the time between them.
    events = [e for e in events if not getattr(e, "is_user_annotation", False)]
    copies = [_interval(e) for e in events if "Memcpy DtoH" in e.name]
    kernels = [_interval(e) for e in events if not e.name.startswith(("Memcpy", "Memset"))]
    return Busy(seconds, covered(kernels), covered([*kernels, *copies]) - covered(kernels))


def _interval(event: Any) -> Interval:
    return 1e-6 * event.time_range.start, 1e-6 * event.time_range.end


def covered(intervals: Iterable[Interval]) -> float:
    """How much of the axis intervals cover together."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
