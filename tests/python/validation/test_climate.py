# SPDX-License-Identifier: MIT
"""Anomalies from months' means, and their EOFs."""

import numpy as np
import pytest

from icegen.validation.climate import Climate, whitened

MONTH = np.arange(60) % 12 + 1


def made():
    """60 states of a season and three patterns of variance 9, 4 and 1."""
    rng = np.random.default_rng(0)
    patterns = np.linalg.qr(rng.standard_normal((16, 3)))[0].T
    weights = rng.standard_normal((60, 3)) * [3, 2, 1]
    season = np.cos(2 * np.pi * MONTH / 12)[:, None] * 5
    values = (season + weights @ patterns).astype(np.float32)
    climate = Climate()
    for m, value in zip(MONTH, values, strict=True):
        climate.add(int(m), value.reshape(1, 4, 4))
    climate.finish(values, MONTH)
    return climate, values, patterns


def test_eofs_are_the_patterns_of_anomalies():
    climate, values, patterns = made()
    assert climate.eofs.shape == (3, 16)
    np.testing.assert_allclose(climate.eofs @ climate.eofs.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(climate.eofs @ patterns.T, axis=0), 1, atol=1e-4)
    np.testing.assert_allclose(climate.coefficients(values, MONTH), climate.training_coefficients, atol=1e-4)
    assert climate.bands == {}  # fewer than eight


def test_the_mean_is_that_of_the_month():
    climate, values, _ = made()
    np.testing.assert_allclose(climate.mean(3), values[MONTH == 3].mean(0).reshape(1, 4, 4), rtol=1e-5)
    assert climate.mean(13) is None
    assert np.isnan(climate.coefficients(values[:1], np.array([13]))).all()


def test_whitened_coefficients_do_not_tell_smooth_from_rough():
    rng = np.random.default_rng(1)
    coefficients = rng.standard_normal((50, 20))
    bands = {"1-8": slice(0, 8), "9-20": slice(8, 20)}
    damped = coefficients * np.repeat([0.9, 0.4], [8, 12])
    np.testing.assert_allclose(whitened(coefficients, bands), whitened(damped, bands))
    assert np.square(whitened(damped, bands)[:, :8]).mean() == pytest.approx(1)
