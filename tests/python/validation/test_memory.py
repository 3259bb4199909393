# SPDX-License-Identifier: MIT
"""The correlation of anomalies of states that lie some days apart."""

from types import SimpleNamespace

import numpy as np
import pytest

from icegen.data.variables import VARIABLES
from icegen.validation.memory import Memory, anomalies, correlation, products, quantities

MONTH = np.arange(480) % 12 + 1


def tally_of(coarse, extent=()):
    """What the functions read of a tally of one variable."""
    return SimpleNamespace(coarse=list(coarse), extent=list(extent), volume=[], variables=(VARIABLES["sic"],))


def remembering(decay, seed=0):
    """Five blocks [state, block] whose correlation falls by ``decay`` from one state to the next, about a season."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((len(MONTH), 5))
    for t in range(1, len(x)):
        x[t] = decay * x[t - 1] + np.sqrt(1 - decay**2) * x[t]
    return x + 10 * np.cos(2 * np.pi * MONTH / 12)[:, None]


def test_memory_is_that_of_anomalies():
    """The season, whose amplitude is ten times as large, is no memory."""
    tally = tally_of(remembering(0.7))
    found = anomalies(tally, MONTH, tally, MONTH)["sic"]
    for lag in (1, 2):
        pairs = products({"sic": found[:-lag]}, {"sic": found[lag:]})["sic"]
        assert correlation(pairs) == pytest.approx(0.7**lag, abs=0.05)


def test_quantities_have_names():
    found = quantities(tally_of(np.ones((3, 4)), extent=[1.0, 2.0, 3.0]))
    assert {name: values.shape for name, values in found.items()} == {"extent": (3, 1), "sic": (3, 4)}


def test_a_month_that_training_lacks_counts_nothing():
    known = tally_of(np.ones((11, 5)))
    found = anomalies(tally_of(remembering(0.5)), MONTH, known, np.arange(1, 12))
    pairs = products({"sic": found["sic"][:-1]}, {"sic": found["sic"][1:]})["sic"]
    assert (pairs[MONTH[:-1] == 12] == 0).all()
    assert (pairs[MONTH[1:] == 12] == 0).all()
    assert (pairs[MONTH[:-1] < 11] != 0).any(1).all()
    assert np.isnan(correlation(np.zeros((4, 3))))


def test_pairs_follow_their_samples():
    """Samples 4, 2, 2 and 0 are drawn; only samples 1 and 2 have a pair."""
    products_of = np.arange(6.0).reshape(2, 3)
    memory = Memory(np.array([1, 2]), {"sic": products_of}, {"sic": -products_of}, {"sic": np.ones((9, 3))})
    taken = memory.take(np.array([4, 2, 2, 0]))
    np.testing.assert_array_equal(taken.row, [1, 2])
    np.testing.assert_array_equal(taken.generated["sic"], products_of[[1, 1]])
    np.testing.assert_array_equal(taken.real["sic"], -products_of[[1, 1]])
    assert taken.floor is memory.floor
    assert len(memory.take(np.array([0])).row) == 0
