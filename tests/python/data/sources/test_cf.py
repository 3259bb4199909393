# SPDX-License-Identifier: MIT
"""CF files on projected, regular and curvilinear grids, as they are and interpolated; drift is rotated."""

import netCDF4
import numpy as np
import pyproj
import pytest

from icegen.data import prepared_file
from icegen.data.grid import CurvilinearGrid, Grid, ease2_north
from icegen.data.sources.cf import CFFile, CFFiles, files_of
from icegen.data.sources.regrid import Regridding

UNITS = {"sic": "1", "sit": "m", "siu": "m s-1", "siv": "m s-1"}
NAMES = {"sic": "sea_ice_area_fraction", "sit": "sea_ice_thickness"}
GRID_DRIFT = {"siu": "sea_ice_x_velocity", "siv": "sea_ice_y_velocity"}
GEOGRAPHIC_DRIFT = {"siu": "eastward_sea_ice_velocity", "siv": "northward_sea_ice_velocity"}
TARGET = ease2_north(32, 150e3)


def projected():
    x = (np.arange(64) - 31.5) * 100e3
    crs = pyproj.CRS("EPSG:3413")
    return {
        "x": (("x",), x / 1000, {"standard_name": "projection_x_coordinate", "units": "km"}),
        "y": (("y",), -x / 1000, {"standard_name": "projection_y_coordinate", "units": "km"}),
        "polar": ((), 0, crs.to_cf()),
    }, Grid(x, -x, "EPSG:3413", np.ones((64, 64), bool))


def regular():
    """1-D latitude and longitude, from 0 to 360, with the pole."""
    longitude, latitude = np.arange(0, 360, 2.0), np.arange(40, 90.5, 1)
    grid = CurvilinearGrid(*np.meshgrid(longitude, latitude), np.ones((51, 180), bool))
    return {
        "lat": (("lat",), latitude, {"standard_name": "latitude", "units": "degrees_north"}),
        "lon": (("lon",), longitude, {"standard_name": "longitude", "units": "degrees_east"}),
    }, grid


def curvilinear():
    """The cells of a plane, turned, by their 2-D positions; rows from south to north on the page."""
    plane = Grid((np.arange(64) - 30) * 100e3, (np.arange(72) - 36) * 100e3, "EPSG:3413", np.ones((72, 64), bool))
    longitude, latitude = plane.lonlat
    grid = CurvilinearGrid(longitude, latitude, plane.ocean)
    return {
        "nav_lat": (("j", "i"), latitude, {"standard_name": "latitude", "units": "degrees_north"}),
        "nav_lon": (("j", "i"), longitude, {"standard_name": "longitude", "units": "degrees_east"}),
    }, grid


KINDS = {"projected": projected, "regular": regular, "curvilinear": curvilinear}


