# SPDX-License-Identifier: MIT
"""A run that stops and resumes repeats the uninterrupted run; data or settings that do not fit are refused."""

import csv
import dataclasses
import re
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import lightning_fabric
import netCDF4
import numpy as np
import pytest
import torch
from lightning_fabric.plugins import MixedPrecision

import tiny as making
from icegen.archive import export
from icegen.data import prepared_file
from icegen.model.sampler import SamplerConfig
from icegen.training import checkpoints, trainings
from icegen.training.config import AutoencoderTrainingConfig, DiffusionTrainingConfig
from icegen.training.config_file import load_config
from icegen.training.curves import Curves

STEPS, EVERY = 8, 3
ON_CROPS = AutoencoderTrainingConfig(steps=STEPS, batch=2, crop=16, warmup=2, checkpoint_every=EVERY)
CONFIG = dataclasses.replace(
    making.CONFIG,
    autoencoder_training=ON_CROPS,
    decoder_training=ON_CROPS,
    diffusion_training=DiffusionTrainingConfig(steps=STEPS, batch=4, warmup=2, checkpoint_every=EVERY),
)
KINDS = {
    "autoencoder": (trainings.train_autoencoder, "autoencoder.pt", checkpoints.load_autoencoder),
    "decoder": (trainings.train_decoder, "decoder.pt", checkpoints.load_autoencoder),
    "diffusion": (trainings.train_diffusion, "diffusion.pt", checkpoints.load_denoiser),
}


def on(folder, progress=None, resume=False):
    """A run in ``folder`` on the CPU, where results are the same bit for bit."""
    return trainings.Run(folder, resume, "cpu", "1", progress)


class Stop(Exception):
    """As if the run were killed."""


def stop_at(last):
    def progress(step, steps, scores):
        if step == last:
            raise Stop

    return progress


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


@pytest.fixture(params=list(KINDS))
def kind(request):
    return request.param


def start(tiny, folder, kind):
    """A folder to train ``kind`` in. All kinds except an autoencoder need an autoencoder there."""
    folder.mkdir()
    if kind != "autoencoder":
        shutil.copy(tiny / "autoencoder.pt", folder)
    return folder


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory, prepared):
    """The folder of a finished run of a kind, made once; tests read it."""

    @cache
    def folder_of(kind):
        folder = start(tiny, tmp_path_factory.mktemp("trained") / kind, kind)
        KINDS[kind][0](CONFIG, prepared, on(folder))
        return folder

    return folder_of


@pytest.fixture
def uninterrupted(trained, tmp_path, kind):
    """A copy of a finished run, which a test may change."""
    return shutil.copytree(trained(kind), tmp_path / "whole")


