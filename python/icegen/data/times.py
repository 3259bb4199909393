# SPDX-License-Identifier: MIT
"""What the times of data are for, over how long their states average, and which lie some days apart."""

from collections.abc import Iterable

import numpy as np

from icegen.thinning import evenly

SPLITS = {"training": b"t", "validation": b"v", "test": b"x"}  # in the variable split of a source or prepared file
DAYS = 365.25  # of a year
TOLERANCE = 0.12  # of a lag, in pairs of times that count for it
LEAST_PAIRS, MOST_PAIRS = 20, 2000

Pairs = dict[int, tuple[np.ndarray, np.ndarray]]  # indices of times that lie a lag apart, by the lag in days


def several_averagings(averaging: np.ndarray | None) -> bool:
    """Whether the states of some data average over times of different length, such as days and months.

    averaging: days, float64 [time], NaN where unknown; None if nothing is known.
    """
    if averaging is None or np.isnan(averaging).all():
        return False
    return bool(np.nanmax(averaging) > 1.5 * np.nanmin(averaging))


def pairs_of(days: np.ndarray, lags: Iterable[int], least: int = LEAST_PAIRS) -> Pairs:
    """The pairs of times for each of the lags that has ``least`` of them; at most `MOST_PAIRS`, evenly spread.

    Of some thousand states of some hours each, a hundred times as many are a year apart.
    """
    apart = days[None, :] - days[:, None]
    found = {}
    for lag in lags:
        first, second = np.nonzero(np.abs(apart - lag) <= max(TOLERANCE * lag, 0.5))
        if len(first) >= least:
            kept = evenly(len(first), MOST_PAIRS)
            found[lag] = first[kept], second[kept]
    return found
