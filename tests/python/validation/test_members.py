# SPDX-License-Identifier: MIT
"""Scores of ensembles, by hand and for ensembles that are reliable by construction."""

import numpy as np
import pytest

from icegen.validation.members import fair_crps, outside, spread_over_error


def draws(dates, members, spread=1.0, seed=0):
    """Members [date, member, value] and a truth [date, value] that is one more of them if spread is 1."""
    rng = np.random.default_rng(seed)
    centre = rng.standard_normal((dates, 20))
    return centre[:, None] + spread * rng.standard_normal((dates, members, 20)), centre + rng.standard_normal(
        (dates, 20)
    )


def test_crps_by_hand():
    members, truth = np.array([[[0.0], [1.0], [4.0]]]), np.array([[2.0]])
    assert fair_crps(members, truth) == pytest.approx((2 + 1 + 2) / 3 - (1 + 4 + 3) / (3 * 2))


def test_crps_does_not_depend_on_the_number_of_members():
    few, many = (fair_crps(*draws(2000, members)) for members in (2, 16))
    assert few == pytest.approx(many, rel=0.02)
    assert fair_crps(*draws(2000, 4, spread=0.5)) > fair_crps(*draws(2000, 4)) < fair_crps(*draws(2000, 4, spread=2.0))


@pytest.mark.parametrize("members", [2, 5])
def test_a_reliable_ensemble_scores_1(members):
    assert spread_over_error(*draws(2000, members)) == pytest.approx(1, abs=0.02)
    assert outside(*draws(2000, members)) == pytest.approx(1, abs=0.03)


def test_a_narrow_ensemble_misses_the_truth():
    assert spread_over_error(*draws(500, 5, spread=0.5)) < 0.8
    assert outside(*draws(500, 5, spread=0.5)) > 1.3


def test_open_water_for_all_is_no_miss():
    assert outside(np.zeros((4, 3, 5)), np.zeros((4, 5))) == 1