def files(folder):
    """Checkpoints and curves; not TensorBoard's files, which contain the time."""
    return {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def assert_same_checkpoint(a, b):
    a, b = (torch.load(path, weights_only=True) for path in (a, b))
    assert a["step"] == b["step"] == STEPS
    for part in ("task", "ema"):
        assert a[part].keys() == b[part].keys()
        assert all(torch.equal(tensor, b[part][name]) for name, tensor in a[part].items())


@pytest.mark.parametrize("stop", [EVERY, EVERY + 1])
def test_a_stopped_and_resumed_run_repeats_the_whole_one(tiny, tmp_path, prepared, kind, uninterrupted, stop):
    """Whether it stopped at a checkpoint or after, when some steps are done twice."""
    train, name, _ = KINDS[kind]
    folder = start(tiny, tmp_path / "stopped", kind)
    with pytest.raises(Stop):
        train(CONFIG, prepared, on(folder, stop_at(stop)))
    assert checkpoints.load_checkpoint(folder / name)["step"] == EVERY
    torch.manual_seed(99)  # another process has another random state
    steps = []
    train(CONFIG, prepared, on(folder, lambda step, *rest: steps.append(step), resume=True))
    assert steps == list(range(EVERY + 1, STEPS + 1))
    assert_same_checkpoint(folder / name, uninterrupted / name)
    curves = [(f / name).with_suffix(".csv").read_bytes() for f in (folder, uninterrupted)]
    assert curves[0] == curves[1]


def test_losses_are_written_for_each_step(uninterrupted, kind):
    rows = list(csv.reader((uninterrupted / f"{kind}.csv").open()))
    names = ["loss", "v_error"] if kind == "diffusion" else ["loss", "nll", "kl", "rmse_sic", "rmse_sit"]
    assert rows.pop(0) == ["step", *names]
    assert [int(row[0]) for row in rows] == list(range(STEPS))
    scores = np.array([[float(value) for value in row[1:]] for row in rows])
    assert np.isfinite(scores).all()
    assert len(set(scores[:, 0])) == STEPS


def test_a_finished_run_stays_as_it_is(uninterrupted, prepared, kind):
    train, name, _ = KINDS[kind]
    before = files(uninterrupted)
    assert train(CONFIG, prepared, on(uninterrupted, resume=True)) == uninterrupted / name
    assert files(uninterrupted) == before


@pytest.mark.parametrize(("setting", "value"), [("steps", STEPS + 2), ("batch", 8), ("learning_rate", 0.5)])
def test_refuses_to_resume_with_a_setting_that_changes_the_run(uninterrupted, prepared, kind, setting, value):
    train, name, _ = KINDS[kind]
    part = f"{kind}_training"
    seen = getattr(getattr(CONFIG, part), setting)
    other = dataclasses.replace(CONFIG, **{part: dataclasses.replace(getattr(CONFIG, part), **{setting: value})})
    before = files(uninterrupted)
    message = rf"{name} was trained with {part}\.{setting} {seen}; wanted the same, not {value}"
    with pytest.raises(ValueError, match=message):
        train(other, prepared, on(uninterrupted, resume=True))
    assert files(uninterrupted) == before


def test_refuses_to_resume_for_states_that_average_otherwise(uninterrupted, prepared, kind):
    if kind != "diffusion":
        pytest.skip("only the diffusion model is told over how many days a state averages")
    other = dataclasses.replace(CONFIG, averaging=1.0)
    with pytest.raises(ValueError, match=r"diffusion.pt was trained with another averaging: 0.0; wanted 1.0"):
        trainings.train_diffusion(other, prepared, on(uninterrupted, resume=True))


def test_resumes_with_other_times_of_its_checkpoints(uninterrupted, prepared, kind):
    part = f"{kind}_training"
    other = dataclasses.replace(CONFIG, **{part: dataclasses.replace(getattr(CONFIG, part), checkpoint_every=5)})
    KINDS[kind][0](other, prepared, on(uninterrupted, resume=True))


def test_validation_error_is_written_by_band_of_noise(trained, prepared):
    folder = trained("diffusion")
    rows = list(csv.reader((folder / "diffusion_validation.csv").open()))
    width = (CONFIG.diffusion_training.gamma_high - CONFIG.diffusion_training.gamma_low) / 6
    middles = [CONFIG.diffusion_training.gamma_low + (band + 0.5) * width for band in range(6)]
    assert rows[0] == ["step", *(f"v_error_at_{gamma:.1f}" for gamma in middles)]
    assert [int(row[0]) for row in rows[1:]] == [EVERY, 2 * EVERY, STEPS]
    errors = np.array([[float(value) for value in row[1:]] for row in rows[1:]])
    assert (errors > 0).all()
    assert np.isfinite(errors).all()
    board = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = board.EventAccumulator(str(folder / "diffusion.tensorboard")).Reload()
    assert [event.step for event in events.Scalars(f"validation/{rows[0][1]}")] == [EVERY, 2 * EVERY, STEPS]


@pytest.mark.long
def test_a_new_training_does_not_go_on_with_the_curves_of_another(tmp_path):
    for steps, name in (((100, 200), "a"), ((250,), "b")):
        with Curves(tmp_path / "diffusion.pt", 0) as curves:
            for step in steps:
                curves.add_validation(step, {name: 1.0})
    assert (tmp_path / "diffusion_validation.csv").read_text() == "step,b\n250,1\n"


def test_averages_of_several_lengths_are_chosen_at_export(tiny, tmp_path, prepared):
    settings = dataclasses.replace(CONFIG.diffusion_training, ema_further=(0.2, 0.0))
    folder = start(tiny, tmp_path / "run", "diffusion")
    config = dataclasses.replace(CONFIG, diffusion_training=settings)
    with pytest.raises(Stop):
        trainings.train_diffusion(config, prepared, on(folder, stop_at(EVERY)))
    trainings.train_diffusion(config, prepared, on(folder, resume=True))
    checkpoint = checkpoints.load_checkpoint(folder / "diffusion.pt")
    weights = {decay: checkpoints.load_denoiser(folder, decay)[0].head.weight for decay in (None, 0.999, 0.2, 0.0)}
    assert torch.equal(weights[None], weights[0.999])
    assert torch.equal(weights[0.0], checkpoint["task"]["model.head.weight"]), "no average at all"
    assert not torch.equal(weights[0.2], weights[0.0])
    assert not torch.equal(weights[0.2], weights[0.999])
    model, _ = export.build_model(folder, prepared, ema_decay=0.2)
    assert torch.equal(model.denoiser.head.weight, weights[0.2].half().float())
    with pytest.raises(ValueError, match=r"has no average with the decay 0\.9; wanted one of 0\.999, 0\.2, 0\.0"):
        checkpoints.load_denoiser(folder, 0.9)


def test_16_mixed_survives_its_scaler(tmp_path, prepared, monkeypatch):
    """A first scale that overflows costs some steps, which are left out; a resumed run has the scale it had."""
    settings = dataclasses.replace(ON_CROPS, steps=40, checkpoint_every=20)
    config = dataclasses.replace(CONFIG, autoencoder_training=settings)

    def fabric(self, precision):
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24)
        plugin = MixedPrecision("16-mixed", "cpu", scaler)
        return lightning_fabric.Fabric(accelerator="cpu", devices=1, plugins=[plugin])

    monkeypatch.setattr(trainings.Run, "fabric", fabric)  # Fabric itself offers 16-mixed on GPUs alone
    with pytest.raises(Stop):
        trainings.train_autoencoder(config, prepared, on(tmp_path, stop_at(20)))
    scale = checkpoints.load_checkpoint(tmp_path / "autoencoder.pt")["precision"]["scale"]
    assert 1 < scale < 2.0**24
    trainings.train_autoencoder(config, prepared, on(tmp_path, resume=True))
    assert checkpoints.load_checkpoint(tmp_path / "autoencoder.pt")["precision"]["scale"] <= scale