def fields(longitude, latitude, t):
    """Smooth everywhere, the pole too: concentration, thickness, and drift to the east + i north."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    px, py = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon)
    drift = -np.sin(lon) + 1j * -np.sin(lat) * np.cos(lon)  # (1, 0, 0) on the tangent plane
    return {"sic": 0.5 + 0.4 * px, "sit": 1 + px + py**2 + t, "drift": (0.1 + 0.1 * t) * drift}


def write(path, kind, geographic=False, times=3, change=None):
    coordinates, grid = KINDS[kind]()
    dimensions = {"regular": ("lat", "lon"), "curvilinear": ("j", "i")}.get(kind, ("y", "x"))
    drift_names = GEOGRAPHIC_DRIFT if geographic else GRID_DRIFT
    with netCDF4.Dataset(path, "w") as nc:
        nc.createDimension("time", times)
        for name, size in zip(dimensions, grid.shape, strict=True):
            nc.createDimension(name, size)
        for name, (dims, values, attributes) in coordinates.items():
            nc.createVariable(name, "f8", dims)[...] = values
            nc[name].setncatts(attributes)
        nc.createVariable("time", "f8", ("time",))[:] = np.arange(times) * 366
        nc["time"].units = "days since 2000-01-01"
        for i, (name, standard_name) in enumerate((NAMES | drift_names).items()):
            variable = nc.createVariable(f"v{i}", "f8", ("time", *dimensions))
            variable.setncatts({"standard_name": standard_name, "units": UNITS[name]})
        for t in range(times):
            true = fields(*grid.lonlat, t)
            drift = true["drift"] * (1 if geographic else np.conj(grid.x_direction))
            for i, values in enumerate((true["sic"], true["sit"], drift.real, drift.imag)):
                nc[f"v{i}"][t] = values
        if change:
            change(nc)
    return path


def expected(grid, t):
    true = fields(*grid.lonlat, t)
    drift = true["drift"] * np.conj(grid.x_direction)
    return np.stack([true["sic"], true["sit"], drift.real, drift.imag])


@pytest.mark.parametrize("geographic", [False, True], ids=["along the grid", "geographic"])
@pytest.mark.parametrize("kind", KINDS)
def test_regridded(tmp_path, kind, geographic):
    """Values are at the right places, and drift is along the target's axes for every source."""
    source = CFFile(write(tmp_path / "in.nc", kind, geographic), tuple(UNITS), TARGET)
    assert source.grid is TARGET
    state = source.read(1)
    wanted = expected(TARGET, 1)
    inner = (slice(None), slice(4, -4), slice(4, -4))
    assert np.isfinite(state[inner]).all()
    for found, true, size in zip(state[inner], wanted[inner], (1, 3, 0.2, 0.2), strict=True):
        np.testing.assert_allclose(found, true, atol=0.01 * size)


@pytest.mark.parametrize("geographic", [False, True], ids=["along the grid", "geographic"])
@pytest.mark.parametrize("kind", KINDS)
def test_on_its_own_grid(tmp_path, kind, geographic):
    source = CFFile(write(tmp_path / "in.nc", kind, geographic), tuple(UNITS))
    _, grid = KINDS[kind]()
    wanted = expected(grid, 2)
    np.testing.assert_allclose(source.read(2), wanted, atol=1e-6)
    np.testing.assert_allclose(source.grid.lonlat[1], grid.lonlat[1], atol=1e-9)


def test_prepared_on_a_curvilinear_grid(tmp_path):
    path = write(tmp_path / "in.nc", "curvilinear")
    out = prepared_file.prepare(CFFile(path, ("sit", "siu")), tmp_path / "out.nc", validation_years=[2002])
    prepared = prepared_file.load(out)
    assert isinstance(prepared.grid, CurvilinearGrid)
    sea = prepared.grid.ocean
    np.testing.assert_allclose(prepared.state[1, 0][sea], expected(prepared.grid, 1)[1][sea], rtol=1e-3)
    with netCDF4.Dataset(out) as nc:
        assert nc["sit"].coordinates == "lat lon"
        assert "grid_mapping" not in nc["sit"].ncattrs()
    # What was prepared can be prepared again, mask and split included.
    again = prepared_file.load(prepared_file.prepare(CFFile(out, ("sit",)), tmp_path / "again.nc"))
    np.testing.assert_array_equal(again.state[:, 0], prepared.state[:, 0])
    np.testing.assert_array_equal(again.grid.ocean, prepared.grid.ocean)
    assert again.split.tolist() == prepared.split.tolist() == [b"t", b"t", b"v"]


def test_cells_without_a_value_stay_without(tmp_path):
    """A pole hole becomes a pole hole of the target, which preparing fills and flags."""
    _, grid = projected()
    hole = grid.lonlat[1] > 84

    def change(nc):
        nc["v1"][:] = np.where(hole, np.nan, nc["v1"][:])

    path = write(tmp_path / "in.nc", "projected", change=change)
    state = CFFile(path, ("sit", "sic"), TARGET).read(0)
    latitude = TARGET.lonlat[1]
    assert np.isnan(state[0][latitude > 86]).all()
    assert np.isfinite(state[0][(latitude < 82) & (latitude > 65)]).all()
    assert np.isfinite(state[1][latitude > 65]).all()
    source = CFFile(path, ("sit", "sic"), TARGET)
    prepared = prepared_file.load(prepared_file.prepare(source, tmp_path / "out.nc", validation_years=[2002]))
    np.testing.assert_array_equal(prepared.filled[:, 0], np.isnan(state[0]) & TARGET.ocean & np.ones((3, 1, 1), bool))


