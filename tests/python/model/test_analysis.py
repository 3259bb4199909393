# SPDX-License-Identifier: MIT
"""The analysis of observations: Kalman's formulas, distances, blocks, and the spread that is left."""

import copy

import numpy as np
import pytest
import torch

from icegen.model.analysis import EARTH_RADIUS, ClimateCovariance, block_sums

ROWS, COLUMNS, BLOCK, RECORD = 4, 6, 2, 40
PLACES = (ROWS // BLOCK) * (COLUMNS // BLOCK)
SPACING = 300.0  # km, between blocks on the equator


def covariance(length=900.0, window=0.0, scatter=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    anomalies = torch.randn(RECORD, 2, PLACES, generator=generator)
    angle = torch.arange(PLACES) * SPACING / EARTH_RADIUS
    direction = torch.stack([angle.cos(), angle.sin(), torch.zeros(PLACES)], 1)
    days = torch.linspace(1, 365, RECORD)
    place, spread = torch.arange(PLACES), torch.full((2, PLACES), scatter)
    return ClimateCovariance(BLOCK, length, window, anomalies, days, place, direction, spread)


OCEAN = torch.ones(1, ROWS, COLUMNS)


def observed_at(*cells, precision=4.0):
    """The precision of observations of variable 0 in some cells."""
    field = torch.zeros(2, ROWS, COLUMNS)
    for row, column in cells:
        field[0, row, column] = precision
    return field


def whole_blocks(*blocks, error):
    """The precision of observations of the means of whole blocks of variable 0."""
    field = torch.zeros(2, ROWS, COLUMNS)
    for row, column in blocks:
        field[0, BLOCK * row : BLOCK * (row + 1), BLOCK * column : BLOCK * (column + 1)] = error**-2 / BLOCK**2
    return field


def gain_of(model, precision, day_of_year=0.0):
    """The gain [variable place, observed], of its factors."""
    factors = model(precision, OCEAN, day_of_year)
    covariance, factor = factors[: 2 * PLACES], factors[2 * PLACES :]
    return torch.cholesky_solve(covariance.t(), factor).t()


def test_the_gain_is_that_of_kalman():
    model = covariance(length=1e6)
    anomalies = model.anomalies.flatten(1).double().numpy()
    p = anomalies.T @ anomalies / RECORD
    seen = [1, 5]
    wanted = p[:, seen] @ np.linalg.inv(p[np.ix_(seen, seen)] + 0.3**2 * np.eye(2))
    gain = gain_of(model, whole_blocks((0, 1), (1, 2), error=0.3))
    np.testing.assert_allclose(gain, wanted, rtol=1e-4, atol=1e-5)


def test_an_observation_changes_nothing_from_twice_the_length_on():
    gain = gain_of(covariance(length=450.0), observed_at((0, 0)))[:, 0]
    distance = SPACING * np.arange(PLACES)
    near = gain.reshape(2, PLACES)[0].abs().numpy()
    assert (near[distance > 901] == 0).all()
    assert (near[distance < 899] > 0).all()


@pytest.mark.parametrize(
    ("distance", "wanted"), [(0.0, 1.0), (0.5, 0.684896), (1.0, 0.208333), (1.5, 0.016493), (2.0, 0.0)]
)
def test_nearness_is_the_function_of_gaspari_and_cohn(distance, wanted):
    model = covariance(length=SPACING / distance if distance else 1.0)
    place = torch.tensor([0])
    assert float(model.nearness(place)[1 if distance else 0, 0]) == pytest.approx(wanted, abs=1e-5)


def test_anomalies_of_the_season_count():
    """A window of 30 days around day 10 holds the first and the last anomalies of the year."""
    model = covariance(length=1e6, window=30.0)
    days = model.day_of_year.numpy()
    apart = np.minimum(np.abs(days - 10), 365.25 - np.abs(days - 10))
    weights = np.clip(1 - apart / 30, 0, None)
    anomalies = model.anomalies.flatten(1).double().numpy()
    p = (anomalies * (weights / weights.sum())[:, None]).T @ anomalies
    gain = gain_of(model, whole_blocks((0, 0), error=1.0), 10.0)
    np.testing.assert_allclose(gain[:, 0], p[:, 0] / (p[0, 0] + 1), rtol=1e-5, atol=1e-7)


def test_one_cell_tells_less_of_its_block_than_all_cells():
    one, scattered = (gain_of(covariance(scatter=s), observed_at((0, 0)))[0, 0] for s in (0.0, 1.0))
    assert scattered < one
    everywhere = whole_blocks((0, 0), error=0.5)
    alike = gain_of(covariance(), everywhere)[0, 0]
    assert gain_of(covariance(scatter=1.0), everywhere)[0, 0] == pytest.approx(float(alike))


def test_a_precise_observation_is_met():
    model = covariance()
    precision, state = whole_blocks((0, 1), error=1e-3), torch.zeros(2, ROWS, COLUMNS)
    observed = torch.full_like(state, 0.7)
    change = model.increment(state, observed, precision, OCEAN, model(precision, OCEAN, 0.0), torch.zeros(2 * PLACES))
    assert change.shape == state.shape
    assert change[0, :2, 2:4].mean() == pytest.approx(0.7, abs=0.04)
    assert (
        model.increment(observed, observed, precision, OCEAN, model(precision, OCEAN, 0.0), torch.zeros(2 * PLACES))
        == 0
    ).all()


def test_nothing_observed_changes_nothing():
    model = covariance()
    precision, state = torch.zeros(2, ROWS, COLUMNS), torch.full((2, ROWS, COLUMNS), 0.5)
    change = model.increment(state, state, precision, OCEAN, model(precision, OCEAN, 0.0), torch.zeros(2 * PLACES))
    assert (change == 0).all()


def test_members_have_mean_and_covariance_of_the_distribution_given_the_observations():
    """Draws of a normal prior become draws of the normal posterior."""
    model = covariance(length=1e6)
    anomalies = model.anomalies.flatten(1).double()
    p = anomalies.t() @ anomalies / RECORD
    precision = whole_blocks((0, 1), (1, 0), error=0.5)
    gain = gain_of(model, precision)
    seen = model.observed(precision)
    generator = torch.Generator().manual_seed(1)
    n = 20_000
    prior = torch.randn(n, RECORD, generator=generator, dtype=torch.float64) @ anomalies / RECORD**0.5
    observed = torch.tensor([1.0, -0.5], dtype=torch.float64)
    errors = 0.5 * torch.randn(n, 2, generator=generator, dtype=torch.float64)
    members = prior + (observed + errors - prior[:, seen]) @ gain.t()
    np.testing.assert_allclose(members.mean(0), gain @ observed, atol=0.03)
    np.testing.assert_allclose(members.t().cov(), p - gain @ p[seen], atol=0.06)


def test_scripted_gives_the_same_bits():
    model = covariance()
    scripted = torch.jit.script(copy.deepcopy(model))
    precision = observed_at((0, 0), (3, 5))
    for _ in range(3):
        assert torch.equal(scripted(precision, OCEAN, 0.0), model(precision, OCEAN, 0.0))


def test_sums_over_blocks():
    field = torch.arange(15.0).reshape(1, 3, 5)
    sums = block_sums(field, 2)
    assert sums.dtype == torch.float64
    np.testing.assert_array_equal(sums[0], [0 + 1 + 5 + 6, 2 + 3 + 7 + 8, 4 + 9, 10 + 11, 12 + 13, 14])
