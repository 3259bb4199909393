# SPDX-License-Identifier: MIT
"""Batches of training: crops, normalisation, standardised states, and states of the diffusion model."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import tiny as making
from icegen.data import prepared_file
from icegen.data.grid import Grid
from icegen.data.variables import variables
from icegen.model.autoencoder import AutoencoderConfig
from icegen.training import tasks
from icegen.training.config import AutoencoderTrainingConfig
from icegen.training.share import Share

CROP = AutoencoderTrainingConfig(batch=2, crop=16)


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


def autoencoder_task(prepared, **settings):
    torch.manual_seed(0)
    return tasks.AutoencoderTask(dataclasses.replace(making.CONFIG.autoencoder, **settings), CROP, prepared)


def draw(task):
    return task.batches.read(task.batches.plan())


def test_crops_hold_ocean_and_keep_state_and_mask_together(prepared):
    torch.manual_seed(0)
    ocean = prepared.grid.ocean
    # A state that names its cell, so that a flip of one part alone would show.
    cell = np.arange(ocean.size, dtype=np.float64).reshape(ocean.shape)
    filled = np.stack([~ocean, cell % 3 == 0])
    named = SimpleNamespace(
        **{name: getattr(prepared, name) for name in ("variables", "grid", "bounds", "mean", "std")},
        training=np.ones(1, bool),
        state=np.stack([cell, -cell])[None],
        filled=filled[None],
    )
    task = autoencoder_task(named)
    seen = set()
    for _ in range(50):
        x, o, sea = draw(task)
        assert x.shape == o.shape == (2, 2, 16, 16)
        assert sea.shape == (2, 1, 16, 16)
        assert sea.mean((1, 2, 3)).min() >= 0.1
        index = x[:, 0].long().numpy()
        assert torch.equal(x[:, 1], -x[:, 0])
        np.testing.assert_array_equal(sea[:, 0].bool(), ocean.flat[index])
        for variable in range(2):
            np.testing.assert_array_equal(o[:, variable], ocean.flat[index] & ~filled[variable].flat[index])
        rows, columns = index // ocean.shape[1], index % ocean.shape[1]
        for i in range(2):
            assert rows[i].min() % 8 == columns[i].min() % 8 == 0  # whole latent cells
            corner = index[i]
            seen.add((corner[0, 0] < corner[0, 1], corner[0, 0] < corner[1, 0], rows[i, 0, 0] == rows[i, 0, 1]))
    assert len(seen) == 8  # every flip and turn


def test_latent_noise_has_the_deviation_of_each_channel_over_the_ocean():
    torch.manual_seed(0)
    ocean = torch.zeros(2, 1, 128, 128)
    ocean[..., :64] = 1.0
    latent = torch.full((2, 3, 16, 16), 1e6)  # on land, where nobody looks
    latent[..., :8] = torch.tensor([0.5, 1.0, 4.0])[:, None, None] * torch.randn(2, 3, 16, 8) + 7.0
    noise = tasks.like_noise(latent, ocean, Share())
    assert noise.shape == latent.shape
    np.testing.assert_allclose(noise.std((0, 2, 3)), [0.5, 1.0, 4.0], rtol=0.15)
    np.testing.assert_allclose(noise.mean((0, 2, 3)), 0.0, atol=0.6)


def test_latent_noise_reaches_the_decoder(prepared):
    task = autoencoder_task(prepared, latent_noise=1e-6)
    torch.nn.init.normal_(task.model.decoder.head.weight)
    batch = draw(task)

    def loss(which):
        torch.manual_seed(1)
        return which(*batch)[0].item()

    quiet = loss(task)
    task.model.decoder.latent_noise = 5.0
    assert loss(task) != quiet


@pytest.mark.parametrize("rows", ["to the south", "to the north"])
def test_drift_turns_with_its_crop(rows):
    """Drift is the gradient of a field in x and y, and stays its gradient in rows and columns of every crop."""
    axis = np.arange(16) * 1000.0
    grid = Grid(axis, axis if rows == "to the north" else -axis, "EPSG:6931", np.ones((16, 16), bool))
    x, y = np.meshgrid(grid.x / 1000, grid.y / 1000)
    field = 0.3 * x + 0.1 * x * y - 0.02 * y**2
    states = np.stack([field, 0.3 + 0.1 * y, 0.1 * x - 0.04 * y])[None].astype(np.float32)
    made = SimpleNamespace(
        variables=variables(["sit", "siu", "siv"]),
        grid=grid,
        bounds=(np.full(3, -np.inf), np.full(3, np.inf)),
        mean=np.zeros(3),
        std=np.ones(3),
        training=np.ones(1, bool),
        state=states.copy(),
        filled=np.zeros(states.shape, bool),
    )
    task = tasks.AutoencoderTask(making.CONFIG.autoencoder, CROP, made)
    torch.manual_seed(0)
    for _ in range(20):
        for sit, siu, siv in draw(task)[0].numpy():
            along_y, along_x = np.gradient(sit, -1 if rows == "to the south" else 1, 1)
            np.testing.assert_allclose(along_x[1:-1, 1:-1], siu[1:-1, 1:-1], atol=1e-4)
            np.testing.assert_allclose(along_y[1:-1, 1:-1], siv[1:-1, 1:-1], atol=1e-4)
    np.testing.assert_array_equal(made.state, states)


def test_a_state_on_its_bound_stays_there_when_normalised(prepared):
    """`x <= lower` decides the likelihood."""
    task = autoencoder_task(prepared)
    state = torch.from_numpy(prepared.state[prepared.training]).float()
    x = (state - task.mean) / task.std
    assert torch.equal(x <= task.lower, state <= 0)
    assert torch.equal((x >= task.upper)[:, 0], state[:, 0] >= 1)
    sea = x[..., torch.from_numpy(prepared.grid.ocean)].double()
    assert sea.mean((0, 2)).abs().max() < 1e-3
    torch.testing.assert_close(sea.std((0, 2)), torch.ones(2).double(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("scale", ["variable", "cell"])
@pytest.mark.parametrize("likelihood", ["censored", "gaussian"])
def test_loss_of_each_likelihood(prepared, likelihood, scale):
    task = autoencoder_task(prepared, likelihood=likelihood, scale=scale)
    batch = draw(task)
    torch.manual_seed(1)
    value, scores = task(*batch)
    assert torch.isfinite(value)
    assert list(scores) == ["nll", "kl", "rmse_sic", "rmse_sit"]
    assert value.item() == pytest.approx((scores["nll"] + CROP.kl_weight * scores["kl"]).item(), rel=1e-6)
    value.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in task.parameters())


def test_likelihoods_differ_at_the_bounds_alone(prepared):
    values = {}
    for likelihood in ("censored", "gaussian"):
        task = autoencoder_task(prepared, likelihood=likelihood)
        state, seen, ocean = draw(task)
        for name, where in (("inside", (state > 0) & (state < 1)), ("at bounds", (state <= 0))):
            torch.manual_seed(1)
            values[likelihood, name] = task(state, seen & where, ocean)[1]["nll"].item()
    assert values["censored", "inside"] == values["gaussian", "inside"]
    assert values["censored", "at bounds"] != values["gaussian", "at bounds"]


def test_a_batch_of_diffusion(prepared):
    torch.manual_seed(1)
    states = torch.randn(48, 4, 5, 7).half()
    torch.manual_seed(0)
    task = tasks.DiffusionTask(making.CONFIG, prepared, states)
    x, features = draw(task)
    assert x.shape == (8, 4, 5, 7)
    assert features.shape == (8, 6)
    known = states[torch.from_numpy(prepared.training)].float()
    assert all((known == one).flatten(1).all(1).any() for one in x)  # never a validation state
    kept = torch.cat([draw(task)[1][:, 5] for _ in range(200)])
    assert set(kept.tolist()) == {0.0, 1.0}
    assert kept.mean().item() == pytest.approx(0.9, abs=0.03)
    unconditional = tasks.DiffusionTask(dataclasses.replace(making.CONFIG, condition="none"), prepared, states)
    assert torch.equal(draw(unconditional)[1], torch.zeros(8, 6))


def test_a_batch_of_means_over_days_and_months(prepared):
    config = dataclasses.replace(making.CONFIG, averaging=1.0)
    states = torch.randn(48, 4, 5, 7, generator=torch.Generator().manual_seed(1)).half()
    mixed = dataclasses.replace(prepared, averaging=np.where(prepared.month <= 6, 1.0, 30.0))
    task = tasks.DiffusionTask(config, mixed, states)
    assert task.model.conditions == 7
    x, features = draw(task)
    days = np.flatnonzero(mixed.averaging == 1)
    for one, label in zip(x, features[:, 6].tolist(), strict=True):
        found = int((states.float() == one).flatten(1).all(1).nonzero())
        assert label == (-1 if found in days else 0)
    kept = torch.cat([draw(task)[1] for _ in range(100)])
    unconditional = kept[kept[:, 5] == 0]
    assert set(unconditional[:, 6].tolist()) == {0.0, -1.0}  # they know what they average over, too
    assert task.validate(task.model)
    told = torch.full((8,), task.model.averaging_gamma + 0.1)
    assert task.weight_of_kind(told, features).tolist() == [1.0] * 8
    mean = mixed.averaging[mixed.training].mean()
    wanted = torch.where(features[:, 6] == 0, 30 / mean, 1 / mean).float()
    torch.testing.assert_close(task.weight_of_kind(told - 0.2, features), wanted)
    for unknown in (None, np.full(48, np.nan)):
        with pytest.raises(ValueError, match="averaging is 1, but the data do not say over how many days each state"):
            tasks.DiffusionTask(config, dataclasses.replace(prepared, averaging=unknown), states)


def test_year_normalisation(prepared):
    assert tasks.year_normalisation(prepared) == (2001.0, 1.0)
    one = dataclasses.replace(prepared, split=np.where(prepared.year == 2001, b"t", b"v"))
    assert tasks.year_normalisation(one) == (2001.0, 1.0)  # no division by zero


def test_configured_likelihoods_are_known():
    with pytest.raises(ValueError, match="Input should be 'censored' or 'gaussian'"):
        AutoencoderConfig(likelihood="normal")