def test_means_where_the_target_is_coarser():
    """Four source cells to a target cell: their mean, whatever the values; the total is kept."""
    fine, coarse = ease2_north(32, 50e3), ease2_north(16, 100e3)
    state = np.random.default_rng(0).random((2, 32, 32))
    found = Regridding(fine, coarse)(state)
    np.testing.assert_allclose(found, state.reshape(2, 16, 2, 16, 2).mean((2, 4)), rtol=1e-9)


def test_means_leave_missing_cells_out():
    fine, coarse = ease2_north(32, 50e3), ease2_north(16, 100e3)
    state = np.ones((1, 32, 32))
    state[0, 0, 0], state[0, 1, 1] = np.nan, 4.0  # one of four
    state[0, 4:6, 4:6] = [[np.nan, np.nan], [np.nan, 5.0]]  # three of four
    found = Regridding(fine, coarse)(state)
    assert found[0, 0, 0] == pytest.approx(2.0)
    assert np.isnan(found[0, 2, 2])
    assert np.isnan(found).sum() == 1


def test_units_are_converted(tmp_path):
    def change(nc):
        for name, units in (("v0", "percent"), ("v1", "cm"), ("v2", "cm s-1")):
            nc[name].units = units

    plain = CFFile(write(tmp_path / "in.nc", "projected"), ("sic", "sit", "siu")).read(0)
    other = CFFile(write(tmp_path / "other.nc", "projected", change=change), ("sic", "sit", "siu")).read(0)
    np.testing.assert_allclose(other, plain / 100, rtol=1e-12)


def set_attribute(variable, name, value):
    return lambda nc: nc[variable].setncattr(name, value)


def repeat_a_time(nc):
    nc["time"][2] = nc["time"][0]


def lose_a_time(nc):
    nc["time"][1] = np.ma.masked


def add_a_split(nc):
    nc.createVariable("split", "S1", ("time",))[:] = np.array([b"t", b"v", b"q"])


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("projected", set_attribute("v1", "units", "K"), "v1 has units 'K'; wanted one of m, "),
        ("projected", set_attribute("v0", "units", "kg"), "v0 has units 'kg'; wanted one of 1, "),
        ("projected", repeat_a_time, "has the time 2000-01-01 00:00:00 twice"),
        ("projected", lose_a_time, "time has dimensions .* or a missing value"),
        ("projected", add_a_split, "split holds b'q'; wanted b't', b'v', b'x'"),
        ("regular", None, "the grid has 51 x 180 cells; wanted multiples of 8"),
        ("regular", set_attribute("lat", "standard_name", "altitude"), "nor longitude and latitude"),
        ("curvilinear", set_attribute("v3", "standard_name", "wind"), "no variable siv or standard_name"),
        ("curvilinear", set_attribute("v3", "standard_name", GEOGRAPHIC_DRIFT["siv"]), "are along different axes"),
    ],
)
def test_refuses_and_leaves_nothing_behind(tmp_path, kind, change, message):
    path = write(tmp_path / "in.nc", kind, change=change)
    with pytest.raises(ValueError, match=message) as refusal:
        prepared_file.prepare(
            CFFile(path, tuple(UNITS)), tmp_path / "out.nc", validation_years=() if "split" in message else [2002]
        )
    assert "\n" not in str(refusal.value)
    assert [p.name for p in tmp_path.iterdir()] == ["in.nc"]


def test_refuses_a_grid_far_from_the_target(tmp_path):
    def change(nc):
        nc["lat"][:] = -nc["lat"][:]

    path = write(tmp_path / "in.nc", "regular", change=change)
    with pytest.raises(ValueError, match="the source's grid does not reach the target's"):
        CFFile(path, ("sit",), TARGET)


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.99])
def test_refuses_a_file_that_breaks_off(tmp_path, kept):
    path = write(tmp_path / "in.nc", "projected")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(ValueError, match=r"in\.nc cannot be read as NetCDF"):
        CFFile(path)


