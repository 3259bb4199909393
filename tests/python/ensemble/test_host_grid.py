# SPDX-License-Identifier: MIT
"""Grids of hosts: where the centres and the ocean come from."""

import netCDF4
import numpy as np
import pytest

from host_files import corners, tripole, write_pop_grid
from icegen.ensemble import host_grid

SHAPE = (3, 4)
LON, LAT = np.meshgrid([10.0, 20.0, 30.0, 40.0], [70.0, 75.0, 80.0])
OCEAN = np.arange(12).reshape(SHAPE) % 3 > 0


def write(path, fields, units="degrees"):
    with netCDF4.Dataset(path, "w") as nc:
        for name, values in fields.items():
            dims = [f"{name}{i}" for i in range(values.ndim)]
            for dim, size in zip(dims, values.shape, strict=True):
                nc.createDimension(dim, size)
            variable = nc.createVariable(name, "f8", dims)
            if units:
                variable.units = units
            variable[:] = values
    return path


@pytest.mark.parametrize(
    ("lon", "lat", "mask"),
    [("TLON", "TLAT", "tmask"), ("glamt", "gphit", "tmask"), ("xc", "yc", "mask"), ("geolon", "geolat", "wet")],
)
def test_centres_by_name(tmp_path, lon, lat, mask):
    values = OCEAN[None, None] if lon == "glamt" else OCEAN  # NEMO's have time and depth
    grid = host_grid.read(write(tmp_path / "grid.nc", {lon: LON, lat: LAT, mask: values}))
    np.testing.assert_array_equal(grid.longitude, LON)
    np.testing.assert_array_equal(grid.latitude, LAT)
    np.testing.assert_array_equal(grid.ocean, OCEAN)
    np.testing.assert_array_equal(grid.points, [LON[OCEAN], LAT[OCEAN]])


@pytest.mark.parametrize("units", ["radians", ""])
def test_radians(tmp_path, units):
    path = write(tmp_path / "grid.nc", {"TLON": np.radians(LON), "TLAT": np.radians(LAT), "tmask": OCEAN}, units)
    np.testing.assert_allclose(host_grid.read(path).latitude, LAT)


def test_the_doubled_grid_of_mom_and_a_mask_of_its_own(tmp_path):
    x, y = np.meshgrid(np.arange(9) * 5.0, 65 + np.arange(7) * 2.5)
    grid = write(tmp_path / "hgrid.nc", {"x": x, "y": y})
    with pytest.raises(ValueError, match=r"hgrid.nc has no mask of the ocean; wanted one of kmt, tmask, .*, or --mask"):
        host_grid.read(grid)
    read = host_grid.read(grid, write(tmp_path / "mask.nc", {"mask": OCEAN}))
    np.testing.assert_array_equal(read.longitude[0], [5, 15, 25, 35])
    np.testing.assert_array_equal(read.latitude[:, 0], [67.5, 72.5, 77.5])


def test_centres_from_corners_of_a_closed_grid(tmp_path):
    """Along circles of latitude the mean of corners lies a little poleward of the middle."""
    grid = host_grid.read(write_pop_grid(tmp_path / "grid.nc"))
    lon, lat = corners()
    np.testing.assert_allclose((grid.longitude - (lon - 6) + 180) % 360 - 180, 0, atol=1e-9)
    middles = np.abs(grid.latitude[8:] - (lat[8:] - 2))
    assert middles.max() < 0.2
    assert np.all(grid.latitude[-1] > 85)


def test_centres_from_corners_of_an_open_grid():
    lon, lat = host_grid.centres_from_corners(LON, LAT)
    np.testing.assert_allclose(lon, LON - 5, atol=0.1)
    np.testing.assert_allclose(lat, LAT - 2.5, atol=0.25)


def test_centres_from_corners_of_a_tripole():
    """The last corners lie on the fold, so the last centres lie beside it, each on its own side."""
    found, wanted = (unit(lon, lat) for lon, lat in (host_grid.centres_from_corners(*tripole(0)), tripole(0.5)))
    away = np.degrees(np.arccos(np.clip((found * wanted).sum(-1), -1, 1)))[5:]  # not the seam between the two parts
    assert away.max() < 0.2


def unit(lon, lat):
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match=r"none.nc has no coordinates of cells; wanted one of TLON/TLAT, "):
        host_grid.read(write(tmp_path / "none.nc", {"tmask": OCEAN}))
    fields = {"TLON": LON, "TLAT": LAT, "tmask": OCEAN}
    grid = host_grid.read(write(tmp_path / "shape.nc", fields))
    with pytest.raises(ValueError, match=r"shape.nc is of 3 x 4 cells; the template is of 4 x 3"):
        grid.require_shape(tmp_path / "shape.nc", (4, 3))
    with pytest.raises(ValueError, match=r"tmask of .*other.nc is of 4 x 3 cells; the coordinates of .* are of 3 x 4"):
        host_grid.read(tmp_path / "shape.nc", write(tmp_path / "other.nc", {"tmask": OCEAN.T}))
    with pytest.raises(ValueError, match=r"tmask of .* has no ocean cell"):
        host_grid.read(write(tmp_path / "land.nc", fields | {"tmask": 0 * OCEAN}))
    with pytest.raises(ValueError, match="ocean cells without a finite longitude"):
        host_grid.read(write(tmp_path / "nan.nc", fields | {"TLON": np.where(OCEAN, np.nan, LON)}))
    (tmp_path / "text.nc").write_text("no grid")
    with pytest.raises(ValueError, match=r"text.nc cannot be read as NetCDF"):
        host_grid.read(tmp_path / "text.nc")