def test_seeds_differ(tiny, tmp_path, prepared, uninterrupted, kind):
    part = f"{kind}_training"
    other = dataclasses.replace(CONFIG, **{part: dataclasses.replace(getattr(CONFIG, part), seed=1)})
    folder = start(tiny, tmp_path / "other", kind)
    KINDS[kind][0](other, prepared, on(folder))
    assert (folder / f"{kind}.csv").read_text() != (uninterrupted / f"{kind}.csv").read_text()


@pytest.mark.long
def test_training_lowers_the_loss(tiny, tmp_path, prepared):
    losses = np.loadtxt(tiny / "autoencoder.csv", delimiter=",", skiprows=1)[:, 1]
    assert losses[-10:].mean() < 0.5 * losses[:10].mean()
    # The loss of diffusion varies with the noise drawn, so that a fall takes longer to show.
    longer = dataclasses.replace(
        CONFIG.diffusion_training, steps=200, batch=16, learning_rate=0.01, checkpoint_every=200
    )
    folder = start(tiny, tmp_path / "run", "diffusion")
    trainings.train_diffusion(dataclasses.replace(CONFIG, diffusion_training=longer), prepared, on(folder))
    losses = np.loadtxt(folder / "diffusion.csv", delimiter=",", skiprows=1)[:, 2]
    assert losses[-50:].mean() < 0.8 * losses[:20].mean(), (losses[-50:].mean(), losses[:20].mean())