def test_refuses_a_classic_file_that_breaks_off(tmp_path):
    """The library reads zeros there, which would be open water."""
    path = tmp_path / "classic.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as nc:
        nc.createDimension("time", None)
        nc.createDimension("x", 100_000)
        nc.createVariable("sit", "f4", ("time", "x"))[:] = np.ones((5, 100_000))
    path.write_bytes(path.read_bytes()[:1_500_000])
    with pytest.raises(ValueError, match=r"is truncated: it has 1500000 bytes, its variables at least 2000000"):
        CFFile(path)


def part(tmp_path, name, start, change=None):
    """A file of two times, the first of them ``start`` days after 2000."""

    def shift(nc):
        nc["time"][:] = start + np.arange(2)
        if change:
            change(nc)

    return write(tmp_path / name, "curvilinear", geographic=True, times=2, change=shift)


@pytest.mark.parametrize("target", [None, TARGET], ids=["own grid", "another grid"])
def test_several_files_are_one_source_in_the_order_of_time(tmp_path, target):
    late, early = (
        part(tmp_path, name, start, lambda nc, shift=start / 100: nc["v1"].__setitem__(..., nc["v1"][:] + shift))
        for name, start in (("a.nc", 400), ("b.nc", 100))
    )
    together = CFFiles([late, early], tuple(UNITS), target)
    assert [time.dayofyr for time in together.times] == [101, 102, 35, 36]
    assert together.split is None
    order = ((early, 0), (early, 1), (late, 0), (late, 1))
    for t in (3, 0, 2, 1):  # in any order
        path, i = order[t]
        np.testing.assert_array_equal(together.read(t), CFFile(path, tuple(UNITS), target).read(i))


def monthly_and_daily(tmp_path, split=False):
    """A file of five months with all variables, and one of the first ten days of March without thickness."""

    def months(nc):
        nc["time"][:] = [14, 45, 74, 105, 135]  # of 2000
        if split:
            nc.createVariable("split", "S1", ("time",))[:] = np.full(5, b"t", "S1")

    def days(nc):
        nc["time"][:] = 60 + np.arange(10)
        nc.renameVariable("v1", "other")
        nc["other"].standard_name = "something_else"
        if split:
            nc.createVariable("split", "S1", ("time",))[:] = np.array([b"t"] * 9 + [b"v"], "S1")

    return (
        write(tmp_path / "monthly.nc", "projected", times=5, change=months),
        write(tmp_path / "daily.nc", "projected", times=10, change=days),
    )


def test_what_a_file_lacks_is_interpolated_in_time(tmp_path):
    monthly, daily = monthly_and_daily(tmp_path)
    together = CFFiles([monthly, daily], ("sic", "sit"), interpolated=("sit",))
    assert together.averaging.tolist() == [30.5, 30.5, *[1] * 10, 30.5, 30.5, 30.5]
    (_, february), (sic, march) = (CFFile(monthly, ("sic", "sit")).read(t) for t in (1, 2))
    for day in (0, 7):
        weight = (60 + day - 45) / (74 - 45)
        np.testing.assert_allclose(together.read(2 + day)[1], (1 - weight) * february + weight * march)
        np.testing.assert_array_equal(together.read(2 + day)[0], CFFile(daily, ("sic",)).read(day)[0])
    np.testing.assert_array_equal(together.read(12), np.stack([sic, march]))
    with pytest.raises(ValueError, match=r"daily\.nc has no variable sit or standard_name sea_ice_thickness"):
        CFFiles([monthly, daily], ("sic", "sit"))
    with pytest.raises(ValueError, match="no file has sit; wanted at least one to interpolate from"):
        CFFiles([daily], ("sic", "sit"), interpolated=("sit",))


