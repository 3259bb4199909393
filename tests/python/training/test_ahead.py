# SPDX-License-Identifier: MIT
"""Batches are the same with any number of workers, and errors of workers arrive."""

import numpy as np
import pytest
import torch

import tiny as making
from icegen.data import prepared_file
from icegen.data.sources.cf import CFFile
from icegen.training.ahead import Ahead, seed_step
from icegen.training.config import AutoencoderTrainingConfig
from icegen.training.crops import Crops
from icegen.training.share import Share

SETTINGS = AutoencoderTrainingConfig(steps=9, batch=4, crop=16, seed=3)


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    return prepared_file.prepare(CFFile(tiny / "source.nc"), tmp_path_factory.mktemp("zarr") / "prepared.zarr")


def batches(path, workers, first=0, share=None):
    crops = Crops(prepared_file.load(path), SETTINGS.crop, SETTINGS.batch, share or Share())
    return list(Ahead(crops, SETTINGS, first, workers, pin=False))


def assert_same(a, b):
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(one, other, strict=True))


def test_batches_do_not_depend_on_workers_format_or_start(tiny, folder):
    wanted = batches(folder, 0)
    assert [len(parts[0]) for parts in wanted] == [4] * 9
    assert len({float(parts[0].sum()) for parts in wanted}) == 9
    assert_same(batches(folder, 2), wanted)
    assert_same(batches(tiny / "prepared.nc", 1), wanted)
    assert_same(batches(folder, 2, first=5), wanted[5:])


def test_ranks_read_their_parts(folder):
    parts = [batches(folder, 0, share=Share(rank, 2)) for rank in range(2)]
    joined = [[torch.cat(pair) for pair in zip(*ranks, strict=True)] for ranks in zip(*parts, strict=True)]
    assert_same(joined, batches(folder, 0))


def test_the_main_process_plans_alike(folder):
    crops = Crops(prepared_file.load(folder), SETTINGS.crop, SETTINGS.batch, Share())
    for step, batch in enumerate(Ahead(crops, SETTINGS, 0, 0, pin=False)):
        seed_step(SETTINGS, step)
        assert_same([crops.read(crops.plan())], [batch])


def test_waiting_is_counted(folder):
    crops = Crops(prepared_file.load(folder), SETTINGS.crop, SETTINGS.batch, Share())
    ahead = Ahead(crops, SETTINGS, 0, 0, pin=False)
    assert len(list(ahead)) == 9
    assert ahead.waited > 0


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_a_worker_is_one_line(folder, tmp_path, workers):
    path = prepared_file.prepare(CFFile(making.write_source(tmp_path / "source.nc")), tmp_path / "damaged.zarr")
    for chunk in (path / "state" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"damaged" + chunk.read_bytes()[7:])
    with pytest.raises(ValueError, match=r"damaged\.zarr: the state of time index \d+ cannot be read") as error:
        batches(path, workers)
    assert "\n" not in str(error.value)


def test_crops_read_only_their_cells(folder):
    data = prepared_file.load(folder)
    np.testing.assert_array_equal(data.state[3, :, 8:24, 16:32], data.state[3][:, 8:24, 16:32])
