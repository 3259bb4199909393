# SPDX-License-Identifier: MIT
"""A row of the table: the ratio of two alternatives, which are run in turn. Ratios differ less between machines."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Work = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """``what`` over ``against``, or ``what`` alone if that is empty. bound: the largest figure allowed; None: any."""

    what: str
    against: str
    figure: float
    spread: tuple[float, float]  # quartiles of pairs, or the range over numbers of ranks
    bound: float | None
    medians: tuple[float, ...]  # of both
    unit: str  # of the medians; also of the figure if ``against`` is empty
    details: tuple[dict[str, Any], ...] = ()  # pieces that the figure came from

    @property
    def holds(self) -> bool | None:
        """Whether the bound holds; None without one."""
        return None if self.bound is None else self.figure <= self.bound

    def as_dict(self) -> dict[str, Any]:
        """The row for JSON."""
        return dataclasses.asdict(self) | {"holds": self.holds}


def ratio(
    what: str, against: str, pairs: list[tuple[float, float]], unit: str, bound: float | None, **more: Any
) -> Row:
    """The median of the pairs' ratios, with their quartiles."""
    ratios = sorted(a / b for a, b in pairs)
    medians = tuple(statistics.median(column) for column in zip(*pairs, strict=True))
    return Row(what, against, statistics.median(ratios), quartiles(ratios), bound, medians, unit, **more)


def quartiles(values: list[float]) -> tuple[float, float]:
    """The first and the third quartile."""
    low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return low, high


def paired(what: str, work: Work, against: str, other: Work, pairs: int, bound: float | None) -> Row:
    """Time two alternatives in turn, after one run of each that is not counted."""
    times = [(timed(work), timed(other)) for _ in range(pairs + 1)][1:]
    return ratio(what, against, times, "s", bound)


def timed(work: Work) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
