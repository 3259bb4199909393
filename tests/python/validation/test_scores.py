# SPDX-License-Identifier: MIT
"""Each score is compared with a value computed by hand or by another library."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from icegen.validation import scores

OCEAN = np.ones((3, 4), bool)
OCEAN[0, 3] = False
AREA = np.arange(12.0).reshape(3, 4)


def test_probability_rmse_looks_at_the_ocean_alone():
    a, b = np.full((3, 4), 0.5), np.full((3, 4), 0.5)
    b[1, 1] = 0.8
    b[0, 3] = 9.0
    assert scores.probability_rmse(a, b, OCEAN) == pytest.approx(0.3 / np.sqrt(11))


def test_monthly_error_takes_means_before_squares():
    month = np.array([1, 1, 2, 2])
    real = np.zeros(4)
    assert scores.monthly_error(np.array([1.0, -1.0, 3.0, 5.0]), real, month) == pytest.approx(np.sqrt((0 + 16) / 2))


def test_spread_within_groups():
    values = np.array([1.0, 3.0, 10.0, 14.0, 99.0])
    group = np.array([0, 0, 1, 1, 2])  # deviations 1, 1, 2, 2, 0; two degrees of freedom
    assert scores.spread(values, group) == pytest.approx(np.sqrt(10 / 2))
    assert scores.spread(values, np.zeros(5)) == pytest.approx(values.std(ddof=1))
    assert np.isnan(scores.spread(values, np.arange(5)))


def test_wasserstein_against_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 50, 40), rng.integers(0, 50, 40)
    expected = scipy.stats.wasserstein_distance(np.arange(40) * 0.1, np.arange(40) * 0.1, a, b)
    assert scores.wasserstein(a, b, 0.1) == pytest.approx(expected)
    assert scores.wasserstein(a, 3 * a, 0.1) == pytest.approx(0, abs=1e-12)


def whitened(rng, count, size):
    """Numbers with mean 0 and covariance 1 exactly."""
    x = rng.standard_normal((count, size))
    x -= x.mean(0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T


def test_frechet_distance_of_gaussians():
    """Diagonal covariances: |difference of means|^2 + sum of squared differences of standard deviations."""
    rng = np.random.default_rng(0)
    a, b = whitened(rng, 40, 3) * [1, 2, 3], whitened(rng, 50, 3) * [2, 2, 5] + [1, 0, -2]
    assert scores.frechet_distance(a, b) == pytest.approx(5 + 1 + 0 + 4)
    assert scores.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_of_covariances_that_do_not_commute():
    rng = np.random.default_rng(1)
    mix = rng.standard_normal((2, 4, 4))
    a, b = rng.standard_normal((60, 4)) @ mix[0], rng.standard_normal((60, 4)) @ mix[1] + 0.5
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(covariances[0] + covariances[1] - 2 * root.real)
    assert scores.frechet_distance(a, b) == pytest.approx(expected)
    assert scores.frechet_distance(b, a) == pytest.approx(expected)


def test_frechet_distance_of_one_feature_and_of_fewer_samples_than_features():
    a = np.array([[0.0], [2.0]])
    assert scores.frechet_distance(a, a + 3) == pytest.approx(9)
    few = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    assert scores.frechet_distance(few, few + 1) == pytest.approx(8)


def test_coarsen_means_over_ocean_cells():
    state = np.arange(32.0).reshape(1, 4, 8)
    ocean = np.ones((4, 8), bool)
    ocean[:, 4:7] = False  # a quarter is left of the right block
    np.testing.assert_allclose(scores.coarsen(state, ocean, 4), [[state[0, :, :4].mean()]])
    ocean[:, 6] = True
    np.testing.assert_allclose(scores.coarsen(state, ocean, 4), [[state[0, :, :4].mean(), state[0, :, 6:].mean()]])


def test_nearest_distance():
    a, b = np.array([[0.0, 0.0], [9.0, 9.0]]), np.array([[3.0, 4.0], [9.0, 8.0], [30.0, 0.0]])
    np.testing.assert_allclose(scores.nearest_distance(a, b), [5 / np.sqrt(2), 1 / np.sqrt(2)])


def test_mean_gradient_of_a_plane():
    x, y = np.meshgrid(np.arange(6) * 2.0, np.arange(5) * 2.0)
    valid = np.ones((5, 6), bool)
    plane = 3 * x - 4 * y
    assert scores.mean_gradient(plane, valid, 2.0) == pytest.approx(5)
    plane[0, 0] = 99.0  # no cell's neighbour to the four sides
    assert scores.mean_gradient(plane, valid, 2.0) == pytest.approx(5)
    plane[2, 2], valid[2, 2] = 99.0, False
    assert scores.mean_gradient(plane, valid, 2.0) == pytest.approx(5)
    assert np.isnan(scores.mean_gradient(plane, np.zeros_like(valid), 2.0))
