# SPDX-License-Identifier: MIT
"""neXtSIM's files in their own form: 603 x 528 points, land as NaN, a file a month, four times a day."""

import netCDF4
import numpy as np
import pytest

from icegen.data import prepared_file
from icegen.data.grid import CurvilinearGrid
from icegen.data.sources.nextsim import NextSIM

NAMES = {"sit": "m", "sic": "1", "damage": "1", "siu": "m/s", "siv": "m/s"}
ROWS, COLUMNS = np.indices((603, 528))
LAND = np.hypot(ROWS - 400, COLUMNS - 300) < 50


def value(name: str, hour: int) -> np.ndarray:
    """What a variable holds at an hour since 2014: different at each point."""
    scale = {"sit": 4, "siu": 0.2, "siv": -0.2}.get(name, 1)
    return scale * (0.1 + (ROWS + 0.001 * COLUMNS + list(NAMES).index(name)) / 800 + (hour % 240) / 1e4)


def write(folder, month: str, hours, change=None):
    path = folder / f"Moorings_{month}.nc"
    with netCDF4.Dataset(path, "w") as nc:
        for name, size in (("time", None), ("y", 603), ("x", 528)):
            nc.createDimension(name, size)
        nc.createVariable("time", "f8", ("time",)).units = "hours since 2014-01-01 00:00:00"
        # CREG025 is near enough a rotated grid over the pole; any positions do here.
        longitude = np.degrees(np.arctan2(COLUMNS - 264, 302 - ROWS))
        latitude = 90 - 0.11 * np.hypot(ROWS - 302, COLUMNS - 264)
        for name, values in (("longitude", longitude), ("latitude", latitude)):
            nc.createVariable(name, "f4", ("y", "x"))[:] = values
        for name, units in NAMES.items():
            nc.createVariable(name, "f4", ("time", "y", "x"), zlib=True, complevel=1).units = units
        for t, hour in enumerate(hours):
            nc["time"][t] = hour
            for name in NAMES:
                nc[name][t] = np.where(LAND, np.nan, value(name, hour))
        if change:
            change(nc)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A training, a validation and a test month, and a file that is none of them."""
    folder = tmp_path_factory.mktemp("nextsim")
    for month, start in (("2014m12", 334 * 24), ("2015m01", 365 * 24), ("2016m02", 761 * 24)):
        write(folder, month, [start, start + 6])
    (folder / "Moorings_readme.txt").write_text("Not a month.")
    return folder


@pytest.fixture(scope="module")
def prepared(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "nextsim.nc"
    return prepared_file.load(
        prepared_file.prepare(NextSIM(folder), out, validation_years=[2015], test_years=range(2016, 2019))
    )


def test_cropped_and_renamed(prepared):
    assert [v.id for v in prepared.variables] == ["sic", "sit", "sid", "siu", "siv"]
    assert prepared.state.shape == (6, 5, 512, 512)
    sea = ~LAND[91:, 8:-8]
    for t, hour in ((0, 334 * 24), (3, 365 * 24 + 6)):
        for i, name in enumerate(("sic", "sit", "damage", "siu", "siv")):
            wanted = value(name, hour)[91:, 8:520]
            if name in ("sic", "damage"):
                wanted = np.minimum(wanted, 1)
            np.testing.assert_allclose(prepared.state[t, i][sea], wanted[sea], rtol=1e-3)


def test_land_is_where_thickness_is_none(prepared):
    np.testing.assert_array_equal(prepared.grid.ocean, ~LAND[91:, 8:-8])
    assert (prepared.state[:, :, ~prepared.grid.ocean] == 0).all()
    assert not prepared.filled.any()


def test_grid_is_the_files(prepared):
    assert isinstance(prepared.grid, CurvilinearGrid)
    longitude, latitude = prepared.grid.lonlat
    assert latitude[0, 0] == pytest.approx(90 - 0.11 * np.hypot(91 - 302, 8 - 264), rel=1e-6)
    assert longitude[0, 0] == pytest.approx(np.degrees(np.arctan2(8 - 264, 302 - 91)), rel=1e-6)
    assert np.median(prepared.grid.cell_area) == pytest.approx((0.11 * 111.2e3) ** 2, rel=0.05)


def test_dates_and_split(prepared):
    assert prepared.year.tolist() == [2014, 2014, 2015, 2015, 2016, 2016]
    assert prepared.month.tolist() == [12, 12, 1, 1, 2, 2]
    assert prepared.split.tolist() == [b"t", b"t", b"v", b"v", b"x", b"x"]
    for name in ("training", "validation", "test"):
        assert getattr(prepared, name).sum() == 2


def test_some_variables_alone(folder):
    source = NextSIM(folder, ("siv", "sic"))
    state = source.read(4)
    assert state.shape == (2, 512, 512)
    sea = source.grid.ocean
    np.testing.assert_allclose(state[0][sea], value("siv", 761 * 24)[91:, 8:520][sea], rtol=1e-6)


def test_gaps_in_the_ocean_are_filled_and_flagged(tmp_path):
    def change(nc):
        nc["siu"][1, 100, 100] = np.nan

    write(tmp_path, "2014m01", [0, 6], change)
    write(tmp_path, "2015m01", [365 * 24])
    prepared = prepared_file.load(
        prepared_file.prepare(NextSIM(tmp_path, ("siu",)), tmp_path / "out.nc", validation_years=[2015])
    )
    assert np.argwhere(prepared.filled).tolist() == [[1, 0, 9, 92]]


def drop(name):
    return lambda nc: nc.renameVariable(name, name + "_of_another_name")


def in_kelvin(nc):
    nc["sit"].units = "K"


def test_refuses_files_before_any_state_is_read(folder, tmp_path):
    with pytest.raises(ValueError, match=r"folder .*nowhere does not exist"):
        NextSIM(folder / "nowhere")
    with pytest.raises(ValueError, match=r"holds no file named like Moorings_1995m01\.nc"):
        NextSIM(tmp_path)
    write(tmp_path, "2014m01", [0])
    for change, message in (
        (drop("damage"), r"Moorings_2014m02\.nc has no variable damage"),
        (drop("latitude"), r"Moorings_2014m02\.nc has no variable latitude"),
        (drop("time"), r"Moorings_2014m02\.nc has no variable time"),
        (in_kelvin, r"sit has units 'K'; wanted one of m, "),
    ):
        write(tmp_path, "2014m02", [744], change)
        with pytest.raises(ValueError, match=message):
            NextSIM(tmp_path)
    path = write(tmp_path, "2014m02", [0])
    with pytest.raises(ValueError, match="has the time 2014-01-01 00:00:00 twice"):
        NextSIM(tmp_path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"Moorings_2014m02\.nc cannot be read as NetCDF"):
        NextSIM(tmp_path)


def test_refuses_another_number_of_points(tmp_path):
    path = tmp_path / "Moorings_2014m01.nc"
    with netCDF4.Dataset(path, "w") as nc:
        for name, size in (("time", 1), ("y", 512), ("x", 512)):
            nc.createDimension(name, size)
        for name in (*NAMES, "latitude", "longitude"):
            nc.createVariable(name, "f4", ("time", "y", "x"))
    with pytest.raises(ValueError, match=r"has shape \(1, 512, 512\); wanted 603 x 528 points"):
        NextSIM(tmp_path)
