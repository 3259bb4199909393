# SPDX-License-Identifier: MIT
"""From checkpoints to the archive: parts put together, metadata complete, misfits refused."""

import dataclasses
import json
import shutil

import numpy as np
import pyproj
import pytest
import torch

import tiny as making
from icegen import archive
from icegen.archive import export
from icegen.archive.number_format import EIGHT_BITS, HALF, stored_in
from icegen.archive.rebuild import rebuild
from icegen.data import prepared_file
from icegen.data.climatology import extent_climatology
from icegen.data.sources.cf import CFFile
from icegen.model.sampler import SamplerConfig
from icegen.training import trainings
from icegen.training.calibration import CalibrationConfig
from icegen.training.config import Config
from icegen.training.history import HistoryConfig
from icegen.validation import of_the_archive
from icegen.version import __version__


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


@pytest.fixture(scope="module")
def metadata(tiny):
    return archive.describe(tiny / "tiny.pt").metadata


def test_emulator_is_frozen_in_evaluation_mode_with_rounded_weights(tiny, prepared):
    emulator, config = export.build_model(tiny, prepared)
    assert config == making.CONFIG
    assert not any(module.training for module in emulator.modules())
    for name, parameter in emulator.named_parameters():
        assert not parameter.requires_grad, name
        assert parameter.dtype == torch.float32, name
        assert torch.equal(parameter, parameter.to(stored_in(name, parameter)).float()), name
    np.testing.assert_allclose(emulator.mean.flatten(), prepared.mean, rtol=1e-6)
    assert emulator.lower.flatten().tolist() == [0.0, 0.0]
    assert emulator.upper.flatten().tolist() == [1.0, np.inf]
    assert (emulator.year_mean, emulator.year_scale) == (2001.0, 1.0)


def test_script_leaves_the_emulator_alone(tiny, prepared):
    emulator = export.build_model(tiny, prepared)[0]
    before = {name: tensor.clone() for name, tensor in emulator.state_dict().items()}
    scripted = export.to_torchscript(emulator)
    assert all(p.dtype in (HALF, EIGHT_BITS) or not p.float().any() for p in scripted.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in emulator.state_dict().items())
    assert all(p.dtype == torch.float32 for p in emulator.parameters())


def test_metadata_says_who_made_it_and_how(metadata):
    assert metadata["format"] == "icegen-archive"
    assert metadata["contract"] == 2
    assert metadata["name"] == "tiny"
    provenance = metadata["provenance"]
    assert provenance["training_period"] == [2000, 2002]
    assert provenance["validation_years"] == [2003]
    assert provenance["licence"] == "MIT"
    assert provenance["torch"] == torch.__version__
    assert provenance["git_revision"]
    assert {"data", "data_source", "data_references", "commands"} <= set(provenance)


