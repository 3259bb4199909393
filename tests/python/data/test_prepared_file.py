# SPDX-License-Identifier: MIT
"""From a CF file to prepared data: units, gaps, split, statistics, refusals."""

import dataclasses
import shutil

import netCDF4
import numpy as np
import pytest

import tiny as making
from icegen.data import prepared_file
from icegen.data.grid import projected_grid
from icegen.data.sources.cf import CFFile
from icegen.data.times import several_averagings


def copy(tiny, folder, change=None, without=()):
    """The tiny source, changed in place by ``change(nc)``; variables of ``without`` are left out."""
    path = folder / "source.nc"
    if not without:
        shutil.copy(tiny / "source.nc", path)
    else:
        with netCDF4.Dataset(tiny / "source.nc") as old, netCDF4.Dataset(path, "w") as new:
            for name, dimension in old.dimensions.items():
                new.createDimension(name, len(dimension))
            for name in set(old.variables) - set(without):
                attributes = {key: old[name].getncattr(key) for key in old[name].ncattrs()}
                fill = attributes.pop("_FillValue", None)
                variable = new.createVariable(name, old[name].dtype, old[name].dimensions, fill_value=fill)
                variable.setncatts(attributes)
                variable[...] = old[name][...]
    if change:
        with netCDF4.Dataset(path, "a") as nc:
            change(nc)
    return path


def read_source(path, name):
    with netCDF4.Dataset(path) as nc:
        return np.ma.filled(nc[name][:].astype(np.float64), np.nan)


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


def test_dimensions_and_mask(prepared):
    assert [v.id for v in prepared.variables] == ["sic", "sit"]
    assert prepared.state.shape == prepared.filled.shape == (48, 2, making.ROWS, making.COLUMNS)
    assert prepared.state.dtype == np.float16
    assert prepared.grid.shape == (making.ROWS, making.COLUMNS)
    np.testing.assert_array_equal(
        prepared.grid.ocean, projected_grid(prepared.grid.x, prepared.grid.y, "EPSG:6931").ocean
    )
    assert 0.3 < prepared.grid.ocean.mean() < 0.9


def test_kilometres_become_metres(prepared):
    assert prepared.grid.dx == pytest.approx(making.SPACING)
    assert prepared.grid.dy == pytest.approx(-making.SPACING)


def test_percent_becomes_a_fraction(prepared, tiny):
    sea = prepared.grid.ocean
    for i, name, factor in ((0, "ice", 0.01), (1, "sit", 1.0)):
        wanted = read_source(tiny / "source.nc", name)[:, sea] * factor
        np.testing.assert_allclose(prepared.state[:, i][:, sea], wanted, rtol=1e-3, atol=1e-6)


def test_land_is_missing_in_the_file_and_zero_in_memory(prepared, tiny):
    land = ~prepared.grid.ocean
    assert (prepared.state[:, :, land] == 0).all()
    assert not prepared.filled[:, :, land].any()
    with netCDF4.Dataset(tiny / "prepared.nc") as nc:
        for name in ("sic", "sit"):
            mask = np.ma.getmaskarray(nc[name][:])
            np.testing.assert_array_equal(mask, np.broadcast_to(land, mask.shape))
        assert nc["sic"].standard_name == "sea_ice_area_fraction"
        assert nc["sic"].units == "1"
        assert nc["crs"].grid_mapping_name == "lambert_azimuthal_equal_area"


def test_dates_and_split(prepared):
    assert prepared.year.tolist() == [y for y in range(2000, 2004) for _ in range(12)]
    assert prepared.month.tolist() == list(range(1, 13)) * 4
    assert prepared.day_of_year[:3].tolist() == [15, 46, 75]  # 2000 is a leap year
    assert prepared.day_of_year[12:15].tolist() == [15, 46, 74]
    np.testing.assert_array_equal(prepared.training, prepared.year < 2003)


def test_states_are_told_apart_by_what_they_average_over(prepared):
    assert prepared.averaging.tolist() == [31] * 48
    assert prepared.of_averaging(0) is prepared
    assert prepared.of_averaging(30) is prepared
    mixed = dataclasses.replace(prepared, averaging=np.where(prepared.month == 3, 1.0, 31.0))
    assert several_averagings(mixed.averaging)
    assert not several_averagings(prepared.averaging)
    days = mixed.of_averaging(1)
    assert days.month.tolist() == [3] * 4
    np.testing.assert_array_equal(days.state, prepared.state[prepared.month == 3])
    assert (days.extent, days.sha256) == (pytest.approx(prepared.extent[prepared.month == 3]), prepared.sha256)
    with pytest.raises(ValueError, match=r"the data have no means over 7 days; theirs are over 1, 31"):
        mixed.of_averaging(7)