def test_checkpoint_is_plain_tensors_and_whole(uninterrupted, kind):
    _, name, load = KINDS[kind]
    checkpoint = torch.load(uninterrupted / name, weights_only=True)
    assert {"task", "ema", "optimiser", "step", "config", "scores"} <= set(checkpoint)
    assert checkpoint["config"] == dataclasses.asdict(CONFIG)
    kept = {"latent_mean", "latent_std", "year"} if kind == "diffusion" else {"normalisation"}
    assert kept <= set(checkpoint)
    model, _ = load(uninterrupted)
    assert not model.training
    assert all(torch.equal(tensor, checkpoint["ema"][key]) for key, tensor in model.state_dict().items())
    trained = {key: checkpoint["task"][f"model.{key}"] for key in model.state_dict()}
    assert any(not torch.equal(tensor, trained[key]) for key, tensor in model.state_dict().items())
    extra = set() if kind == "autoencoder" else {"autoencoder.pt"}
    extra |= {"diffusion_validation.csv", "latents.f4", "latents.pt"} if kind == "diffusion" else set()
    assert {path.name for path in files(uninterrupted)} == {name, f"{kind}.csv"} | extra
    board = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = board.EventAccumulator(str(uninterrupted / f"{kind}.tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss")] == list(range(STEPS))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("autoencoder", {"autoencoder": dataclasses.replace(CONFIG.autoencoder, blocks=(1, 1, 2))}),
        ("diffusion", {"denoiser": dataclasses.replace(CONFIG.denoiser, dropout=0.2)}),
        ("diffusion", {"condition": "none"}),
    ],
)
def test_refuses_to_resume_with_another_network(uninterrupted, prepared, kind, change):
    train, name, _ = KINDS[kind]
    before = files(uninterrupted)
    with pytest.raises(ValueError, match=rf"{name} was trained with another {next(iter(change))}: .*; wanted "):
        train(dataclasses.replace(CONFIG, **change), prepared, on(uninterrupted, resume=True))
    assert files(uninterrupted) == before


def test_the_decoder_learns_on_and_the_latents_stay(tiny, tmp_path, prepared):
    folder = start(tiny, tmp_path / "run", "decoder")
    before, _ = checkpoints.load_autoencoder(folder)
    trainings.train_decoder(CONFIG, prepared, on(folder))
    after, _ = checkpoints.load_autoencoder(folder)
    same = {key: torch.equal(tensor, after.state_dict()[key]) for key, tensor in before.state_dict().items()}
    assert all(equal for key, equal in same.items() if key.startswith("encoder."))
    assert not any(equal for key, equal in same.items() if key.startswith("decoder."))
    assert checkpoints.load_autoencoder(folder, further=False)[0].decoder.log_s.equal(before.decoder.log_s)
    shutil.copy(tiny / "diffusion.pt", folder)  # of the same latents
    emulator, _ = export.build_model(folder, prepared)
    wanted = after.decoder.head.weight.half().float()
    assert torch.equal(emulator.decoder.head.weight, wanted)


def test_refuses_a_decoder_of_another_autoencoder(tiny, tmp_path, prepared):
    folder = start(tiny, tmp_path / "run", "decoder")
    other = dataclasses.replace(CONFIG, autoencoder=dataclasses.replace(CONFIG.autoencoder, blocks=(1, 1, 2)))
    with pytest.raises(ValueError, match=r"autoencoder\.pt was trained with another autoencoder: .*; wanted "):
        trainings.train_decoder(other, prepared, on(folder))
    trainings.train_decoder(CONFIG, prepared, on(folder))
    checkpoint = torch.load(folder / "autoencoder.pt")
    checkpoint["ema"]["encoder.head.bias"] += 1
    torch.save(checkpoint, folder / "autoencoder.pt")
    with pytest.raises(ValueError, match=r"decoder\.pt belongs to another autoencoder; move it away"):
        checkpoints.load_autoencoder(folder)
    with pytest.raises(ValueError, match=r"decoder\.pt was trained on other data, on another autoencoder, "):
        trainings.train_decoder(CONFIG, prepared, on(folder, resume=True))


def test_what_a_training_does_not_use_may_change(uninterrupted, prepared, kind):
    change = {"denoiser": dataclasses.replace(CONFIG.denoiser, dropout=0.2)}
    if kind == "diffusion":
        change = {"features": dataclasses.replace(CONFIG.features, blocks=(1, 1, 2))}
    KINDS[kind][0](dataclasses.replace(CONFIG, **change), prepared, on(uninterrupted, resume=True))


def test_a_checkpoint_from_before_a_setting_existed_goes_on(trained, prepared, tmp_path):
    shutil.copy(trained("autoencoder") / "autoencoder.pt", tmp_path)
    checkpoint = torch.load(tmp_path / "autoencoder.pt")
    del checkpoint["config"]["autoencoder"]["latent_noise"]
    torch.save(checkpoint, tmp_path / "autoencoder.pt")
    trainings.train_autoencoder(CONFIG, prepared, on(tmp_path, resume=True))


def test_another_sampler_is_no_reason_to_refuse(uninterrupted, prepared, kind):
    KINDS[kind][0](
        dataclasses.replace(CONFIG, sampler=SamplerConfig(steps=9)), prepared, on(uninterrupted, resume=True)
    )