def test_metadata_describes_variables_and_condition(metadata):
    assert metadata["variables"] == [
        {
            "id": "sic",
            "standard_name": "sea_ice_area_fraction",
            "long_name": "sea-ice concentration",
            "units": "1",
            "lower": 0.0,
            "upper": 1.0,
        },
        {
            "id": "sit",
            "standard_name": "sea_ice_thickness",
            "long_name": "effective sea-ice thickness (volume per cell area)",
            "units": "m",
            "lower": 0.0,
            "upper": None,
        },
    ]
    assert metadata["condition"] == [{"id": "year", "range": [2000, 2002]}, {"id": "day_of_year", "range": [1, 366]}]
    assert metadata["sampler"] == {"name": "heun", "steps": 4, "evaluations": 7}
    assert metadata["latent"] == {"shape": [4, making.ROWS // 8, making.COLUMNS // 8]}
    assert metadata["weights"] == "float16, float8_e4m3fn, float8_e5m2"


def test_metadata_places_the_grid(metadata, prepared):
    grid = metadata["grid"]
    assert grid["shape"] == [making.ROWS, making.COLUMNS]
    x, y = grid["x0"] + grid["dx"] * np.arange(making.COLUMNS), grid["y0"] + grid["dy"] * np.arange(making.ROWS)
    np.testing.assert_allclose(x, prepared.grid.x, atol=1e-3)
    np.testing.assert_allclose(y, prepared.grid.y, atol=1e-3)
    assert grid["dy"] < 0 < grid["dx"]
    crs = pyproj.CRS.from_wkt(grid["mapping"]["crs_wkt"])
    np.testing.assert_allclose(pyproj.Proj(crs)(10, 80), pyproj.Proj("EPSG:6931")(10, 80))
    # What a reader without PROJ, the bridge, computes with.
    assert grid["mapping"]["grid_mapping_name"] == "lambert_azimuthal_equal_area"
    assert grid["mapping"]["latitude_of_projection_origin"] == 90
    assert grid["mapping"]["semi_major_axis"] == 6378137
    assert grid["mapping"]["inverse_flattening"] == pytest.approx(298.257223563)


def test_metadata_holds_twelve_months_of_reference_extent(metadata, prepared):
    reference = metadata["reference"]["extent"]
    assert reference == extent_climatology(prepared)
    assert reference["units"] == "m2"
    assert reference["years"] == [2000, 2002]
    for name in ("mean", "min", "max", "std"):
        assert len(reference[name]) == 12
    assert all(a <= b <= c for a, b, c in zip(*(reference[n] for n in ("min", "mean", "max")), strict=True))


def test_metadata_holds_finite_scores_beside_their_floors(metadata):
    scores = metadata["scores"]
    assert scores["validation_times"] == 12
    assert scores["samples_per_time"] == 1
    assert set(scores["reconstruction"]) >= {
        f"{v}_{score}" for v in ("sic", "sit") for score in ("rmse", "zeros_kept", "false_zeros")
    }
    generation = scores["generation"]
    for name in ("ice_probability_rmse", "extent_monthly_error", "faed"):
        assert generation[name] > 0
        assert generation[name + "_floor"] > 0
    assert all(np.isfinite(v) for part in ("reconstruction", "generation") for v in scores[part].values())


def test_metadata_is_strict_json(tiny, metadata):
    """NaN and Infinity are none, and the bridge's reader would stop at them."""
    json.dumps(metadata, allow_nan=False)


def test_scores_may_be_left_out_and_commands_given(tiny, prepared, tmp_path):
    sha256 = export.export(tiny, prepared, tmp_path / "a.pt", name="plain", commands="icegen train")
    described = archive.describe(tmp_path / "a.pt")
    assert described.sha256 == sha256
    assert described.metadata["scores"] == {}
    assert described.metadata["provenance"]["commands"] == "icegen train"


def test_how_it_samples_can_be_chosen_at_export(tiny, prepared, tmp_path):
    sampler = SamplerConfig("dpmpp_2m", steps=7, gamma_high=6.0)
    fit = HistoryConfig(corrections=0, dates=1, members=2)  # the default takes minutes
    chosen = Config(calibration=CalibrationConfig(zeros_kept=0.99), sampler=sampler, history=fit)
    export.export(tiny, prepared, tmp_path / "a.pt", name="a", settings=chosen)
    metadata = archive.load(tmp_path / "a.pt").metadata
    assert metadata["sampler"] == {"name": "dpmpp_2m", "steps": 7, "evaluations": 7}
    assert metadata["provenance"]["configuration"]["sampler"]["gamma_high"] == 6.0
    assert metadata["provenance"]["configuration"]["calibration"]["zeros_kept"] == 0.99
    assert metadata["provenance"]["configuration"]["history"]["members"] == 2
    assert metadata["provenance"]["configuration"]["denoiser"]["eofs"] == 4, "what was trained stays as it was"


def test_an_archive_is_exported_again_with_other_settings(icegen, tiny, prepared, tmp_path):
    """What export sets is changed; the networks and the calibration stay."""
    changes = ("sampler.steps=4", "sampler.inflation=[1.5]", "sampler.inflation_noise=2", "observations.length=500")
    fit = ("history.corrections=0", "history.dates=1", "history.members=2")
    options = [word for change in (*changes, *fit) for word in ("--set", change)]
    status, _, errors = icegen(
        "export", tiny / "tiny.pt", "--data", tiny / "prepared.nc", "--samples", 0, "--out", "again.pt", *options
    )
    assert status == 0, errors
    before, after = archive.load(tiny / "tiny.pt"), archive.load(tmp_path / "again.pt")
    assert after.default_steps == 4
    assert after.metadata["observations"]["length"] == 500
    assert after.metadata["provenance"]["configuration"]["sampler"]["inflation"] == [1.5]
    assert after.module.inflation.tolist() == [1.5] * len(before.module.denoiser.eofs)
    kernels = [[p for p in a.module.parameters() if p.dim() == 4 and p.shape[2] == 3] for a in (before, after)]
    assert all(torch.equal(*same) for same in zip(*kernels, strict=True))
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels[1])
    assert torch.equal(before.module.gain, after.module.gain)
    assert not torch.equal(*(a.generate([1], seed=3, steps=4) for a in (before, after)))


@pytest.mark.long
def test_export_twice_gives_the_same_samples(tiny, prepared, tmp_path):
    export.export(tiny, prepared, tmp_path / "a.pt", name="tiny")
    a, b = (archive.load(path).generate([1], seed=3) for path in (tmp_path / "a.pt", tiny / "tiny.pt"))
    assert torch.equal(a, b)


def copy_checkpoints(tiny, folder):
    for name in ("autoencoder.pt", "diffusion.pt"):
        shutil.copy(tiny / name, folder)
    return folder


@pytest.mark.parametrize("missing", ["autoencoder.pt", "diffusion.pt"])
def test_refuses_a_missing_checkpoint(tiny, prepared, tmp_path, missing):
    (copy_checkpoints(tiny, tmp_path) / missing).unlink()
    with pytest.raises(ValueError, match=rf"no checkpoint .*{missing}; train first"):
        export.export(tmp_path, prepared, tmp_path / "a.pt", name="a")
    assert not (tmp_path / "a.pt").exists()


def test_refuses_a_missing_folder_before_anything_else(prepared, tmp_path):
    with pytest.raises(ValueError, match=rf"folder {tmp_path / 'nowhere'} does not exist"):
        export.export(tmp_path / "no_checkpoints", prepared, tmp_path / "nowhere/a.pt", name="a")


def test_refuses_a_damaged_checkpoint(tiny, prepared, tmp_path):
    path = copy_checkpoints(tiny, tmp_path) / "diffusion.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"diffusion\.pt is not a checkpoint") as refusal:
        export.build_model(tmp_path, prepared)
    assert "\n" not in str(refusal.value)


def test_refuses_a_file_that_is_another_kind_of_checkpoint(tiny, prepared, tmp_path):
    torch.save({"weights": torch.zeros(3)}, copy_checkpoints(tiny, tmp_path) / "autoencoder.pt")
    with pytest.raises(ValueError, match=r"autoencoder\.pt is not a checkpoint"):
        export.build_model(tmp_path, prepared)


def test_refuses_data_of_other_variables(tiny, prepared):
    other = dataclasses.replace(prepared, variables=prepared.variables[:1])
    with pytest.raises(ValueError, match="was trained on sic, sit; the data hold sic"):
        export.build_model(tiny, other)


def test_refuses_data_of_another_grid(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(making, "COLUMNS", 64)
    source = making.write_source(tmp_path / "source.nc", years=range(2000, 2002))
    other = prepared_file.load(prepared_file.prepare(CFFile(source), tmp_path / "prepared.nc"))
    with pytest.raises(ValueError, match=r"trained on a grid of \(40, 56\) cells; the data have \(40, 64\)"):
        export.build_model(tiny, other)


def test_refuses_a_denoiser_of_another_autoencoder(tiny, prepared, tmp_path):
    """The denoiser's latents mean nothing to an autoencoder trained anew beside it."""
    path = copy_checkpoints(tiny, tmp_path) / "autoencoder.pt"
    checkpoint = torch.load(path, weights_only=True)
    for tensor in checkpoint["ema"].values():
        tensor.mul_(1.01)
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match="another autoencoder"):
        export.build_model(tmp_path, prepared)


def test_an_archive_is_not_exported_again_for_another_grid_or_other_years(tiny, prepared, tmp_path):
    source = archive.load(tiny / "tiny.pt")
    grid = dataclasses.replace(prepared.grid, x=prepared.grid.x / 2)
    with pytest.raises(ValueError, match=r"the data's grid is of 40 x 56 cells .*tiny.pt is of 40 x 56 cells"):
        export.export_again(source, dataclasses.replace(prepared, grid=grid), tmp_path / "a.pt", "a")
    later = dataclasses.replace(prepared, year=prepared.year + 90)
    export.export_again(source, later, tmp_path / "a.pt", "a")
    assert archive.describe(tmp_path / "a.pt").metadata["condition"] == source.metadata["condition"]


def test_refuses_a_missing_folder(tiny, prepared, tmp_path):
    with pytest.raises(ValueError, match=r"folder .*nowhere does not exist"):
        export.export(tiny, prepared, tmp_path / "nowhere" / "a.pt", name="a")


def changed_checkpoint(tiny, folder, name, change):
    """The tiny checkpoints in ``folder``, with one of them changed."""
    for part in ("autoencoder.pt", "features.pt", "diffusion.pt"):
        shutil.copy(tiny / part, folder)
    checkpoint = torch.load(folder / name, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, folder / name)
    return folder


@pytest.mark.parametrize("name", ["autoencoder.pt", "features.pt", "diffusion.pt"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["config"].update(variables=["sit", "sic"]), "was trained on sit, sic; the data hold sic, sit"),
        (lambda c: c["normalisation"].update(mean=[0.1, 0.2]), r"was trained on other data: mean 0\.1 0\.2; the data"),
        (
            lambda c: c.update(data_sha256="a" * 64),
            r"was trained on other data, with the SHA-256 a+\.\.\.; these",
        ),
    ],
    ids=["variables", "statistics", "digest"],
)
def test_refuses_parts_of_other_data(tiny, prepared, tmp_path, name, change, message):
    folder = changed_checkpoint(tiny, tmp_path, name, change)
    with pytest.raises(ValueError, match=rf"{name} {message}") as refusal:
        export.build_model(folder, prepared)
    assert "\n" not in str(refusal.value)


