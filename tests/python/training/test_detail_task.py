# SPDX-License-Identifier: MIT
"""Training of the detail network: what it learns, and a run that repeats itself."""

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
from icegen.training.detail_task import DetailTask, departures


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


@pytest.fixture(scope="module")
def model(tiny):
    return rebuild(archive.load(tiny / "tiny.pt"))[0]


@pytest.fixture
def bounded(tiny):
    """A model whose mu is cut with a threshold and a shoulder, and whose thickness is free."""
    made = rebuild(archive.load(tiny / "tiny.pt"))[0]
    made.constrain_thickness(-1, 0.0, float("inf"))
    made.zero_threshold[:] = torch.tensor([0.02, 0.05])[:, None, None]
    made.full_shoulder[:] = torch.tensor([0.1, 0.0])[:, None, None]
    return made


def test_a_departure_makes_the_state_of_mu(bounded):
    """Also of values on bounds, and where `cut` grows faster or slower than mu."""
    generator = torch.Generator().manual_seed(0)
    state = torch.rand(3, 2, making.ROWS, making.COLUMNS, generator=generator)
    state[0] = (1.3 * state[0] - 0.15).clamp(0, 1)
    state[1] *= 0.1
    state[2] = 1 - 0.1 * state[2]
    mu = (torch.rand(state.shape, generator=generator) - bounded.mean) / bounded.std
    r = departures(bounded, state, mu, torch.full_like(mu, 0.1))
    made = bounded.cut((mu + r) * bounded.std + bounded.mean)
    torch.testing.assert_close(made, state * bounded.ocean, atol=1e-5, rtol=0)


def test_values_on_a_bound_lie_beyond_it(bounded):
    state = torch.stack([torch.zeros(making.ROWS, making.COLUMNS), torch.ones(making.ROWS, making.COLUMNS)])[:, None]
    state = state.expand(-1, 2, -1, -1)
    near, far = (
        (value.expand_as(state) - bounded.mean) / bounded.std
        for value in (torch.tensor(0.5), torch.tensor([-3.0, 4.0])[:, None, None, None])
    )
    beyond = torch.full_like(state, 0.1)
    r = departures(bounded, state, near, beyond)[:, 0] * bounded.std[0] + 0.5
    torch.testing.assert_close(r[0], torch.full_like(r[0], 0.02 - 0.1 * float(bounded.std[0])))
    torch.testing.assert_close(r[1], torch.full_like(r[1], 1.1 + 0.1 * float(bounded.std[0])))
    torch.testing.assert_close(departures(bounded, state, far, beyond)[:, 0], torch.zeros_like(r), atol=1e-5, rtol=0)


def test_drift_does_not_depart_where_there_is_no_ice(bounded):
    bounded.fades_without_ice, bounded.on_ice_only = True, torch.tensor([0.0, 1.0])[:, None, None]
    bounded.lower[1], bounded.zero_threshold[1] = -torch.inf, -torch.inf
    state = torch.full((1, 2, making.ROWS, making.COLUMNS), 0.5)
    state[:, 0, :20] = 0.0
    state[:, 1, :20] = 0.0
    r = departures(bounded, state, torch.ones_like(state), torch.zeros_like(state))
    assert (r[:, 1, :20] == 0).all()
    assert (r[:, :, 20:] != 0).all()
    assert (r[:, 0, :20] != 0).all()


def test_batches_have_the_mu_of_their_states(model, prepared, tmp_path):
    task = DetailTask(making.CONFIG, model, prepared, tmp_path)
    torch.manual_seed(0)
    state, seen, _, mu = task.batches.read(task.batches.plan())
    error = (mu * model.std + model.mean - state)[seen].square().mean() / state[seen].var()
    assert 0 < error < 0.5


def test_the_size_of_departures_is_that_over_ice(model, prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(DetailTask, "MEASURED_STATES", 100)
    task = DetailTask(making.CONFIG, model, prepared, tmp_path)
    times = np.flatnonzero(prepared.training)
    np.testing.assert_array_equal(task.batches.times, times)
    state = torch.from_numpy(prepared.state[times].astype(np.float32))
    mu = torch.from_numpy(np.load(tmp_path / "means_training.npy").astype(np.float32))
    r = departures(model, state, mu, torch.zeros_like(mu))
    ice = (model.ocean * (state[:, :1] > 0)).expand_as(r) > 0
    for v in range(2):
        assert float(task.model.scale[v]) == pytest.approx(float(r[:, v][ice[:, v]].square().mean().sqrt()), rel=1e-4)


def test_the_loss_falls(model, prepared, tmp_path):
    """A network that adds nothing to the noise has an error of about the variance of noise and departure, 2."""
    task = DetailTask(making.CONFIG, model, prepared, tmp_path)
    optimiser = torch.optim.Adam([p for p in task.model.parameters() if p.requires_grad], lr=0.01)
    losses = []
    for step in range(60):
        torch.manual_seed(step)
        loss, _ = task(*task.batches.read(task.batches.plan()))
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:5])


def test_training_leaves_the_model_alone(model, prepared, tmp_path):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trainings.train_detail(making.CONFIG, model, prepared, trainings.Run(tmp_path, accelerator="cpu"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.detail is None
    rows = list(csv.DictReader((tmp_path / "detail.csv").open()))
    assert len(rows) == making.CONFIG.detail_training.steps
    assert all(float(row["loss"]) > 0 for row in rows)
    assert "loss" in (tmp_path / "detail_validation.csv").read_text()


def test_without_validation_states_there_is_no_validation(model, prepared, tmp_path):
    alone = dataclasses.replace(prepared, split=np.where(prepared.validation, b"x", prepared.split))
    task = DetailTask(making.CONFIG, model, alone, tmp_path)
    assert task.validate(task.model) == {}


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


def test_refuses_a_crop_larger_than_the_grid(model, prepared, tmp_path):
    training = dataclasses.replace(making.CONFIG.detail_training, crop=64)
    config = dataclasses.replace(making.CONFIG, detail_training=training)
    with pytest.raises(ValueError, match="crop is 64; wanted at most the grid's 40 x 56"):
        trainings.train_detail(config, model, prepared, trainings.Run(tmp_path))
