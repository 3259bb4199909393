# SPDX-License-Identifier: MIT
"""A Zarr folder holds what a NetCDF file does, and refuses what is damaged."""

import dataclasses
import shutil

import netCDF4
import numpy as np
import pytest
import xarray as xr

from icegen.data import formats, prepared_file
from icegen.data.climatology import extent_climatology
from icegen.data.sources.cf import CFFile
from icegen.data.sources.idealised import Idealised


@pytest.fixture(scope="module")
def both(tiny, tmp_path_factory):
    """The tiny source with gaps at one time, as a folder and as a file."""
    made = tmp_path_factory.mktemp("both")
    shutil.copy(tiny / "source.nc", made)
    with netCDF4.Dataset(made / "source.nc", "a") as nc:
        nc["sit"][5, 18:22, 20:30] = np.nan
    return [prepared_file.prepare(CFFile(made / "source.nc"), made / name) for name in ("data.zarr", "data.nc")]


@pytest.fixture(scope="module")
def folder(both):
    return both[0]


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy.zarr")


def test_both_formats_hold_the_same(both):
    store, file = (prepared_file.load(path) for path in both)
    for name in ("variables", "source", "thickness", "sha256"):
        assert getattr(store, name) == getattr(file, name)
    assert np.flatnonzero(store.filled[:].any((1, 2, 3))).tolist() == [5]
    for name in ("state", "filled", "year", "month", "day_of_year", "split", "mean", "std", "extent"):
        np.testing.assert_array_equal(np.asarray(getattr(store, name)), np.asarray(getattr(file, name)))
    np.testing.assert_array_equal(store.grid.ocean, file.grid.ocean)
    np.testing.assert_array_equal(store.grid.x, file.grid.x)
    assert store.grid.crs == file.grid.crs


def test_extents_of_preparation_are_those_of_the_states(tiny):
    file = prepared_file.load(tiny / "prepared.nc")
    assert extent_climatology(file) == extent_climatology(dataclasses.replace(file, extent=None))


def test_xarray_reads_a_folder(folder):
    with xr.open_zarr(folder, consolidated=False) as data:
        assert data.state.dims == ("time", "variable", "y", "x")
        assert data.sit.attrs["standard_name"] == "sea_ice_thickness"
        assert data.time.dt.year[0] == 2000


def test_a_large_grid_has_tiles(tmp_path, monkeypatch):
    monkeypatch.setattr(formats.zarr_folder, "LARGEST_TILE", 16)
    source = Idealised(40, 160e3, [2000, 2001], 1)
    files = [prepared_file.prepare(source, tmp_path / name, [2001]) for name in ("a.zarr", "a.nc")]
    tiles, whole = (prepared_file.load(path).state for path in files)
    assert tiles.chunk == (5, 16, 16)
    for key in (
        (3, slice(1, 3), slice(8, 24), slice(8, 40)),
        (3, 1, 39, slice(None)),
        (2, slice(None), slice(-8, None)),
        1,
    ):
        np.testing.assert_array_equal(tiles[key], whole[key])


def test_a_stopped_preparation_leaves_nothing(tiny, tmp_path):
    def stop(times):
        yield from list(times)[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared_file.prepare(CFFile(tiny / "source.nc"), tmp_path / "prepared.zarr", progress=stop)
    assert not list(tmp_path.iterdir())


def test_refuses_a_missing_state(copied):
    shutil.rmtree(copied / "state" / "c" / "7")
    state = prepared_file.load(copied).state
    assert state[6].shape == (2, 40, 56)
    with pytest.raises(ValueError, match="part of the state of time index 7 is missing"):
        state[7, :, 8:16, 8:16]


def test_refuses_a_damaged_state(copied):
    path = copied / "state" / "c" / "7" / "0" / "0" / "0"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"copy\.zarr: the state of time index 7 cannot be read, it seems damaged"):
        prepared_file.load(copied).state[7]


def test_refuses_a_folder_that_is_none(tmp_path):
    with pytest.raises(ValueError, match=r"data folder .*none\.zarr does not exist"):
        prepared_file.load(tmp_path / "none.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(ValueError, match=r"empty\.zarr cannot be read as Zarr"):
        prepared_file.load(tmp_path / "empty.zarr")


def test_refuses_to_replace_a_folder(folder, tiny):
    with pytest.raises(ValueError, match=r"data\.zarr exists; move it away"):
        prepared_file.prepare(CFFile(tiny / "source.nc"), folder)


def test_refuses_a_folder_packed_otherwise(copied):
    path = copied / "state" / "zarr.json"
    path.write_text(path.read_text().replace('"name": "crc32c"', '"name": "gzip", "configuration": {"level": 1}'))
    with pytest.raises(ValueError, match=r"the chunks of state are not packed as icegen packs them"):
        prepared_file.load(copied)
