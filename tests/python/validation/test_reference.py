# SPDX-License-Identifier: MIT
"""Which real states replace which dates."""

import dataclasses
import shutil

import netCDF4
import numpy as np
import pytest

from icegen.data import prepared_file
from icegen.data.grid import CurvilinearGrid
from icegen.data.times import SPLITS
from icegen.validation.reference import Record, balanced_order, floor_candidates, read, split


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


def test_split_by_the_files_own_word(prepared):
    evaluation, training = split(prepared, prepared)
    assert set(evaluation.year) == {2003}
    assert set(training.year) == {2000, 2001, 2002}
    assert evaluation.month.tolist() == list(range(1, 13))
    assert evaluation.state(3).dtype == np.float32
    np.testing.assert_array_equal(evaluation.state(3), prepared.state[39])
    np.testing.assert_array_equal(evaluation.seen(3), prepared.grid.ocean & ~prepared.filled[39])


def test_validation_and_test_times_are_both_evaluated_on(prepared):
    letters = prepared.split.copy()
    letters[:12] = SPLITS["test"]
    evaluation, training = split(*2 * (dataclasses.replace(prepared, split=letters),))
    assert set(evaluation.year) == {2000, 2003}
    assert set(training.year) == {2001, 2002}


def test_training_states_of_another_file(prepared):
    unseen = dataclasses.replace(prepared, split=np.full(48, SPLITS["test"]))
    evaluation, training = split(unseen, unseen)
    assert len(evaluation) == 48
    assert training is None
    evaluation, training = split(unseen, prepared)
    assert set(training.year) == {2000, 2001, 2002}


def test_order_is_spread_over_months_and_years():
    month = np.tile(np.arange(1, 13), 8)
    year = np.repeat(np.arange(8), 12)
    order = balanced_order(month)
    assert sorted(order) == list(range(96))
    for start in range(0, 96, 12):
        assert sorted(month[order[start : start + 12]]) == list(range(1, 13))
    for m in range(1, 13):
        years = year[order][month[order] == m]
        assert np.ptp(years[:2]) >= 2
    assert len(set(year[order[:12]])) >= 5


def test_floor_is_of_the_same_month_within_four_years_the_nearest_first(prepared):
    year = np.repeat([1990, 1991, 1993, 1994, 1999, 2000], 12)
    month = np.tile(np.arange(1, 13), 6)
    many = dataclasses.replace(
        prepared, year=year, month=month, day_of_year=month * 30, split=np.full(72, SPLITS["training"])
    )
    record = Record(many, np.arange(72))

    def years(of, month=5):
        found = floor_candidates(record, of, month, month * 30)
        assert set(record.month[found]) == {month}
        return record.year[found].tolist()

    assert years(1992) == [1991, 1993, 1990, 1994]
    assert years(1996) == [1994, 1993, 1999, 2000]
    assert years(1985) == [1990]  # none within four years
    without_may = Record(many, np.flatnonzero(month != 5))
    assert set(without_may.year[floor_candidates(without_may, 1991, 5, 150)]) == {1990, 1993, 1994}


def test_floor_of_the_same_year_is_the_nearest_day(prepared):
    daily = dataclasses.replace(
        prepared, year=np.full(5, 2000), month=np.full(5, 3), day_of_year=np.array([61, 65, 70, 75, 80])
    )
    found = floor_candidates(Record(daily, np.arange(5)), 2001, 3, 68)
    assert daily.day_of_year[found].tolist() == [70, 65, 61, 75, 80]


def test_prepared_files_of_other_points_or_ocean_are_refused(tiny, prepared):
    path, grid = tiny / "prepared.nc", prepared.grid
    np.testing.assert_array_equal(read(path, prepared.variables, grid).state[5], prepared.state[5])
    moved, inverted = dataclasses.replace(grid, x=grid.x + 1e5), dataclasses.replace(grid, ocean=~grid.ocean)
    with pytest.raises(ValueError, match=r"prepared.nc is of 40 x 56 cells from .*; this archive is of 40 x 56 cells"):
        read(path, prepared.variables, moved)
    with pytest.raises(ValueError, match=r"the ocean of .*prepared.nc differs from that of this archive in 2240 cells"):
        read(path, prepared.variables, inverted)
    with pytest.raises(ValueError, match=r"prepared.nc holds sic, sit; this archive is of sit"):
        read(path, prepared.variables[1:], grid)


def test_a_cf_file_is_read_like_the_prepared_one(tiny, prepared):
    found = read(tiny / "source.nc", prepared.variables, prepared.grid)
    np.testing.assert_array_equal(found.state[40], prepared.state[40])
    np.testing.assert_array_equal(found.training, prepared.training)
    thickness = read(tiny / "source.nc", prepared.variables[1:], prepared.grid)
    np.testing.assert_array_equal(thickness.state[40, 0], prepared.state[40, 1])


def test_times_of_any_other_split_are_to_evaluate_on(tiny, prepared, tmp_path):
    shutil.copy(tiny / "source.nc", tmp_path / "marked.nc")
    with netCDF4.Dataset(tmp_path / "marked.nc", "a") as nc:
        nc["split"][:12] = b"h"
    evaluation, training = split(*2 * (read(tmp_path / "marked.nc", prepared.variables, prepared.grid),))
    assert set(evaluation.year) == {2000, 2003}
    assert set(training.year) == {2001, 2002}


def test_a_cf_file_on_other_points_is_interpolated(tiny, prepared, caplog):
    moved = dataclasses.replace(prepared.grid, x=prepared.grid.x + 5e4)  # half a cell
    found = read(tiny / "source.nc", prepared.variables, moved)
    np.testing.assert_allclose(found.grid.x, moved.x)
    assert "interpolated to the archive's grid" in caplog.text
    middle = (prepared.state[40, 1, :, :-1] + prepared.state[40, 1, :, 1:]) / 2
    ocean = prepared.grid.ocean[:, :-1] & prepared.grid.ocean[:, 1:]
    np.testing.assert_allclose(found.state[40, 1, :, :-1][ocean], middle[ocean], atol=0.002)


def test_refuses_to_interpolate_to_a_curvilinear_grid(tiny, prepared):
    longitude, latitude = prepared.grid.lonlat
    curvilinear = CurvilinearGrid(longitude + 1, latitude, prepared.grid.ocean)
    with pytest.raises(ValueError, match=r"source.nc is of .*; this archive is of .*, curvilinear, and states are"):
        read(tiny / "source.nc", prepared.variables, curvilinear)
