# SPDX-License-Identifier: MIT
"""Extent, ice edge, marginal ice zone and volume against values computed by hand; the climatology of extent."""

import dataclasses

import numpy as np
import pytest

from icegen.data import prepared_file
from icegen.data.climatology import extent_climatology
from icegen.data.extent import edge_length, extent, marginal_ice_zone, volume

OCEAN = np.ones((3, 4), bool)
OCEAN[0, 3] = False
AREA = np.arange(12.0).reshape(3, 4)


@pytest.fixture
def sic():
    field = np.zeros((2, 5, 3, 4), np.float32)
    field[1, 2, 0, 3] = 1.0  # land: does not count
    field[1, 2, 1, 1] = 0.15  # 5 m2: at the ice edge
    field[1, 2, 2, 0] = 0.14  # 8 m2: not yet
    field[1, 2, 2, 1] = 0.8  # 9 m2: at the pack's edge
    field[1, 2, 2, 3] = 0.9  # 11 m2
    return field


def test_extent_of_a_known_mask(sic):
    found = extent(sic, AREA, OCEAN)
    assert found.shape == (2, 5)
    assert found[1, 2] == 5 + 9 + 11
    assert found.sum() == 25


def test_marginal_ice_zone_of_a_known_mask(sic):
    found = marginal_ice_zone(sic, AREA, OCEAN)
    assert found[1, 2] == 5 + 9
    assert found.sum() == 14


def test_the_ice_edge_leaves_out_coasts(sic):
    """Two cells with ice lie one above the other and have five open sides, a third has two; the rest is grid border."""
    area = np.full((3, 4), 4.0)
    corner = np.zeros((3, 4))
    corner[0, 2] = 1.0  # land lies beside it
    assert edge_length(corner, area, OCEAN) == pytest.approx(2 * 2 * np.pi / 4)
    assert edge_length(sic[1, 2], area, OCEAN) == pytest.approx(7 * 2 * np.pi / 4)


def test_the_ice_edge_of_a_disc_has_the_length_of_a_circle():
    y, x = np.mgrid[-100:101, -100:101]
    disc = (np.hypot(x, y) < 60).astype(np.float32)
    found = edge_length(disc, np.full(disc.shape, 25.0), np.ones(disc.shape, bool))
    assert found == pytest.approx(2 * np.pi * 60 * 5, rel=0.02)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_fifteen_percent_is_ice_in_every_precision(dtype):
    """Data are kept in half precision, where .15 is .15002; observations come in whole percents."""
    sic = np.full((8, 8), 0.15).astype(np.float16).astype(dtype)
    assert extent(sic, np.ones((8, 8)), np.ones((8, 8), bool)) == 64


def test_volume_of_a_known_field():
    sit = np.full((3, 4), 2.0, np.float32)
    assert volume(sit, AREA, OCEAN) == 2 * (AREA.sum() - 3)
    assert volume(sit[None], AREA, OCEAN).shape == (1,)


def test_volume_sums_in_double_precision():
    """One more centimetre on one of many cells changes the volume."""
    sit = np.full((1000, 1000), 3.0, np.float32)
    area, ocean = np.full((1000, 1000), 1.5e8), np.ones((1000, 1000), bool)
    before = volume(sit, area, ocean)
    sit[0, 0] = 4.0
    assert volume(sit, area, ocean) - before == 1.5e8


@pytest.fixture
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


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
