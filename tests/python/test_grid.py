# SPDX-License-Identifier: MIT
"""The grid, its mask and its CF mapping."""

import numpy as np
import pyproj
import pytest

from icegen.grid import Grid, ease2_north


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
    """By the formula of Snyder (1987) too, so that a swapped or flipped axis shows."""
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
        ({"x": np.arange(20.0), "ocean": np.ones((16, 20), bool)}, "axis x has 20 cells; wanted a multiple of 8"),
        ({"y": np.arange(15.0), "ocean": np.ones((15, 24), bool)}, "axis y has 15 cells; wanted a multiple of 8"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)