def test_refuses_to_resume_on_other_data(uninterrupted, prepared, kind):
    """Weights that were trained with one normalisation, or on one set of latents, do not fit another."""
    other = dataclasses.replace(prepared, mean=prepared.mean + 0.1, std=2 * prepared.std)
    if kind == "diffusion":
        other = dataclasses.replace(prepared, split=np.where(prepared.year < 2002, b"t", b"v"))
    before = (uninterrupted / KINDS[kind][1]).read_bytes()
    with pytest.raises(ValueError, match="other data"):
        KINDS[kind][0](CONFIG, other, on(uninterrupted, resume=True))
    assert (uninterrupted / KINDS[kind][1]).read_bytes() == before


def test_nan_in_the_data_is_an_error(tiny, tmp_path, prepared, kind):
    state = prepared.state.copy()
    state[:, :, prepared.grid.ocean] = np.nan
    folder = start(tiny, tmp_path / "run", kind)
    with pytest.raises(ValueError, match="the loss is nan at step 0"):
        KINDS[kind][0](CONFIG, dataclasses.replace(prepared, state=state), on(folder))
    assert not (folder / KINDS[kind][1]).exists()


def test_an_exploding_run_keeps_its_last_checkpoint(tiny, tmp_path, prepared, kind):
    train, name, _ = KINDS[kind]
    folder = start(tiny, tmp_path / "run", kind)
    with pytest.raises(Stop):
        train(CONFIG, prepared, on(folder, stop_at(EVERY)))
    part = f"{kind}_training"
    checkpoint = torch.load(folder / name)
    checkpoint["config"][part]["learning_rate"] = 1e30
    torch.save(checkpoint, folder / name)
    before = (folder / name).read_bytes()
    wild = dataclasses.replace(CONFIG, **{part: dataclasses.replace(getattr(CONFIG, part), learning_rate=1e30)})
    with pytest.raises(ValueError, match=r"the loss is (nan|inf) at step \d; the last checkpoint is kept"):
        train(wild, prepared, on(folder, resume=True))
    assert (folder / name).read_bytes() == before


def test_refuses_missing_and_foreign_checkpoints(tmp_path, prepared):
    with pytest.raises(ValueError, match=r"no checkpoint .*autoencoder\.pt; train first"):
        trainings.train_diffusion(CONFIG, prepared, on(tmp_path))
    with pytest.raises(ValueError, match=r"no checkpoint .*diffusion\.pt; train first"):
        checkpoints.load_denoiser(tmp_path)
    (tmp_path / "autoencoder.pt").write_text("weights")
    with pytest.raises(ValueError, match=r"autoencoder\.pt is not a checkpoint") as refusal:
        trainings.train_autoencoder(CONFIG, prepared, on(tmp_path, resume=True))
    assert "\n" not in str(refusal.value)


def test_never_unpickles_a_class(tmp_path):
    torch.save({"config": CONFIG}, tmp_path / "autoencoder.pt")
    with pytest.raises(ValueError, match=r"autoencoder\.pt is not a checkpoint"):
        checkpoints.load_autoencoder(tmp_path)


def test_refuses_a_crop_beyond_the_grid(tmp_path, prepared):
    large = dataclasses.replace(CONFIG, autoencoder_training=AutoencoderTrainingConfig(crop=48))
    with pytest.raises(ValueError, match=r"crop is 48; wanted at most the grid's 40 x 56"):
        trainings.train_autoencoder(large, prepared, on(tmp_path))


def test_refuses_data_of_other_variables(tmp_path, prepared):
    other = dataclasses.replace(CONFIG, variables=("sit", "sic"))
    with pytest.raises(ValueError, match="sit, sic"):
        trainings.train_autoencoder(other, prepared, on(tmp_path))
    assert not (tmp_path / "autoencoder.pt").exists()


def test_a_checkpoint_is_not_trained_over_unasked(uninterrupted, prepared, kind):
    before = files(uninterrupted)
    with pytest.raises(ValueError, match=rf"{kind}.pt exists; use --resume to continue from it, or move it away"):
        KINDS[kind][0](CONFIG, prepared, on(uninterrupted))
    assert files(uninterrupted) == before


def train_command(kind, tiny, folder, *options):
    """icegen train, in a process of its own."""
    command = [sys.executable, "-m", "icegen", "train", kind, "--data", tiny / "prepared.nc", "--out", folder]
    return [str(part) for part in (*command, "--accelerator", "cpu", *options)]