def test_a_gap_beside_an_exact_time_does_not_count(tmp_path):
    """A day of the same date as a month has the month's thickness, whatever the next month lacks."""
    monthly, daily = monthly_and_daily(tmp_path)
    with netCDF4.Dataset(daily, "a") as nc:
        nc["time"][:] = 74 + np.arange(10)
    with netCDF4.Dataset(monthly, "a") as nc:
        thickness = next(v for v in nc.variables.values() if getattr(v, "standard_name", "") == "sea_ice_thickness")
        thickness[3] = np.nan
    together = CFFiles([monthly, daily], ("sic", "sit"), interpolated=("sit",))
    exact = next(t for t, days in enumerate(together.averaging) if days == 1)
    np.testing.assert_array_equal(together.read(exact)[1], CFFile(monthly, ("sic", "sit")).read(2)[1])
    assert np.isnan(together.read(exact + 2)[1]).all()


def test_a_month_with_a_day_for_validation_is_not_for_training(tmp_path):
    together = CFFiles(monthly_and_daily(tmp_path, split=True), ("sic", "sit"), interpolated=("sit",))
    assert together.split.tolist() == [b"t", b"t", *[b"v"] * 11, b"t", b"t"]


def test_the_same_time_may_be_that_of_a_day_and_of_a_month(tmp_path):
    paths = monthly_and_daily(tmp_path)
    with netCDF4.Dataset(paths[1], "a") as nc:
        nc["time"][:] = 70 + np.arange(10)
    together = CFFiles(paths, ("sic", "sit"), interpolated=("sit",))
    assert [t.day for t in together.times[5:8]] == [14, 15, 15]
    assert together.averaging[5:8].tolist() == [1, 1, 30.5]
    with pytest.raises(ValueError, match="twice"):
        CFFiles([*paths, paths[1]], ("sic", "sit"), interpolated=("sit",))


def test_the_same_month_twice_is_refused_whatever_its_length(tmp_path):
    paths = [
        write(
            tmp_path / name,
            "projected",
            times=len(days),
            change=lambda nc, days=days: nc["time"].__setitem__(..., days),
        )
        for name, days in (("a.nc", [14, 45, 74, 105]), ("b.nc", [74, 104]))
    ]
    assert [CFFile(path).averaging[0] for path in paths] == [31, 30]
    with pytest.raises(ValueError, match=r"has the time 2000-03-15 .*twice"):
        CFFiles(paths)


def test_bounds_of_time_tell_what_a_state_averages_over(tmp_path):
    def bounds(values):
        def change(nc):
            nc.createDimension("two", 2)
            nc["time"].bounds = "time_bnds"
            nc.createVariable("time_bnds", "f8", ("time", "two"))[:] = values

        return change

    path = write(tmp_path / "in.nc", "projected", change=bounds(np.array([[0, 31], [366, 394], [732, 763]])))
    assert CFFile(path).averaging.tolist() == [31, 28, 31]
    assert CFFile(write(tmp_path / "none.nc", "projected")).averaging.tolist() == [366] * 3
    assert np.isnan(CFFile(write(tmp_path / "one.nc", "projected", times=1)).averaging).all()
    instants = write(tmp_path / "instants.nc", "projected", change=bounds(np.zeros((3, 2))))
    assert CFFile(instants).averaging.tolist() == [366] * 3


def test_refuses_files_that_do_not_fit_each_other(tmp_path):
    first, again = part(tmp_path, "a.nc", 0), part(tmp_path, "b.nc", 1)
    with pytest.raises(ValueError, match=r"has the time 2000-01-02 .*twice"):
        CFFiles([first, again])
    other = write(tmp_path / "c.nc", "projected")
    with pytest.raises(ValueError, match=r"c\.nc has another grid than .*a\.nc; wanted files of one grid"):
        CFFiles([first, other])


def test_files_are_found_by_patterns_each_once(tmp_path):
    for name in ("b.nc", "a.nc", "c.txt"):
        (tmp_path / name).touch()
    assert files_of([tmp_path / "b.nc", tmp_path / "*.nc"]) == [tmp_path / "b.nc", tmp_path / "a.nc"]
    with pytest.raises(ValueError, match=r"no file is named like .*\*\.nc4"):
        files_of([tmp_path / "*.nc4"])
