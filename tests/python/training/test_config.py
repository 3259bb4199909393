# SPDX-License-Identifier: MIT
"""Settings are read strictly."""

import dataclasses
from pathlib import Path

import pytest

import icegen
from icegen.data.variables import variables
from icegen.model.sampler import SamplerConfig
from icegen.settings import from_dict
from icegen.training.config import Config, load_config

SHIPPED = sorted((Path(icegen.__file__).parent / "training" / "configs").glob("*.yaml"))


def write(folder, text):
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_configurations_are_shipped():
    assert {"observed", "idealised", "nextsim", "tiny"} <= {p.stem for p in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_configurations_load(path):
    config = load_config(path)
    assert isinstance(config, Config)
    assert variables(config.variables)


def test_an_empty_file_gives_the_defaults(tmp_path):
    assert load_config(write(tmp_path, "# nothing\n")) == Config()


def test_values_arrive(tmp_path):
    text = """
    variables: [sit]
    autoencoder: {latent_channels: 4, widths: [8, 16, 24]}
    autoencoder_training: {crop: 64, learning_rate: 1}
    diffusion_training: {gamma_low: -20.5}
    sampler: {steps: 7}
    """
    config = load_config(write(tmp_path, text))
    assert config.variables == ("sit",)
    assert config.autoencoder.widths == (8, 16, 24)
    assert config.autoencoder_training.crop == 64
    assert config.autoencoder_training.learning_rate == 1.0
    assert type(config.autoencoder_training.learning_rate) is float
    assert config.diffusion_training.gamma_low == -20.5
    assert config.sampler == SamplerConfig(steps=7)
    assert config.denoiser == Config().denoiser


def test_a_configuration_survives_a_checkpoint():
    config = from_dict(Config, {"variables": ["sit"], "sampler": {"rho": 5}, "denoiser": {"heads": 4}})
    assert from_dict(Config, dataclasses.asdict(config)) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sampel: {}", "unknown key sampel; known: autoencoder, .*variables"),
        ("sampler: {stepz: 3}", r"unknown key sampler\.stepz; known: gamma_high, .*steps"),
        ("autoencoder: {width: [1, 2, 3]}", r"unknown key autoencoder\.width"),
        ("denoiser: {head: 3}", r"unknown key denoiser\.head"),
        ("autoencoder_training: {stepz: 3}", r"unknown key autoencoder_training\.stepz"),
        ("diffusion_training: {crop: 64}", r"unknown key diffusion_training\.crop"),  # the autoencoder's
        ("sampler: {steps: many}", r"sampler\.steps is 'many'; wanted int"),
        ("sampler: {steps: 3.0}", r"sampler\.steps is 3\.0; wanted int"),
        ("sampler: {steps: true}", r"sampler\.steps is True; wanted int"),
        ("sampler: {steps: }", r"sampler\.steps is None; wanted int"),
        ("sampler: {rho: true}", r"sampler\.rho is True; wanted float"),
        ("autoencoder_training: {learning_rate: 1e-3}", "learning_rate is '1e-3'; wanted float"),  # YAML 1.1: text
        ("autoencoder_training: {precision: 16}", "precision is 16; wanted str"),
        ("sampler: 3", "sampler.* is 3; wanted a mapping"),
        ("sampler: [steps, 3]", "sampler.* wanted a mapping"),
        ("[1, 2]", r"the configuration is \[1, 2\]; wanted a mapping"),
        ("words", "the configuration is 'words'; wanted a mapping"),
        ("variables: sic", "variables is 'sic'; wanted a list"),
        ("variables: [1]", "variables is 1; wanted str"),
        ("autoencoder: {widths: 8}", r"autoencoder\.widths is 8; wanted a list"),
        ("autoencoder: {widths: [8, x, 8]}", r"autoencoder\.widths is 'x'; wanted int"),
        ("autoencoder: {widths: [8, 8]}", "widths has 2 entries; wanted 3"),
        ("autoencoder: {blocks: [1, 1, 1, 1]}", "blocks has 4 entries; wanted 3"),
        ("denoiser: {blocks: []}", "blocks has 0 entries; wanted 3, as widths has"),
        ("denoiser: {widths: [8], blocks: [1]}", "widths has 1 entries; wanted at least 2"),
        ("denoiser: {eofs: -1}", "eofs is -1; wanted at least 0"),
        ("space: data\ncalibration: {gain: true}", "calibration is given; wanted none where space is data"),
        ("space: grid", "space is 'grid'; wanted one of latent, data"),
        ("condition: season", "condition is 'season'; wanted one of date, none"),
        ("autoencoder: {scale: pixel}", "scale is 'pixel'; wanted one of variable, cell"),
        ("sampler: {name: euler}", "name is 'euler'; wanted one of heun, dpmpp_2m"),
        ("diffusion_training: {weight_width: 0}", "weight_width is 0.0; wanted more than 0"),
        ("diffusion_training: {density_decay: 1.0}", "density_decay is 1.0; wanted 0 to below 1"),
        ("denoiser: {widths: [8, 8, 9]}", "width 9 is not a multiple of 8 heads"),
        ("autoencoder_training: {crop: 60}", "crop is 60; wanted a positive multiple of 8"),
        ("autoencoder: {latent_noise: -1}", "latent_noise is -1.0; wanted at least 0"),
        ("sampler: {latent_noise: -1}", "latent_noise is -1.0; wanted at least 0"),
        ("autoencoder_training: {crop: 0}", "crop is 0; wanted a positive multiple of 8"),
        ("autoencoder_training: {steps: 0}", "steps is 0; wanted at least 1"),
        ("diffusion_training: {batch: -1}", "batch is -1; wanted at least 1"),
        ("diffusion_training: {checkpoint_every: 0}", "checkpoint_every is 0; wanted at least 1"),
    ],
)
def test_refuses_and_names_the_key(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as refusal:
        load_config(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sampler: {steps: 0}", "steps is 0"),
        ("sampler: {rho: 0}", "rho is 0"),
        ("sampler: {gamma_low: 5, gamma_high: -5}", "gamma_low is 5"),
        ("diffusion_training: {gamma_low: 5, gamma_high: -5}", "gamma_low is 5"),
        ("diffusion_training: {condition_dropout: 1.5}", "condition_dropout is 1.5"),
        ("autoencoder_training: {warmup: 0}", "warmup is 0"),
        ("autoencoder_training: {learning_rate: -0.1}", "learning_rate is -0.1"),
        ("autoencoder_training: {ema_decay: 1.5}", "ema_decay is 1.5"),
        ("autoencoder_training: {precision: fast}", "precision is 'fast'"),
        ("autoencoder: {latent_channels: 0}", "latent_channels is 0"),
        ("autoencoder: {initial_scale: 0}", "initial_scale is 0"),
        ("denoiser: {heads: 0}", "heads is 0"),
        ("denoiser: {dropout: 1.5}", "dropout is 1.5"),
        ("variables: [sic, sat]", "sat"),
        ("variables: []", "variable"),
        ("false", "wanted a mapping"),
        ("[]", "wanted a mapping"),
        ("{1: 2, x: 3}", "unknown key 1"),
    ],
)
def test_refuses_values_that_would_fail_later(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_config(write(tmp_path, text))


def test_refuses_a_file_that_is_not_yaml(tmp_path):
    path = write(tmp_path, "sampler: {steps: 3\nvariables: ]")
    with pytest.raises(ValueError, match=r"is not valid YAML: .*line 2") as refusal:
        load_config(path)
    assert "\n" not in str(refusal.value)


def test_refuses_a_file_that_is_not_text(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match=r"config\.yaml") as refusal:
        load_config(tmp_path / "config.yaml")
    assert not isinstance(refusal.value, UnicodeDecodeError)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"configuration file .*nowhere\.yaml does not exist"):
        load_config(tmp_path / "nowhere.yaml")


def test_refuses_a_folder(tmp_path):
    with pytest.raises(ValueError, match="configuration file"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["sic", "ice"], "unknown variable 'ice'; wanted one of sic, sit"),
        (["sic", "sit", "sic"], "name one twice"),
        ([], "no variable given"),
    ],
)
def test_variables_refuse(ids, message):
    with pytest.raises(ValueError, match=message):
        variables(ids)


def test_variables_keep_their_order_and_bounds():
    sit, sic = variables(["sit", "sic"])
    assert (sit.id, sit.units, sit.lower, sit.upper) == ("sit", "m", 0.0, None)
    assert (sic.id, sic.units, sic.lower, sic.upper) == ("sic", "1", 0.0, 1.0)
