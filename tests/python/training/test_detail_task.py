# SPDX-License-Identifier: MIT
"""Training of the detail network: windows, decoding on them, and a run that repeats itself."""

import copy
import csv
import dataclasses

import numpy as np
import pytest
import torch

import tiny as making
from icegen import archive
from icegen.archive.rebuild import rebuild
from icegen.data import prepared_file
from icegen.training import trainings
from icegen.training.detail_task import (
    DetailTask,
    StatesWithWindows,
    crop,
    denoised_at_the_end,
    on_windows,
    scored_fields,
)
from icegen.training.share import Share


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


@pytest.fixture(scope="module")
def model(tiny):
    return rebuild(archive.load(tiny / "tiny.pt"))[0]


def test_windows_lie_at_sea_on_whole_latent_cells(prepared):
    torch.manual_seed(0)
    settings = dataclasses.replace(making.CONFIG.detail_training, batch=20, crops=2)
    batches = StatesWithWindows(settings, prepared, Share())
    times, windows = batches.plan()
    states, seen, date, _ = batches.read((times, windows))
    np.testing.assert_array_equal(date[:, 0], prepared.year[times.numpy()])
    assert prepared.training[times].all()
    np.testing.assert_array_equal(states, prepared.state[times.numpy()].astype(np.float32))
    np.testing.assert_array_equal(seen[:, 0].bool(), ~prepared.filled[times.numpy()].any(1))
    assert {tuple(w) for w in windows.flatten(0, 1).tolist()} == {(y, x) for y in range(2) for x in range(4)}
    sea = crop(torch.from_numpy(prepared.grid.ocean)[None, None].float().expand(20, -1, -1, -1), 8 * windows, 32)
    assert len(sea) == 40
    assert sea.mean((1, 2, 3)).min() >= 0.1


def test_values_on_a_bound_are_scored_apart(model):
    """Fields: sic, sit, their distances from 0, and that of sic from 1."""
    state = torch.tensor([0.0, 1e-3, 0.5, 1.0]).reshape(1, 1, 1, 4).expand(1, 2, 1, 4)
    fields = scored_fields(model, state)
    assert fields.shape == (1, 5, 1, 4)
    torch.testing.assert_close(fields[:, :2], state / model.std)
    for field, on_bound in ((2, 0), (3, 0), (4, 3)):
        assert fields[0, field, 0, on_bound] == 0
        assert fields[0, field, 0, 2] == 1
    assert 0 < fields[0, 2, 0, 1] < 1


def test_windows_are_decoded_like_the_whole(model, prepared):
    """In their middle, where the decoder sees nothing of their edge."""
    latent = model.encode(torch.from_numpy(prepared.state[:2]).float())
    window = torch.tensor([[[0, 2]], [[1, 0]]])
    part = on_windows(model, window, 4)
    middle = slice(12, 20)
    whole = crop(model.decode(latent), 8 * window, 32)
    of_part = part.decode(crop(latent, window, 4))
    torch.testing.assert_close(of_part[..., middle, middle], whole[..., middle, middle], atol=0.05, rtol=0)
    assert model.ocean.shape == (1, 1, making.ROWS, making.COLUMNS)


def test_latents_are_those_of_the_last_step_of_the_sampler(model, prepared):
    """With hardly any noise they stay as they are; with much, they lose variance."""
    latent = model.encode(torch.from_numpy(prepared.state[:3]).float())
    date = torch.from_numpy(np.stack([prepared.year[:3], prepared.day_of_year[:3]], 1))
    errors = []
    for gamma in (20.0, 0.0, -10.0):
        changed = copy.copy(model)
        changed.gamma_high = gamma
        torch.manual_seed(0)
        with torch.no_grad():
            errors.append(float((denoised_at_the_end(changed, latent, date, Share()) - latent).square().mean()))
    assert errors[0] < 1e-6 < errors[1] < errors[2]


def test_training_leaves_the_model_alone(model, prepared, tmp_path):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trainings.train_detail(making.CONFIG, model, prepared, trainings.Run(tmp_path, accelerator="cpu"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.detail is None
    rows = list(csv.DictReader((tmp_path / "detail.csv").open()))
    assert len(rows) == making.CONFIG.detail_training.steps
    assert all(float(row["loss"]) > 0 for row in rows)
    assert "loss" in (tmp_path / "detail_validation.csv").read_text()


def test_a_resumed_training_repeats_the_losses(model, prepared, tmp_path):
    training = dataclasses.replace(making.CONFIG.detail_training, steps=6, checkpoint_every=3)
    config = dataclasses.replace(making.CONFIG, detail_training=training)

    def stop(step, steps, scores):
        if step == 4:
            raise InterruptedError

    trainings.train_detail(config, model, prepared, trainings.Run(tmp_path / "whole", accelerator="cpu"))
    run = trainings.Run(tmp_path / "parts", accelerator="cpu", progress=stop)
    with pytest.raises(InterruptedError):
        trainings.train_detail(config, model, prepared, run)
    trainings.train_detail(config, model, prepared, trainings.Run(tmp_path / "parts", resume=True, accelerator="cpu"))
    whole, parts = ((tmp_path / name / "detail.csv").read_text() for name in ("whole", "parts"))
    assert parts == whole


def test_the_spread_of_draws_grows_towards_their_error(model, prepared):
    torch.manual_seed(0)
    task = DetailTask(making.CONFIG, model, prepared)
    optimiser = torch.optim.Adam(task.model.parameters(), lr=0.01)
    ratios = []
    for _ in range(60):
        loss, scores = task(*task.batches.read(task.batches.plan()))
        ratios.append(float(scores["spread_over_error"]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert np.mean(ratios[:3]) < 0.1
    assert np.mean(ratios[-5:]) > 0.2


def test_refuses_a_crop_larger_than_the_grid(model, prepared, tmp_path):
    training = dataclasses.replace(making.CONFIG.detail_training, crop=64)
    config = dataclasses.replace(making.CONFIG, detail_training=training)
    with pytest.raises(ValueError, match="crop is 64; wanted at most the grid's 40 x 56"):
        trainings.train_detail(config, model, prepared, trainings.Run(tmp_path))