def test_named_validation_years_win_over_the_sources_split(tiny, tmp_path):
    out = prepared_file.prepare(CFFile(tiny / "source.nc"), tmp_path / "out.nc", validation_years=(2000, 2001))
    prepared = prepared_file.load(out)
    np.testing.assert_array_equal(prepared.training, prepared.year > 2001)


def test_three_splits(tiny, tmp_path):
    out = prepared_file.prepare(
        CFFile(tiny / "source.nc"), tmp_path / "out.nc", validation_years=[2001], test_years=[2000, 2003]
    )
    prepared = prepared_file.load(out)
    np.testing.assert_array_equal(prepared.training, prepared.year == 2002)
    np.testing.assert_array_equal(prepared.validation, prepared.year == 2001)
    np.testing.assert_array_equal(prepared.test, np.isin(prepared.year, (2000, 2003)))
    values = read_source(tiny / "source.nc", "sit")[24:36, prepared.grid.ocean]
    assert prepared.mean[1] == pytest.approx(np.nanmean(values), rel=1e-6)


def test_the_sources_split_may_name_test_times(tiny, tmp_path):
    def change(nc):
        nc["split"][6:12] = np.full(6, b"x", "S1")

    prepared = prepared_file.load(prepared_file.prepare(CFFile(copy(tiny, tmp_path, change)), tmp_path / "out.nc"))
    assert prepared.test.tolist() == [6 <= t < 12 for t in range(48)]
    assert prepared.training.sum() == 30


def test_statistics_are_those_of_the_training_ocean(prepared, tiny):
    sea = prepared.grid.ocean
    for i, (name, factor) in enumerate((("ice", 0.01), ("sit", 1.0))):
        values = read_source(tiny / "source.nc", name)[prepared.training][:, sea] * factor
        values = values.astype(np.float16).astype(np.float64)
        values[values < 0] = 0
        assert prepared.mean[i] == pytest.approx(np.nanmean(values), rel=1e-6)
        assert prepared.std[i] == pytest.approx(np.nanstd(values), rel=1e-6)


def test_gaps_take_the_nearest_value_and_are_flagged(tiny, tmp_path, prepared):
    sea = prepared.grid.ocean
    row, column = making.ROWS // 2, making.COLUMNS // 2
    assert sea[row - 3 : row + 4, column - 3 : column + 4].all()

    def change(nc):
        nc["ice"][3, row - 1 : row + 2, column - 1 : column + 2] = np.ma.masked
        nc["ice"][3, row - 2 : row + 3, column + 2] = 40.0
        nc["ice"][3, row - 2 : row + 3, column - 2] = 80.0
        nc["sit"][5, row, column] = np.nan  # not all missing values are declared

    gapped = prepared_file.load(prepared_file.prepare(CFFile(copy(tiny, tmp_path, change)), tmp_path / "out.nc"))
    flagged = np.zeros_like(gapped.filled)
    flagged[3, 0, row - 1 : row + 2, column - 1 : column + 2] = True
    flagged[5, 1, row, column] = True
    np.testing.assert_array_equal(gapped.filled, flagged)
    np.testing.assert_allclose(gapped.state[3, 0, row, [column - 1, column + 1]], [0.8, 0.4], rtol=1e-3)
    assert np.isfinite(gapped.state).all()
    # A filled value is no observation: it leaves the statistics alone.
    values = read_source(tmp_path / "source.nc", "ice")[gapped.training][:, sea] * 0.01
    assert gapped.mean[0] == pytest.approx(np.nanmean(values), rel=1e-6)
    assert gapped.std[0] == pytest.approx(np.nanstd(values), rel=1e-6)


def test_gaps_at_the_coast_are_not_filled_from_land(tiny, tmp_path, prepared):
    coast = prepared.grid.ocean & ~np.roll(prepared.grid.ocean, 1, 1)
    coast[:, 0] = False
    assert coast.any()

    def change(nc):
        ice = np.where(prepared.grid.ocean, 80.0, 0.0) * np.ones((48, 1, 1))
        ice[0] *= 0.5
        nc["ice"][:] = np.ma.masked_array(ice, np.broadcast_to(coast, ice.shape))

    path = copy(tiny, tmp_path, change)
    filled = prepared_file.load(prepared_file.prepare(CFFile(path, ["sic"]), tmp_path / "out.nc"))
    np.testing.assert_allclose(filled.state[1, 0][coast], 0.8, atol=1e-3)


