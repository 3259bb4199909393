# SPDX-License-Identifier: MIT
"""The grid, its mask and its CF mapping."""

import numpy as np
import pyproj
import pytest

from icegen.data.grid import CurvilinearGrid, Grid, curvilinear_grid, ease2_north


def make(ny=16, nx=24, **changes):
    arguments = {
        "x": (np.arange(nx) - 5.0) * 25e3,
        "y": (3.0 - np.arange(ny)) * 50e3,
        "crs": "EPSG:6931",
        "ocean": np.ones((ny, nx), bool),
    }
    return Grid(**(arguments | changes))


@pytest.fixture(scope="module")
def ease():
    return ease2_north()


def test_default_grid_is_the_designs(ease):
    assert ease.shape == (512, 512)
    assert ease.ocean.dtype == bool
    assert int(ease.ocean.sum()) == 127_773
    assert (ease.x[0], ease.x[-1], ease.y[0], ease.y[-1]) == (-3193750, 3193750, 3193750, -3193750)
    assert (ease.dx, ease.dy) == (12500, -12500)


def test_default_mask_knows_land_and_sea(ease):
    to_plane = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:6931", always_xy=True)
    for lon, lat, ocean in [(0, 89.5, True), (-40, 75, False), (105, 64, False), (-150, 72.5, True), (0, 72, True)]:
        x, y = to_plane.transform(lon, lat)
        at = np.abs(ease.y - y).argmin(), np.abs(ease.x - x).argmin()
        assert ease.ocean[at] == ocean, (lon, lat)


def test_longitude_and_latitude_are_pyprojs(ease):
    """Compared with the formula of Snyder (1987), which shows a swapped or flipped axis."""
    lon, lat = ease.lonlat
    assert lon.shape == lat.shape == ease.shape
    assert lat[0, 0] == pytest.approx(lat[-1, -1])
    row, column = 100, 400
    x, y = ease.x[column], ease.y[row]
    inverse = pyproj.Proj("EPSG:6931")(x, y, inverse=True)
    assert (lon[row, column], lat[row, column]) == pytest.approx(inverse)
    assert lon[row, column] == pytest.approx(np.degrees(np.arctan2(x, -y)))
    np.testing.assert_allclose(lat[[255, 255, 256, 256], [255, 256, 255, 256]], 89.92, atol=0.01)


def test_cells_of_an_equal_area_grid_are_equal():
    grid = make()
    assert (np.hypot(*np.meshgrid(grid.x, grid.y)) == 0).any()  # the pole, where pyproj's scale is off by 2e-6
    np.testing.assert_allclose(grid.cell_area, 25e3 * 50e3, rtol=1e-5)


def test_cells_of_a_conformal_grid_are_not():
    """Polar stereographic, true at 70 N: at the pole, lengths scale by (1 + sin 70) / 2 (on the sphere)."""
    x = (np.arange(24) - 11.5) * 200e3
    grid = Grid(x, -x, "EPSG:3413", np.ones((24, 24), bool))
    pole = grid.cell_area[11:13, 11:13].mean()
    assert pole == pytest.approx(200e3**2 / ((1 + np.sin(np.radians(70))) / 2) ** 2, rel=5e-3)
    assert grid.cell_area[0, 0] < 0.95 * pole


def test_cf_grid_mapping_leads_back_to_the_crs():
    mapping = make().cf_grid_mapping
    assert mapping["grid_mapping_name"] == "lambert_azimuthal_equal_area"
    assert mapping["latitude_of_projection_origin"] == 90
    assert mapping["semi_major_axis"] == 6378137
    assert pyproj.CRS.from_wkt(mapping["crs_wkt"]) == pyproj.CRS("EPSG:6931")
    without_wkt = {key: value for key, value in mapping.items() if key != "crs_wkt"}
    plane = pyproj.Transformer.from_crs("EPSG:4326", pyproj.CRS.from_cf(without_wkt), always_xy=True)
    np.testing.assert_allclose(plane.transform(30, 75), pyproj.Proj("EPSG:6931")(30, 75), rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ocean": np.ones((24, 16), bool)}, r"ocean mask has shape \(24, 16\); wanted \(16, 24\)"),
        ({"ocean": np.zeros((16, 24), bool)}, "holds no ocean cell"),
        ({"x": np.arange(24.0) ** 2}, "axis x is not evenly spaced: steps from 1.0 to 45.0 m"),
        ({"y": np.append(np.arange(15.0), 15.2)}, "axis y is not evenly spaced"),
        ({"y": np.append(np.arange(15.0), np.nan)}, "axis y is not evenly spaced"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


@pytest.fixture(scope="module")
def curvilinear():
    """The cells of a projected grid known by longitude and latitude alone, rows from south to north."""
    projected = ease2_north(40, 150e3)
    longitude, latitude = (axis[::-1] for axis in projected.lonlat)
    return CurvilinearGrid(longitude % 360, latitude, projected.ocean[::-1])


def test_curvilinear_cells_have_their_areas(curvilinear):
    np.testing.assert_allclose(curvilinear.cell_area, 150e3**2, rtol=0.02)
    wide = curvilinear_grid(*np.meshgrid(np.arange(0.5, 360), np.arange(-89.5, 90)))
    assert wide.cell_area[1:-1].sum() == pytest.approx(4 * np.pi * 6371007.2**2 * np.sin(np.radians(89)), rel=1e-3)


def test_longitudes_run_to_180(curvilinear):
    assert curvilinear.longitude.max() > 350
    np.testing.assert_allclose(curvilinear.lonlat[0], ease2_north(40, 150e3).lonlat[0][::-1], atol=1e-9)


def test_directions_of_both_kinds_agree(curvilinear):
    """On the central meridian x runs east; at 90 degrees east it runs south; the projection's shear is small."""
    projected = ease2_north(40, 150e3)
    np.testing.assert_allclose(curvilinear.x_direction[::-1], projected.x_direction, atol=0.08)
    np.testing.assert_allclose(
        projected.x_direction_at([0, 90, 180, -90], [70, 70, 70, 70]), [1, -1j, -1, 1j], atol=1e-9
    )


def test_ocean_of_a_curvilinear_grid(curvilinear):
    found = curvilinear_grid(curvilinear.longitude, curvilinear.latitude).ocean
    np.testing.assert_array_equal(found, curvilinear.ocean)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ocean": np.ones((16, 8), bool)}, r"ocean mask has shape \(16, 8\); wanted \(8, 16\)"),
        ({"ocean": np.zeros((8, 16), bool)}, "holds no ocean cell"),
        ({"latitude": np.full((8, 16), 91.0)}, "latitude from -90 to 90"),
        ({"longitude": np.full((8, 16), np.nan)}, "cells without a finite longitude"),
    ],
)
def test_refuses_a_curvilinear_grid(changes, message):
    longitude, latitude = np.meshgrid(np.arange(16.0), np.arange(60.0, 68.0))
    arguments = {"longitude": longitude, "latitude": latitude, "ocean": np.ones((8, 16), bool)}
    with pytest.raises(ValueError, match=message):
        CurvilinearGrid(**(arguments | changes))
