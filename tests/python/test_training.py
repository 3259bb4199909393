# SPDX-License-Identifier: MIT
"""Training: runs that stop and resume repeat the uninterrupted run; what does not fit is refused."""

import csv
import dataclasses
import shutil

import numpy as np
import pytest
import torch

import tiny as making
from icegen import data, training
from icegen.config import AutoencoderTrainingConfig, DiffusionTrainingConfig, SamplerConfig

STEPS, EVERY = 8, 3
CONFIG = dataclasses.replace(
    making.CONFIG,
    autoencoder_training=AutoencoderTrainingConfig(steps=STEPS, batch=2, crop=16, warmup=2, checkpoint_every=EVERY),
    diffusion_training=DiffusionTrainingConfig(steps=STEPS, batch=4, warmup=2, checkpoint_every=EVERY),
)
KINDS = {
    "autoencoder": (training.train_autoencoder, "autoencoder.pt", training.load_autoencoder),
    "diffusion": (training.train_diffusion, "diffusion.pt", training.load_denoiser),
}


class Stop(Exception):
    """As if the run were killed."""


def stop_at(last):
    def progress(step, steps, scores):
        if step == last:
            raise Stop

    return progress


@pytest.fixture(scope="module")
def prepared(tiny):
    return data.load(tiny / "prepared.nc")


@pytest.fixture(params=list(KINDS))
def kind(request):
    return request.param


def start(tiny, folder, kind):
    """A folder to train ``kind`` in; the diffusion needs an autoencoder."""
    folder.mkdir()
    if kind == "diffusion":
        shutil.copy(tiny / "autoencoder.pt", folder)
    return folder


@pytest.fixture
def uninterrupted(tiny, tmp_path, prepared, kind):
    folder = start(tiny, tmp_path / "whole", kind)
    KINDS[kind][0](CONFIG, prepared, folder)
    return folder


def assert_same_checkpoint(a, b):
    a, b = (torch.load(path, weights_only=True) for path in (a, b))
    assert a["step"] == b["step"] == STEPS
    for part in ("model", "ema"):
        assert a[part].keys() == b[part].keys()
        assert all(torch.equal(tensor, b[part][name]) for name, tensor in a[part].items())


@pytest.mark.parametrize("stop", [EVERY, EVERY + 1])
def test_a_stopped_and_resumed_run_repeats_the_whole_one(tiny, tmp_path, prepared, kind, uninterrupted, stop):
    """Whether it stopped at a checkpoint or after, when some steps are done twice."""
    train, name, _ = KINDS[kind]
    folder = start(tiny, tmp_path / "stopped", kind)
    with pytest.raises(Stop):
        train(CONFIG, prepared, folder, stop_at(stop))
    assert training.load_checkpoint(folder / name)["step"] == EVERY
    torch.manual_seed(99)  # another process has another random state
    steps = []
    train(CONFIG, prepared, folder, lambda step, *rest: steps.append(step))
    assert steps == list(range(EVERY + 1, STEPS + 1))
    assert_same_checkpoint(folder / name, uninterrupted / name)
    curves = [(f / name).with_suffix(".csv").read_text() for f in (folder, uninterrupted)]
    assert curves[0] == curves[1]


def test_losses_are_written_for_each_step(uninterrupted, kind):
    rows = list(csv.reader((uninterrupted / f"{kind}.csv").open()))
    assert [int(row[0]) for row in rows] == list(range(STEPS))
    scores = np.array([[float(value) for value in row[1:]] for row in rows])
    assert scores.shape[1] == (5 if kind == "autoencoder" else 1)
    assert np.isfinite(scores).all()
    assert len(set(scores[:, 0])) == STEPS


def test_a_finished_run_stays_as_it_is(uninterrupted, prepared, kind):
    train, name, _ = KINDS[kind]
    before = {path: path.read_bytes() for path in uninterrupted.iterdir()}
    assert train(CONFIG, prepared, uninterrupted) == uninterrupted / name
    assert {path: path.read_bytes() for path in uninterrupted.iterdir()} == before


def test_a_longer_run_goes_on_from_a_finished_one(uninterrupted, prepared, kind):
    train, name, _ = KINDS[kind]
    part = f"{kind}_training"
    longer = dataclasses.replace(CONFIG, **{part: dataclasses.replace(getattr(CONFIG, part), steps=STEPS + 2)})
    train(longer, prepared, uninterrupted)
    assert training.load_checkpoint(uninterrupted / name)["step"] == STEPS + 2


def test_seeds_differ(tiny, tmp_path, prepared, uninterrupted, kind):
    part = f"{kind}_training"
    other = dataclasses.replace(CONFIG, **{part: dataclasses.replace(getattr(CONFIG, part), seed=1)})
    folder = start(tiny, tmp_path / "other", kind)
    KINDS[kind][0](other, prepared, folder)
    assert (folder / f"{kind}.csv").read_text() != (uninterrupted / f"{kind}.csv").read_text()


