# SPDX-License-Identifier: MIT
"""States on disk are indexed like those in memory, in each format."""

import pickle

import numpy as np
import pytest

from icegen.data import prepared_file
from icegen.data.formats.states_on_disk import StatesOnDisk
from icegen.data.sources.cf import CFFile


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    return prepared_file.prepare(CFFile(tiny / "source.nc"), tmp_path_factory.mktemp("zarr") / "prepared.zarr")


@pytest.fixture(scope="module", params=["netcdf", "zarr"])
def both(request, tiny, folder):
    path = tiny / "prepared.nc" if request.param == "netcdf" else folder
    return prepared_file.load(tiny / "prepared.nc"), prepared_file.load(path, in_memory=0)


def test_data_larger_than_memory_stay_on_disk(both):
    memory, disk = both
    assert isinstance(memory.state, np.ndarray)
    assert isinstance(disk.state, StatesOnDisk)
    assert isinstance(disk.filled, StatesOnDisk)
    np.testing.assert_array_equal(disk.training, memory.training)
    np.testing.assert_array_equal(disk.std, memory.std)


def test_states_of_a_zarr_folder_stay_on_disk(folder):
    assert isinstance(prepared_file.load(folder).state, StatesOnDisk)


@pytest.mark.parametrize(
    "key",
    [
        3,
        -1,
        (5, 1),
        slice(4, 9, 2),
        np.arange(48) % 7 == 0,
        np.array([40, 2, 2]),
        [1, 3],
        (slice(None), 0),
        (np.array([3, 1]), 1),
        (np.arange(48) > 44, slice(None), slice(8, 16), slice(0, 24)),
        (slice(3, 3), 1),
        (2, slice(None), slice(8, 16)),
        (slice(None, 2), [1, 0]),
    ],
    ids=str,
)
def test_indexing(both, key):
    memory, disk = both
    for name in ("state", "filled"):
        wanted, found = getattr(memory, name)[key], getattr(disk, name)[key]
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


def test_shape_and_array(both):
    memory, disk = both
    assert disk.state.shape == memory.state.shape
    assert len(disk.state) == 48
    np.testing.assert_array_equal(np.asarray(disk.state, np.float32), memory.state.astype(np.float32))
    np.testing.assert_array_equal([state[0, 20, 28] for state in disk.state], memory.state[:, 0, 20, 28])


def test_copies_open_the_file_for_themselves(both):
    memory, disk = both
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(disk.state))[7], memory.state[7])


def test_refuses_times_that_are_none(both):
    for states in (part.state for part in both):
        with pytest.raises(IndexError):
            states[48]


def test_refuses_a_damaged_field(tiny, tmp_path):
    """Flipped bytes in compressed fields: the first read that meets them fails, at once or later."""
    content = bytearray((tiny / "prepared.nc").read_bytes())
    for place in range(len(content) // 3, len(content) - len(content) // 10, 997):
        content[place] ^= 0xFF
    path = tmp_path / "damaged.nc"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged\.nc"):
        prepared_file.load(path)