@pytest.mark.long
def test_goes_on_after_kill_9_to_the_same_losses(tiny, tmp_path, prepared, monkeypatch):
    """A process that is killed, and another one that resumes, against a run in this process."""
    settings = tmp_path / "config.yaml"
    shipped = Path(trainings.__file__).parent / "configs" / "tiny.yaml"
    text = shipped.read_text().replace("  steps: 40", "  steps: 150\n  checkpoint_every: 5")
    settings.write_text(text)
    whole, killed = (start(tiny, tmp_path / name, "diffusion") for name in ("whole", "killed"))
    trainings.train_diffusion(load_config(str(settings)), prepared, on(whole))

    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as in this process: sums of several threads differ in their last bits
    command = train_command("diffusion", tiny, killed, "--config", settings, "--devices", "1")
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (killed / "diffusion.pt").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -9
    assert checkpoints.load_checkpoint(killed / "diffusion.pt")["step"] < 150
    subprocess.run([*command, "--resume"], check=True, capture_output=True)
    assert not list(killed.glob(".*partial"))
    curves = [(folder / "diffusion.csv").read_text() for folder in (whole, killed)]
    assert len(curves[0].splitlines()) == 151
    assert curves[0] == curves[1]


SAME = ["--set", "denoiser.dropout=0.0"]
for _kind in ("diffusion", "autoencoder", "detail"):
    SAME += ["--set", f"{_kind}_training.precision=32-true", "--set", f"{_kind}_training.steps=12"]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["autoencoder", "diffusion", "detail"])
def test_two_devices_train_as_one(icegen, tiny, tmp_path, monkeypatch, kind):
    """The same whole batch gives the same losses, weights and density, but for rounding."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = []
    for devices in (1, 2):
        folder = start(tiny, tmp_path / str(devices), kind)
        command = train_command(kind, tiny, folder, "--config", "tiny", "--devices", devices, *SAME)
        if kind == "detail":
            command += ["--archive", str(tiny / "tiny.pt")]
        if devices == 1:
            status, output, errors = icegen(*command[3:])
        else:
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            status, output, errors = done.returncode, done.stdout, done.stderr
        assert status == 0, errors
        assert output == f"{folder / kind}.pt\n"  # from the first device alone
        assert ("Starting with 2 processes" in errors) == (devices == 2)
        losses = np.loadtxt(folder / f"{kind}.csv", delimiter=",", skiprows=1)[:, 1]
        made.append((losses, checkpoints.load_checkpoint(folder / f"{kind}.pt")["task"]))
    (one, alone), (two, shared) = made
    np.testing.assert_allclose(two, one, rtol=1e-3)
    assert alone.keys() == shared.keys()  # no trace of how many trained it
    if kind == "diffusion":
        assert not torch.equal(alone["density.error"], torch.ones(100))
        torch.testing.assert_close(shared["density.error"], alone["density.error"], rtol=1e-3, atol=1e-5)


@pytest.mark.long
def test_a_loss_on_one_device_that_is_not_finite_ends_all_with_one_message(tiny, tmp_path, monkeypatch):
    """One training state is too large for half precision, so that it is infinite; one device meets it first."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    shutil.copy(tiny / "prepared.nc", tmp_path)
    with netCDF4.Dataset(tmp_path / "prepared.nc", "a") as nc:
        nc["sit"][5] = 1e30
    command = train_command("autoencoder", tmp_path, tmp_path / "run", "--config", "tiny", "--devices", "2")
    settings = ("batch=2", "steps=1000", "precision=32-true")
    command += [part for setting in settings for part in ("--set", f"autoencoder_training.{setting}")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("icegen: ") and "resuming" not in line]
    assert len(errors) == 1, done.stderr
    assert re.fullmatch(r"icegen: the loss is (nan|inf) at step \d+; the last checkpoint is kept", errors[0])


@pytest.mark.long
def test_refuses_a_batch_that_devices_cannot_share(tiny, tmp_path):
    command = train_command("diffusion", tiny, start(tiny, tmp_path / "run", "diffusion"), "--devices", "2")
    command += ["--config", "tiny", "--set", "diffusion_training.batch=3"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.count("batch is 3; wanted a multiple of the 2 devices that share it") == 1
