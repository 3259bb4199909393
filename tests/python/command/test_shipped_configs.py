# SPDX-License-Identifier: MIT
"""Each shipped configuration goes from its source to an archive as it is, except for how much it computes."""

import shutil
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import torch

import icegen
from icegen import archive
from icegen.training.config_file import load_config

CONFIGS = sorted(path.stem for path in (Path(icegen.__file__).parent / "training" / "configs").glob("*.yaml"))
ROWS, COLUMNS = np.indices((603, 528))


@pytest.fixture(scope="module")
def moorings(tmp_path_factory):
    """States of neXtSIM's form: three to train on, one to validate and one to test on."""
    folder = tmp_path_factory.mktemp("moorings")
    rng = np.random.default_rng(0)
    for year, states in ((2014, 3), (2015, 1), (2016, 1)):
        with netCDF4.Dataset(folder / f"Moorings_{year}m01.nc", "w") as nc:
            for name, size in (("time", None), ("y", 603), ("x", 528)):
                nc.createDimension(name, size)
            nc.createVariable("time", "f8", ("time",)).units = f"hours since {year}-01-01"
            longitude = np.degrees(np.arctan2(COLUMNS - 264, 302 - ROWS))
            latitude = 90 - 0.11 * np.hypot(ROWS - 302, COLUMNS - 264)
            for name, values in (("longitude", longitude), ("latitude", latitude)):
                nc.createVariable(name, "f4", ("y", "x"))[:] = values
            for name, units in {"sic": "1", "sit": "m", "damage": "1", "siu": "m/s", "siv": "m/s"}.items():
                nc.createVariable(name, "f4", ("time", "y", "x"), zlib=True, complevel=1).units = units
            nc["time"][:] = 6 * np.arange(states)
            for t in range(states):
                cover = np.clip((latitude - 75 + rng.standard_normal()) / 8, 0, 1)
                fields = {"sic": cover, "sit": 2 * cover, "damage": cover * rng.random(cover.shape)}
                fields |= {name: cover * rng.normal(0, 0.1) for name in ("siu", "siv")}
                for name, values in fields.items():
                    nc[name][t] = np.where(latitude < 50, np.nan, values)
    return folder


@pytest.fixture
def run(icegen):
    """Run a command that succeeds."""

    def command(*arguments):
        status, _, errors = icegen(*arguments)
        assert status == 0, errors

    return command


@pytest.mark.long
@pytest.mark.parametrize("name", CONFIGS)
def test_goes_from_its_source_to_an_archive(run, moorings, tiny, name):
    """Networks, variables, noise levels, calibration and sampler are the configuration's own."""
    config = load_config(name)
    if name == "nextsim":
        run("prepare", "nextsim", moorings, "--out", "data.nc")
    elif len(config.variables) == 5:
        years = ["--years", "2014:2016", "--states-per-month", 1, "--test-years", "2016"]
        run("prepare", "idealised", "--size", 64, "--spacing", 100, *years, "--out", "data.nc")
    elif config.averaging:
        with netCDF4.Dataset(shutil.copy(tiny / "source.nc", "days.nc"), "a") as nc:
            nc["time"][:] = 790 + np.arange(len(nc["time"]))  # from March 2002 on
        run("prepare", "cf", tiny / "source.nc", "days.nc", "--out", "data.nc")
    else:
        run("prepare", "cf", tiny / "source.nc", "--out", "data.nc")
    trainings = ["features", "diffusion"] if config.space == "data" else ["autoencoder", "decoder", "features",
                                                                           "diffusion"]  # fmt: skip
    changes = [f"{part}_training.{key}" for part in trainings for key in ("steps=1", "batch=1")]
    changes += [f"{part}_training.crop=32" for part in trainings if part != "diffusion"]
    changes += ["denoiser.eofs=2"] if config.denoiser.eofs else []
    drawn = config.detail_training != type(config.detail_training)()  # its archive draws the detail
    changes += [f"detail_training.{key}" for key in ("steps=1", "batch=1", "crop=32")] if drawn else []
    settings = [option for change in changes for option in ("--set", change)]
    for part in trainings:
        run("train", part, "--config", name, *settings, "--data", "data.nc", "--out", "run", "--accelerator", "cpu")
    how = ["sampler.steps=2", "history.corrections=0", "history.dates=1", "history.members=2"]
    options = [option for change in how for option in ("--set", change)]
    run("export", "run", "--data", "data.nc", *options, "--samples", 0, "--out", "made.pt")
    if drawn:
        of_archive = ["--archive", "made.pt", "--config", name, *settings, "--data", "data.nc"]
        run("train", "detail", *of_archive, "--out", "run", "--accelerator", "cpu")
        run("export", "made.pt", "--detail", "run", "--data", "data.nc", *options, "--samples", 0, "--out", "drawn.pt")
    made = archive.load("drawn.pt" if drawn else "made.pt")
    assert tuple(v.id for v in made.variables) == config.variables
    assert bool(made.metadata["condition"]) == (config.condition == "date")
    stored = made.metadata["provenance"]["configuration"]
    assert stored["autoencoder"]["latent_noise"] == config.autoencoder.latent_noise
    assert stored["diffusion_training"]["gamma_low"] == config.diffusion_training.gamma_low
    assert torch.isfinite(made.generate([1])).all()