def test_training_lowers_the_loss(tiny, tmp_path, prepared):
    losses = np.loadtxt(tiny / "autoencoder.csv", delimiter=",")[:, 1]
    assert losses[-10:].mean() < 0.5 * losses[:10].mean()
    # The loss of diffusion varies with the noise drawn, so that a fall takes longer to show.
    longer = dataclasses.replace(
        CONFIG.diffusion_training, steps=200, batch=16, learning_rate=0.01, checkpoint_every=200
    )
    folder = start(tiny, tmp_path / "run", "diffusion")
    training.train_diffusion(dataclasses.replace(CONFIG, diffusion_training=longer), prepared, folder)
    losses = np.loadtxt(folder / "diffusion.csv", delimiter=",")[:, 1]
    assert losses[-50:].mean() < 0.8 * losses[:20].mean(), (losses[-50:].mean(), losses[:20].mean())


def test_checkpoint_is_plain_tensors_and_whole(uninterrupted, kind):
    _, name, load = KINDS[kind]
    checkpoint = torch.load(uninterrupted / name, weights_only=True)
    assert {"model", "ema", "optimiser", "step", "config", "scores"} <= set(checkpoint)
    assert checkpoint["config"] == dataclasses.asdict(CONFIG)
    kept = {"autoencoder": {"normalisation"}, "diffusion": {"latent_mean", "latent_std", "year"}}
    assert kept[kind] <= set(checkpoint)
    model, _ = load(uninterrupted)
    assert not model.training
    assert all(torch.equal(tensor, checkpoint["ema"][key]) for key, tensor in model.state_dict().items())
    assert any(not torch.equal(tensor, checkpoint["model"][key]) for key, tensor in model.state_dict().items())
    extra = {"autoencoder.pt"} if kind == "diffusion" else set()
    assert {path.name for path in uninterrupted.iterdir()} == {name, f"{kind}.csv"} | extra


@pytest.mark.parametrize(
    "change",
    [
        {"autoencoder": dataclasses.replace(CONFIG.autoencoder, blocks=(1, 1, 2))},
        {"denoiser": dataclasses.replace(CONFIG.denoiser, dropout=0.2)},
    ],
)
def test_refuses_to_resume_with_another_network(uninterrupted, prepared, change):
    before = {path: path.read_bytes() for path in uninterrupted.iterdir()}
    name = "diffusion.pt" if (uninterrupted / "diffusion.pt").exists() else "autoencoder.pt"
    train = KINDS[name[:-3]][0]
    with pytest.raises(ValueError, match=rf"{name} was trained with another configuration; move it away"):
        train(dataclasses.replace(CONFIG, **change), prepared, uninterrupted)
    assert {path: path.read_bytes() for path in uninterrupted.iterdir()} == before


def test_another_sampler_is_no_reason_to_refuse(uninterrupted, prepared, kind):
    KINDS[kind][0](dataclasses.replace(CONFIG, sampler=SamplerConfig(steps=9)), prepared, uninterrupted)


def test_refuses_to_resume_on_other_data(uninterrupted, prepared, kind):
    """Weights trained for one normalisation, or one set of latents, mean nothing for another."""
    other = dataclasses.replace(prepared, mean=prepared.mean + 0.1, std=2 * prepared.std)
    if kind == "diffusion":
        other = dataclasses.replace(prepared, training=prepared.year < 2002)
    before = (uninterrupted / KINDS[kind][1]).read_bytes()
    part = f"{kind}_training"
    longer = dataclasses.replace(CONFIG, **{part: dataclasses.replace(getattr(CONFIG, part), steps=STEPS + 1)})
    with pytest.raises(ValueError, match="other data"):
        KINDS[kind][0](longer, other, uninterrupted)
    assert (uninterrupted / KINDS[kind][1]).read_bytes() == before


def test_nan_in_the_data_is_an_error(tiny, tmp_path, prepared, kind):
    state = prepared.state.copy()
    state[:, :, prepared.grid.ocean] = np.nan
    folder = start(tiny, tmp_path / "run", kind)
    with pytest.raises(ValueError, match="the loss is nan at step 0"):
        KINDS[kind][0](CONFIG, dataclasses.replace(prepared, state=state), folder)
    assert not (folder / KINDS[kind][1]).exists()


def test_an_exploding_run_keeps_its_last_checkpoint(tiny, tmp_path, prepared, kind):
    train, name, _ = KINDS[kind]
    folder = start(tiny, tmp_path / "run", kind)
    with pytest.raises(Stop):
        train(CONFIG, prepared, folder, stop_at(EVERY))
    before = (folder / name).read_bytes()
    part = f"{kind}_training"
    wild = dataclasses.replace(CONFIG, **{part: dataclasses.replace(getattr(CONFIG, part), learning_rate=1e30)})
    with pytest.raises(ValueError, match=r"the loss is (nan|inf) at step \d; the last checkpoint is kept"):
        train(wild, prepared, folder)
    assert (folder / name).read_bytes() == before