def test_a_checkpoint_without_digest_is_taken(tiny, prepared, tmp_path):
    export.build_model(changed_checkpoint(tiny, tmp_path, "features.pt", lambda c: c.pop("data_sha256")), prepared)


@pytest.mark.long
def test_metadata_has_each_training_as_it_was_run(tiny, prepared, tmp_path):
    """Also of a part whose configuration is not that of the diffusion's training."""

    def change(checkpoint):
        checkpoint["config"]["autoencoder_training"]["learning_rate"] = 0.125

    folder = changed_checkpoint(tiny, tmp_path, "autoencoder.pt", change)
    export.export(folder, prepared, tmp_path / "a.pt", name="a")
    provenance = archive.describe(tmp_path / "a.pt").metadata["provenance"]
    assert provenance["data_sha256"] == prepared.sha256 != ""
    assert provenance["configuration"]["autoencoder_training"]["learning_rate"] == 0.125
    assert provenance["trainings"].keys() == {"autoencoder", "features", "diffusion"}, "no decoder was trained further"
    for name, training in provenance["trainings"].items():
        assert training["settings"] == provenance["configuration"][f"{name}_training"]
        assert training["steps_done"] == training["settings"]["steps"]
        assert training["data_sha256"] == prepared.sha256
        assert training["code"]["version"] == __version__


