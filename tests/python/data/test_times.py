# SPDX-License-Identifier: MIT
"""Which times lie some days apart."""

import numpy as np

from icegen.data.times import MOST_PAIRS, TOLERANCE, pairs_of

LAGS = (1, 3, 7, 30, 61, 91, 182, 365)
DAYS = np.arange(400) * 30.4


def test_pairs_of_a_monthly_record():
    pairs = pairs_of(DAYS, LAGS)
    assert list(pairs) == [30, 61, 91, 182, 365]
    first, second = pairs[61]
    assert (second - first == 2).all()
    assert len(first) == len(DAYS) - 2


def test_pairs_of_a_record_of_hours_are_some_of_all():
    """Four states a day: a lag of a year has 190,000 pairs."""
    days = np.repeat(np.arange(500.0), 4)
    pairs = pairs_of(days, LAGS)
    assert list(pairs)[-1] == 365
    for lag, (first, second) in pairs.items():
        assert len(first) == MOST_PAIRS
        assert len(set(zip(first, second, strict=True))) == MOST_PAIRS
        assert np.abs(days[second] - days[first] - lag).max() <= max(TOLERANCE * lag, 0.5)
        assert np.ptp(days[first]) > 0.95 * (days.max() - lag)


def test_lags_with_few_pairs_are_left_out():
    assert list(pairs_of(np.arange(25.0), (1, 5, 6))) == [1, 5]
    assert list(pairs_of(np.arange(25.0), (1, 5, 6), least=1)) == [1, 5, 6]
    assert pairs_of(np.zeros(0), LAGS) == {}