def test_values_beyond_the_bounds_are_cut(tiny, tmp_path):
    def change(nc):
        nc["ice"][0, 20, 28:30] = 103.0, -0.5
        nc["sit"][0, 20, 29] = -0.01

    prepared = prepared_file.load(prepared_file.prepare(CFFile(copy(tiny, tmp_path, change)), tmp_path / "out.nc"))
    assert prepared.state[0, 0, 20, 28:30].tolist() == [1.0, 0.0]
    assert prepared.state[0, 1, 20, 29] == 0.0
    assert not prepared.filled[0, :, 20, 28:30].any()


def test_one_variable_alone(tiny, tmp_path, prepared):
    alone = prepared_file.load(prepared_file.prepare(CFFile(tiny / "source.nc", ("sit",)), tmp_path / "out.nc"))
    assert [v.id for v in alone.variables] == ["sit"]
    np.testing.assert_array_equal(alone.state[:, 0], prepared.state[:, 1])
    assert alone.bounds[0].tolist() == [0.0]
    assert alone.bounds[1].tolist() == [np.inf]


def test_unbounded_variables_keep_their_sign(tiny, tmp_path):
    def change(nc):
        nc["sit"].setncatts({"standard_name": "sea_ice_x_velocity", "units": "cm s-1"})
        nc["sit"][:] = nc["sit"][:] - 1.0

    prepared = prepared_file.load(
        prepared_file.prepare(CFFile(copy(tiny, tmp_path, change), ("siu",)), tmp_path / "out.nc")
    )
    sea = prepared.grid.ocean
    wanted = read_source(tmp_path / "source.nc", "sit")[:, sea] * 0.01
    np.testing.assert_allclose(prepared.state[:, 0][:, sea], wanted, rtol=1e-3, atol=1e-6)
    assert prepared.state.min() < 0


def test_dates_of_a_calendar_without_leap_days_are_kept(tiny, tmp_path):
    def change(nc):
        nc["time"].calendar = "noleap"

    path = copy(tiny, tmp_path, change)
    prepared = prepared_file.load(prepared_file.prepare(CFFile(path), tmp_path / "out.nc", validation_years=(2001,)))
    with netCDF4.Dataset(path) as nc:
        dates = netCDF4.num2date(nc["time"][:], nc["time"].units, "noleap")
    assert prepared.year.tolist() == [date.year for date in dates]
    assert prepared.month.tolist() == [date.month for date in dates]