@pytest.mark.long
def test_an_archive_of_days_from_days_and_months(tiny, prepared, tmp_path):
    """What a state averages over is known in training, and fixed in the archive."""
    mixed = dataclasses.replace(prepared, averaging=np.where(prepared.month <= 6, 1.0, 30.0))
    config = dataclasses.replace(
        making.CONFIG,
        averaging=1.0,
        diffusion_training=dataclasses.replace(making.CONFIG.diffusion_training, steps=4),
    )
    shutil.copy(tiny / "autoencoder.pt", tmp_path)
    trainings.train_diffusion(config, mixed, trainings.Run(tmp_path, accelerator="cpu", devices="1"))
    export.export(tmp_path, mixed, tmp_path / "days.pt", "days")
    loaded = archive.load(tmp_path / "days.pt")
    assert loaded.metadata["averaging"] == 1
    assert loaded.metadata["condition"][0]["range"] == [2000, 2002]
    assert loaded.metadata["reference"]["extent"] == extent_climatology(prepared)  # of all years
    model, _ = rebuild(loaded)
    date = torch.tensor([[2001, 5]])
    assert model.inputs_of(date)[0, 6] == -1
    assert model.inputs_of(date[:, :0])[0].tolist() == [0, 0, 0, 0, 0, 0, -1]
    noise = torch.randn(1, *model.latent_mean.shape)
    day, mean = model.solve(noise, date, 4), model.mean_latent(date)
    model.averaging = 30.0
    assert not torch.equal(model.solve(noise, date, 4), day)
    assert torch.equal(model.mean_latent(date), mean), "the large scale does not depend on it"
    assert np.array_equal(of_the_archive(loaded, mixed).month, mixed.month[mixed.month <= 6])
    assert of_the_archive(loaded, prepared) is prepared


