# SPDX-License-Identifier: MIT
"""The covariance of a record whose variance is known."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from icegen.data import prepared_file
from icegen.training.covariance import ObservationsConfig, fit_covariance


@pytest.mark.parametrize("conditional", [True, False])
def test_variance_and_scatter_of_white_noise(tiny, conditional):
    """Blocks of one cell have all of the variance; a block of four has a quarter, and three quarters scatter in it."""
    prepared = prepared_file.load(tiny / "prepared.nc")
    rng = np.random.default_rng(0)
    times, shape = 400, (400, 2, *prepared.grid.shape)
    year = 1980 + np.arange(times) // 12
    day = np.arange(times) % 12 * 30 + 15
    noise = dataclasses.replace(
        prepared, state=rng.standard_normal(shape).astype(np.float16), year=year, day_of_year=day,
        split=np.full(times, b"t"), averaging=np.full(times, 30.0),
    )  # fmt: skip
    whole = dataclasses.replace(
        noise, grid=dataclasses.replace(prepared.grid, ocean=np.ones(prepared.grid.shape, bool))
    )
    for spacing, variance, scatter in ((1.0, 1.0, 0.0), (0.5, 0.25, 0.75)):
        grid = dataclasses.replace(whole.grid, x=spacing * whole.grid.x, y=spacing * whole.grid.y)
        model = SimpleNamespace(conditional=conditional, mean=torch.zeros(1))
        fit_covariance(model, dataclasses.replace(whole, grid=grid), ObservationsConfig())
        assert float(model.covariance.anomalies.var()) == pytest.approx(variance, rel=0.02)
        assert float(model.covariance.scatter.mean()) == pytest.approx(scatter, rel=0.02, abs=0.01)