def test_refuses_a_date_that_is_none(tiny, tmp_path):
    def change(nc):
        nc["time"].calendar = "360_day"
        nc["time"][1] = 59.0  # 30 February

    with pytest.raises(ValueError, match="calendar is 360_day"):
        prepared_file.prepare(CFFile(copy(tiny, tmp_path, change)), tmp_path / "out.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["source.nc"]


def test_progress_sees_every_time(tiny, tmp_path):
    seen = []

    def progress(times):
        for t in times:
            yield t
            seen.append(t)

    prepared_file.prepare(CFFile(tiny / "source.nc"), tmp_path / "out.nc", progress=progress)
    assert seen == list(range(48))


def set_units(name, units):
    return lambda nc: nc[name].setncattr("units", units)


def blank(nc):
    nc["ice"][4] = np.ma.masked


def one_split(letter):
    def change(nc):
        nc["split"][:] = np.full(48, letter, "S1")

    return change


def constant(nc):
    nc["ice"][:] = 50.0


def fill_value(nc):
    nc["sit"][4, 20, 20] = 1e20


def negative(nc):
    nc["sit"][:] = -nc["sit"][:]


def without_time_units(nc):
    nc["time"].delncattr("units")


def uneven(nc):
    nc["x"][3] += 20.0


@pytest.mark.parametrize(
    ("change", "without", "message"),
    [
        (None, ("sit",), "has no variable sit or standard_name sea_ice_thickness"),
        (None, ("ice",), "has no variable sic or standard_name sea_ice_area_fraction"),
        (None, ("x",), "no coordinates with standard_name projection_x_coordinate"),
        (None, ("y",), "no coordinates with standard_name projection_x_coordinate"),
        (None, ("crs",), "no grid mapping variable"),
        (None, ("time",), "has no variable time"),
        (None, ("split",), "the source has no split of its own; name the validation years"),
        (set_units("ice", "m"), (), "ice has units 'm'; wanted one of 1, fraction, %, percent"),
        (set_units("sit", "km"), (), "sit has units 'km'; wanted one of m"),
        (set_units("y", "degrees"), (), "y has units 'degrees'; wanted m or km"),
        (one_split(b"v"), (), "the training split is empty; the 48 times are of 2000 to 2003"),
        (one_split(b"t"), (), "the validation split is empty; the 48 times are of 2000 to 2003"),
        (blank, (), "sic has no value on the ocean at time index 4, 2000-05-15"),
        (constant, (), "sic is the same everywhere in the training split"),
        (fill_value, (), "sit holds 1e.20 at 2000-05-15 .*; wanted 0 to 100 m"),
        (negative, (), "sit holds -.* at 2000-01-15 .*; wanted 0 to 100 m"),
        (uneven, (), "grid axis x is not evenly spaced"),
        (without_time_units, (), "time has no units"),
    ],
)
def test_refuses_and_leaves_nothing_behind(tiny, tmp_path, change, without, message):
    path = copy(tiny, tmp_path, change, without)
    with pytest.raises(ValueError, match=message) as refusal:
        prepared_file.prepare(CFFile(path), tmp_path / "out.nc")
    assert "\n" not in str(refusal.value)
    assert [p.name for p in tmp_path.iterdir()] == ["source.nc"]


def test_refuses_axes_in_another_order(tiny, tmp_path):
    """With equal lengths, a transposed field would not be noticed otherwise."""
    path = copy(tiny, tmp_path, without=("sit",))
    with netCDF4.Dataset(path, "a") as nc:
        sit = nc.createVariable("sit", "f4", ("time", "x", "y"))
        sit.units = "m"
        sit[:] = read_source(tiny / "source.nc", "sit").transpose(0, 2, 1)
    with pytest.raises(ValueError, match=r"sit has dimensions \('time', 'x', 'y'\); wanted \('time', 'y', 'x'\)"):
        prepared_file.prepare(CFFile(path), tmp_path / "out.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["source.nc"]


def test_refuses_years_that_leave_a_split_empty(tiny, tmp_path):
    with pytest.raises(ValueError, match="the validation split is empty"):
        prepared_file.prepare(CFFile(tiny / "source.nc"), tmp_path / "out.nc", validation_years=(1990,))
    with pytest.raises(ValueError, match="the training split is empty"):
        prepared_file.prepare(CFFile(tiny / "source.nc"), tmp_path / "out.nc", validation_years=range(2000, 2004))
    with pytest.raises(ValueError, match="the test split is empty"):
        prepared_file.prepare(
            CFFile(tiny / "source.nc"), tmp_path / "out.nc", validation_years=(2003,), test_years=(2004,)
        )
    with pytest.raises(ValueError, match="year 2003 is named for validation and for test"):
        prepared_file.prepare(
            CFFile(tiny / "source.nc"), tmp_path / "out.nc", validation_years=(2003,), test_years=(2003,)
        )
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_grid_the_autoencoder_cannot_halve(tmp_path, monkeypatch):
    monkeypatch.setattr(making, "COLUMNS", 52)
    path = making.write_source(tmp_path / "source.nc", years=range(2000, 2002))
    with pytest.raises(ValueError, match="the grid has 40 x 52 cells; wanted multiples of 8"):
        prepared_file.prepare(CFFile(path), tmp_path / "out.nc")


def test_refuses_missing_paths_and_other_files(tiny, tmp_path):
    with pytest.raises(ValueError, match=r"data file .*nowhere\.nc does not exist"):
        prepared_file.prepare(CFFile(tmp_path / "nowhere.nc"), tmp_path / "out.nc")
    with pytest.raises(ValueError, match=r"folder .*nowhere does not exist"):
        prepared_file.prepare(CFFile(tiny / "source.nc"), tmp_path / "nowhere" / "out.nc")
    with pytest.raises(ValueError, match="unknown variable 'ice'"):
        prepared_file.prepare(CFFile(tiny / "source.nc", ("ice",)), tmp_path / "out.nc")
    (tmp_path / "text.nc").write_text("no NetCDF " * 100)
    (tmp_path / "half.nc").write_bytes((tiny / "source.nc").read_bytes()[:4000])
    for name in ("text.nc", "half.nc"):
        for read in (lambda path: prepared_file.prepare(CFFile(path), tmp_path / "out.nc"), prepared_file.load):
            with pytest.raises(ValueError, match=f"{name} cannot be read as NetCDF"):
                read(tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["half.nc", "text.nc"]


def test_load_refuses_an_unprepared_file(tiny):
    with pytest.raises(ValueError, match=r"source\.nc is not a prepared file; make one with: icegen prepare"):
        prepared_file.load(tiny / "source.nc")
    with pytest.raises(ValueError, match="does not exist"):
        prepared_file.load(tiny / "nowhere.nc")


def test_the_digest_is_of_states_gaps_and_split(tiny, tmp_path):
    """The same states have the same digest in another file; another split has another."""
    first = prepared_file.load(tiny / "prepared.nc")
    digests = [first.sha256]
    for name, years in (("same.nc", ()), ("other.nc", (2001,))):
        out = prepared_file.prepare(CFFile(tiny / "source.nc"), tmp_path / name, validation_years=years)
        digests.append(prepared_file.load(out).sha256)
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 64