def test_refuses_missing_and_foreign_checkpoints(tmp_path, prepared):
    with pytest.raises(ValueError, match=r"no checkpoint .*autoencoder\.pt; train first"):
        training.train_diffusion(CONFIG, prepared, tmp_path)
    with pytest.raises(ValueError, match=r"no checkpoint .*diffusion\.pt; train first"):
        training.load_denoiser(tmp_path)
    (tmp_path / "autoencoder.pt").write_text("weights")
    with pytest.raises(ValueError, match=r"autoencoder\.pt is not a checkpoint") as refusal:
        training.train_autoencoder(CONFIG, prepared, tmp_path)
    assert "\n" not in str(refusal.value)


def test_never_unpickles_a_class(tmp_path):
    torch.save({"config": CONFIG}, tmp_path / "autoencoder.pt")
    with pytest.raises(ValueError, match=r"autoencoder\.pt is not a checkpoint"):
        training.load_autoencoder(tmp_path)


def test_refuses_a_crop_beyond_the_grid(tmp_path, prepared):
    large = dataclasses.replace(CONFIG, autoencoder_training=AutoencoderTrainingConfig(crop=48))
    with pytest.raises(ValueError, match=r"crop is 48; the grid has only \(40, 56\) cells"):
        training.train_autoencoder(large, prepared, tmp_path)


def test_refuses_data_of_other_variables(tmp_path, prepared):
    other = dataclasses.replace(CONFIG, variables=("sit", "sic"))
    with pytest.raises(ValueError, match="sit, sic"):
        training.train_autoencoder(other, prepared, tmp_path)
    assert not (tmp_path / "autoencoder.pt").exists()


def test_crops_hold_ocean_and_keep_state_and_mask_together(prepared):
    torch.manual_seed(0)
    ocean = torch.from_numpy(prepared.grid.ocean)
    # A state that names its cell, so that a flip of one part alone would show.
    cell = torch.arange(ocean.numel(), dtype=torch.float64).reshape(ocean.shape)
    state = torch.stack([cell, -cell])[None]
    observed = torch.stack([ocean, ocean & (cell % 3 > 0)])[None]
    seen = set()
    for _ in range(100):
        x, o, sea = training._random_crop(state, observed, ocean, 16)
        assert x.shape == o.shape == (2, 16, 16)
        assert sea.shape == (1, 16, 16)
        assert sea.mean() >= 0.1
        index = x[0].long()
        assert torch.equal(x[1], -x[0])
        assert torch.equal(sea[0].bool(), ocean.flatten()[index])
        assert torch.equal(o, observed[0].flatten(1)[:, index])
        rows, columns = index // ocean.shape[1], index % ocean.shape[1]
        assert rows.min() % 8 == columns.min() % 8 == 0  # whole latent cells
        seen.add((int(index[0, 0] < index[0, 1]), int(index[0, 0] < index[1, 0]), int(rows[0, 0] == rows[0, 1])))
    assert len(seen) == 8  # every flip and turn


def test_normalise(prepared):
    normalise = training.Normalise(prepared.mean, prepared.std, prepared.bounds)
    state = torch.from_numpy(prepared.state[prepared.training]).float()
    x = normalise(state)[..., torch.from_numpy(prepared.grid.ocean)].double()
    assert x.mean((0, 2)).abs().max() < 1e-3
    torch.testing.assert_close(x.std((0, 2)), torch.ones(2).double(), atol=1e-3, rtol=0)
    lower, upper = (bound.flatten().tolist() for bound in normalise.bounds)
    np.testing.assert_allclose(lower, -prepared.mean / prepared.std, rtol=1e-6)
    assert upper == [pytest.approx((1 - prepared.mean[0]) / prepared.std[0]), np.inf]
    # A state on its bound is on its bound after normalisation too: `x <= lower` decides the likelihood.
    assert torch.equal((normalise(state) <= normalise.bounds[0]), state <= 0)
    assert torch.equal((normalise(state) >= normalise.bounds[1])[:, 0], state[:, 0] >= 1)


def test_latents_are_standardised(tiny, prepared):
    model, _ = training.load_autoencoder(tiny)
    latents, mean, std = training.standardised_latents(model, prepared, torch.device("cpu"))
    assert latents.shape == (48, 4, 5, 7)
    assert mean.shape == (4, 5, 7)
    assert std.shape == (4, 1, 1)
    cells = torch.nn.functional.max_pool2d(torch.from_numpy(prepared.grid.ocean)[None].float(), 8)[0].bool()
    assert (latents[..., ~cells] == 0).all()
    known = latents[torch.from_numpy(prepared.training)][..., cells].double()
    assert known.mean(0).abs().max() < 1e-5
    torch.testing.assert_close(known.square().mean((0, 2)).sqrt(), torch.ones(4).double(), atol=1e-5, rtol=0)


def test_year_normalisation(prepared):
    assert training.year_normalisation(prepared) == (2001.0, 1.0)
    one = dataclasses.replace(prepared, training=prepared.year == 2001)
    assert training.year_normalisation(one) == (2001.0, 1.0)  # no division by zero
