# SPDX-License-Identifier: MIT
"""Scores against what is known by hand."""

import dataclasses
import warnings

import numpy as np
import pytest
import torch

from icegen import data
from icegen.validation import (
    extent,
    extent_climatology,
    generation_scores,
    nearest_training_times,
    reconstruction_scores,
    score,
)


@pytest.fixture(scope="module")
def prepared(tiny):
    return data.load(tiny / "prepared.nc")


@pytest.fixture(scope="module")
def times(prepared):
    return np.flatnonzero(~prepared.training)


class Perfect:
    """Knows the validation states."""

    def __init__(self, prepared):
        self.states = {
            (int(year), int(day)): torch.from_numpy(state).float()
            for year, day, state in zip(prepared.year, prepared.day_of_year, prepared.state, strict=True)
        }

    def encode(self, state):
        return state

    def decode(self, latent):
        return latent

    def generate(self, seed, member, condition, steps):
        return torch.stack([self.states[tuple(key)] for key in condition.tolist()])


def test_extent_of_a_known_mask():
    area = np.arange(12.0).reshape(3, 4)
    ocean = np.ones((3, 4), bool)
    ocean[0, 3] = False
    sic = np.zeros((2, 5, 3, 4), np.float32)
    sic[1, 2, 0, 3] = 1.0  # land: does not count
    sic[1, 2, 1, 1] = 0.15  # 5 m2: at the ice edge
    sic[1, 2, 2, 0] = 0.14  # 8 m2: not yet
    sic[1, 2, 2, 3] = 0.9  # 11 m2
    found = extent(sic, area, ocean)
    assert found.shape == (2, 5)
    assert found[1, 2] == 16
    assert found.sum() == 16


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_fifteen_percent_is_ice_in_every_precision(dtype):
    """Data are kept in half precision, where .15 is .15002; observations come in whole percents."""
    sic = np.full((8, 8), 0.15).astype(np.float16).astype(dtype)
    assert extent(sic, np.ones((8, 8)), np.ones((8, 8), bool)) == 64


def test_climatology_is_that_of_the_training_years(prepared):
    climatology = extent_climatology(prepared)
    sic = prepared.state[:, 0].astype(np.float64)
    area = (((sic >= 0.15) & prepared.grid.ocean) * prepared.grid.cell_area).sum((1, 2))
    by_year = area.reshape(4, 12)[:3]  # 2003 is for validation
    assert climatology["units"] == "m2"
    assert climatology["years"] == [2000, 2002]
    for name in ("mean", "min", "max", "std"):
        np.testing.assert_allclose(climatology[name], getattr(by_year, name)(0), rtol=1e-6)
    assert climatology["mean"][2] > 1.5 * climatology["mean"][8]  # March, September


def test_climatology_needs_concentration_and_all_months(prepared):
    assert extent_climatology(dataclasses.replace(prepared, variables=prepared.variables[1:])) == {}
    assert extent_climatology(dataclasses.replace(prepared, month=np.minimum(prepared.month, 11))) == {}


def test_nearest_training_time_is_of_the_same_month(prepared, times):
    assert nearest_training_times(prepared, times).tolist() == [t - 12 for t in times]
    middle = dataclasses.replace(prepared, training=prepared.year != 2001)
    assert nearest_training_times(middle, np.array([12, 20])).tolist() == [0, 8]  # the earlier of two as near
    gap = dataclasses.replace(
        prepared, training=(prepared.year < 2003) & ~((prepared.year == 2002) & (prepared.month < 7))
    )
    assert nearest_training_times(gap, np.array([36, 47])).tolist() == [12, 35]


def test_nearest_training_time_of_a_month_never_trained_on(prepared):
    summer = dataclasses.replace(prepared, training=(prepared.year < 2003) & (prepared.month > 5))
    nearest = nearest_training_times(summer, np.array([36]))
    assert prepared.year[nearest[0]] == 2002


def test_a_perfect_emulator(prepared):
    scores = score(Perfect(prepared), prepared, samples=3, steps=2)
    assert scores["validation_times"] == 12
    assert scores["samples_per_time"] == 3
    for name in ("sic", "sit"):
        assert scores["reconstruction"][f"{name}_rmse"] == 0
        assert scores["reconstruction"][f"{name}_zeros_kept"] == 1
        assert scores["reconstruction"][f"{name}_false_zeros"] == 0
    assert scores["generation"]["ice_probability_rmse"] == 0
    assert scores["generation"]["extent_rmse_million_km2"] < 1e-12  # sums in another order
    assert scores["generation"]["ice_probability_rmse_floor"] > 0
    assert scores["generation"]["extent_rmse_million_km2_floor"] > 0


def test_an_emulator_that_repeats_last_year_scores_the_floor(prepared, times):
    last_year = prepared.state[times - 12].astype(np.float32)[:, None].repeat(2, 1)
    scores = generation_scores(last_year, prepared, times)
    for name in ("ice_probability_rmse", "extent_rmse_million_km2"):
        assert scores[name] == pytest.approx(scores[name + "_floor"])


def test_extent_error_of_a_known_mistake(prepared, times):
    """One cell of 10^4 km2 too many, always."""
    states = prepared.state[times].astype(np.float32)
    bare = ((states[:, 0] < 0.15).all(0)) & prepared.grid.ocean
    row, column = np.argwhere(bare)[0]
    states[:, 0, row, column] = 1.0
    scores = generation_scores(states[:, None], prepared, times)
    assert scores["extent_rmse_million_km2"] == pytest.approx(0.01, rel=1e-6)
    assert scores["ice_probability_rmse"] == pytest.approx(np.sqrt(1 / prepared.grid.ocean.sum()))


def test_reconstruction_of_a_known_mistake(prepared, times):
    filled = prepared.filled.copy()
    filled[times, 0, :, : prepared.grid.shape[1] // 2] = True  # what was filled in is not scored
    gapped = dataclasses.replace(prepared, filled=filled)
    truth = prepared.state[times].astype(np.float32)
    wrong = truth + np.float32(0.25)
    wrong[:, 0, :, : prepared.grid.shape[1] // 2] = 9.0
    wrong[..., ~prepared.grid.ocean] = 9.0
    scores = reconstruction_scores(wrong, gapped, times)
    for name in ("sic", "sit"):
        assert scores[f"{name}_rmse"] == pytest.approx(0.25, rel=1e-6)
        assert scores[f"{name}_zeros_kept"] == 0
    zero = reconstruction_scores(np.zeros_like(truth), gapped, times)
    assert zero["sit_zeros_kept"] == zero["sit_false_zeros"] == 1


def test_scores_without_any_zero_are_finite_or_left_out(prepared, times):
    """NaN is no JSON, and the scores go into the archive's metadata."""
    thick = dataclasses.replace(prepared, state=prepared.state + np.float16(0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = reconstruction_scores(thick.state[times].astype(np.float32), thick, times)
    assert all(np.isfinite(value) for value in scores.values())
    assert scores["sit_rmse"] == 0


def test_without_concentration_there_are_no_generation_scores(prepared, times):
    alone = dataclasses.replace(prepared, variables=prepared.variables[1:], state=prepared.state[:, 1:])
    assert generation_scores(prepared.state[times][:, None, 1:], alone, times) == {}
