# SPDX-License-Identifier: MIT
"""Samples as CF-compliant datasets, in memory and on disc."""

import shutil
import subprocess

import netCDF4
import numpy as np
import pyproj
import pytest
import xarray as xr

from icegen import archive
from icegen.ensemble import generation
from icegen.ensemble.ranks import Ranks


@pytest.fixture(scope="module")
def loaded(tiny):
    return archive.load(tiny / "tiny.pt")


@pytest.fixture(scope="module")
def sample(loaded):
    return loaded.sample([3, 1], seed=7, year=2001, day_of_year=75, steps=2)


@pytest.fixture(scope="module")
def written(sample, tmp_path_factory):
    path = tmp_path_factory.mktemp("dataset") / "sample.nc"
    sample.to_netcdf(path)
    return path


def test_holds_the_states(loaded, sample):
    states = loaded.generate([3, 1], seed=7, year=2001, day_of_year=75, steps=2).numpy()
    sea = loaded.grid.ocean
    for i, name in enumerate(("sic", "sit")):
        assert sample[name].dims == ("realization", "y", "x")
        assert sample[name].dtype == np.float32
        np.testing.assert_array_equal(sample[name].values[:, sea], states[:, i][:, sea])
        assert np.isnan(sample[name].values[:, ~sea]).all()


def test_members_are_realizations(sample):
    assert sample.realization.values.tolist() == [3, 1]
    assert sample.realization.attrs["standard_name"] == "realization"


@pytest.mark.parametrize(
    ("year", "day", "date"), [(2000, 366, "2000-12-31"), (2001, 60, "2001-03-01"), (2000, 60, "2000-02-29")]
)
def test_time_is_the_date(loaded, year, day, date):
    sample = loaded.sample(1, year=year, day_of_year=day, steps=1)
    assert sample.time.values == np.datetime64(date)
    assert sample.time.attrs["standard_name"] == "time"


def test_unconditional_samples_have_no_time(loaded, tmp_path):
    sample = loaded.sample(1, steps=1)
    assert "time" not in sample.variables
    sample.to_netcdf(tmp_path / "sample.nc")
    with netCDF4.Dataset(tmp_path / "sample.nc") as nc:
        assert nc["sic"].coordinates == "lat lon"


def test_latitude_and_longitude_are_pyprojs(loaded, sample):
    lon, lat = pyproj.Proj("EPSG:6931")(*np.meshgrid(loaded.grid.x, loaded.grid.y), inverse=True)
    np.testing.assert_allclose(sample.lat, lat, atol=1e-8)
    np.testing.assert_allclose(np.cos(np.radians(sample.lon - lon)), 1, atol=1e-12)
    assert sample.lat.attrs == {"standard_name": "latitude", "units": "degrees_north"}
    assert sample.lon.attrs == {"standard_name": "longitude", "units": "degrees_east"}


def test_cells_of_ease2_are_equal(sample):
    np.testing.assert_allclose(sample.cell_area, 100e3 * 100e3, rtol=1e-8)
    assert sample.cell_area.attrs["standard_name"] == "cell_area"
    assert sample.cell_area.attrs["units"] == "m2"


def test_file_follows_the_conventions(written, loaded):
    with netCDF4.Dataset(written) as nc:
        assert nc.Conventions == "CF-1.10"
        assert nc.title == "Generated Arctic sea ice: tiny"
        assert nc.source.startswith("icegen")
        assert nc.icegen_archive_sha256 == loaded.sha256
        assert (nc.icegen_seed, nc.icegen_steps) == (7, 2)
        names = {"sic": ("sea_ice_area_fraction", "1"), "sit": ("sea_ice_thickness", "m")}
        for name, (standard_name, units) in names.items():
            variable = nc[name]
            assert variable.dimensions == ("realization", "y", "x")
            assert (variable.standard_name, variable.units) == (standard_name, units)
            assert variable.long_name
            assert variable.grid_mapping == "crs"
            assert variable.cell_measures == "area: cell_area"
            assert set(variable.coordinates.split()) == {"lat", "lon", "time"}
            mask = np.ma.getmaskarray(variable[:])
            np.testing.assert_array_equal(mask, np.broadcast_to(~loaded.grid.ocean, mask.shape))
            assert variable._FillValue == np.float32(9.96921e36)
        assert nc["crs"].grid_mapping_name == "lambert_azimuthal_equal_area"
        assert pyproj.CRS.from_wkt(nc["crs"].crs_wkt) == pyproj.CRS("EPSG:6931")
        for axis in ("x", "y"):
            assert nc[axis].standard_name == f"projection_{axis}_coordinate"
            assert nc[axis].units == "m"
        for name in ("x", "y", "lat", "lon", "realization", "time", "crs", "cell_area"):
            assert "_FillValue" not in nc[name].ncattrs(), name  # CF: none on coordinates
        assert netCDF4.num2date(nc["time"][:], nc["time"].units, nc["time"].calendar).isoformat()[:10] == "2001-03-16"


def test_round_trip(written, sample):
    with xr.open_dataset(written, decode_coords="all") as read:
        assert set(read.coords) >= {"lat", "lon", "time", "realization", "x", "y", "crs"}
        for name in ("sic", "sit", "lat", "lon", "cell_area", "x", "y", "time", "realization"):
            np.testing.assert_array_equal(read[name].values, sample[name].values)
            assert read[name].dtype.kind == sample[name].dtype.kind


def test_largest_seed_is_kept(loaded):
    assert loaded.sample(1, seed=2**63 - 1, steps=1).attrs["icegen_seed"] == 2**63 - 1


@pytest.fixture(scope="module")
def sampled(loaded, tmp_path_factory):
    """A file as `icegen sample` writes it, over times as well."""
    request = generation.EnsembleRequest(members=2, dates=[(2001, 15), (2001, 75)], seed=7, steps=2)
    return generation.write_ensemble(loaded, request, tmp_path_factory.mktemp("sampled"), Ranks())[0]


@pytest.fixture(params=["written", "sampled"])
def file(request):
    return request.getfixturevalue(request.param)


def tool(*command) -> str:
    """Output of a program, which must succeed; the test is skipped where it is not installed."""
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    run = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_cdo_understands_it(file, tmp_path):
    information = tool("cdo", "-s", "sinfon", file)
    for word in ("sic", "sit", "lambert_azimuthal_equal_area", "2001-03-16"):
        assert word in information
    grid = tool("cdo", "-s", "griddes", "-selname,sic", file)
    for words in ("gridtype  = projection", "xsize     = 56", "ysize     = 40"):
        assert words in grid
    tool("cdo", "-s", "remapbil,r72x36", "-selname,sic,sit", file, tmp_path / "globe.nc")
    with xr.open_dataset(tmp_path / "globe.nc") as globe, xr.open_dataset(file) as states:
        arctic = globe.sic.sel(lat=slice(60, 90))
        assert 0.1 < np.isfinite(arctic).mean() < 0.9
        assert float(arctic.max()) <= 1
        assert abs(float(arctic.sel(lat=slice(75, 90)).mean() - states.sic.where(states.lat > 75).mean())) < 0.2


def test_ncdump_reads_it(file):
    assert 'sic:standard_name = "sea_ice_area_fraction"' in tool("ncdump", "-h", file)


def test_cf_checker_finds_nothing(file):
    report = tool("compliance-checker", "--test=cf:1.10", "--criteria=strict", file)
    assert "All tests passed!" in report, report