@pytest.mark.long
def test_diffusion_in_data_space_without_condition(prepared, tmp_path):
    """No autoencoder, no date, the other sampler: the same archive to its users."""
    config = dataclasses.replace(
        making.CONFIG,
        space="data",
        condition="none",
        diffusion_training=dataclasses.replace(making.CONFIG.diffusion_training, steps=4),
        sampler=SamplerConfig(name="dpmpp_2m", steps=5),
    )
    trainings.train_diffusion(config, prepared, trainings.Run(tmp_path, accelerator="cpu", devices="1"))
    export.export(tmp_path, prepared, tmp_path / "data.pt", "data")
    loaded = archive.load(tmp_path / "data.pt")
    assert loaded.metadata["condition"] == []
    assert loaded.metadata["sampler"] == {"name": "dpmpp_2m", "steps": 5, "evaluations": 5}
    assert loaded.metadata["latent"]["shape"] == [2, making.ROWS, making.COLUMNS]
    states = loaded.generate([1, 2])
    assert states.shape == (2, 2, making.ROWS, making.COLUMNS)
    assert not torch.equal(states[0], states[1])
    assert states.min() >= 0
    assert states[:, 0].max() <= 1
    real = torch.from_numpy(prepared.state[:2]).float()
    torch.testing.assert_close(loaded.decode(loaded.encode(real)), real, atol=2e-3, rtol=2e-3)
    # A date tells samples apart, although the network does not see it.
    assert not torch.equal(loaded.generate([1], year=2001, day_of_year=5), loaded.generate([1]))
    with pytest.raises(torch.jit.Error, match="this archive knows no condition"):
        loaded.module.generate(0, torch.tensor([1]), torch.tensor([[2001, 5]]), torch.tensor([5]), True, 2)
