# SPDX-License-Identifier: MIT
"""Configurations are read strictly from YAML, build on each other, and single values change."""

import dataclasses
from pathlib import Path

import pytest

import icegen
from icegen.data.variables import variables
from icegen.model.sampler import SamplerConfig
from icegen.settings import from_dict
from icegen.training.config import Config
from icegen.training.config_file import change, load_config

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
        ("sampler: {stepz: 3}", r"unknown key sampler\.stepz; known: detail_steps, .*steps"),
        ("autoencoder: {width: [1, 2, 3]}", r"unknown key autoencoder\.width"),
        ("denoiser: {head: 3}", r"unknown key denoiser\.head"),
        ("autoencoder_training: {stepz: 3}", r"unknown key autoencoder_training\.stepz"),
        ("diffusion_training: {crop: 64}", r"unknown key diffusion_training\.crop"),  # the autoencoder's
        ("sampler: {steps: many}", r"sampler\.steps is 'many'; wanted a whole number"),
        ("sampler: {steps: 3.0}", r"sampler\.steps is 3\.0; wanted a whole number"),
        ("sampler: {steps: true}", r"sampler\.steps is True; wanted a whole number"),
        ("sampler: {steps: }", r"sampler\.steps is None; wanted a whole number"),
        ("sampler: {rho: true}", r"sampler\.rho is True; wanted a number"),
        ("autoencoder_training: {learning_rate: 1e-3}", "learning_rate is '1e-3'; wanted a number"),  # YAML 1.1: text
        ("autoencoder_training: {precision: 16}", "precision is 16; wanted '32-true', 'bf16-mixed' or '16-mixed'"),
        ("sampler: 3", "sampler.* is 3; wanted a mapping"),
        ("sampler: [steps, 3]", "sampler.* wanted a mapping"),
        ("[1, 2]", r"the configuration is \[1, 2\]; wanted a mapping"),
        ("words", "the configuration is 'words'; wanted a mapping"),
        ("variables: sic", "variables is 'sic'; wanted a list"),
        ("variables: [1]", r"variables\[0\] is 1; wanted a text"),
        ("autoencoder: {widths: 8}", r"autoencoder\.widths is 8; wanted a list"),
        ("autoencoder: {widths: [8, x, 8]}", r"autoencoder\.widths\[1\] is 'x'; wanted a whole number"),
        ("autoencoder: {widths: [8, 8]}", r"autoencoder\.widths is \[8, 8\]; wanted at least 3 items"),
        ("autoencoder: {blocks: [1, 1, 1, 1]}", r"autoencoder\.blocks is \[1, 1, 1, 1\]; wanted at most 3 items"),
        ("denoiser: {blocks: []}", "denoiser: blocks has 0 entries; wanted 3, like widths"),
        ("denoiser: {widths: [8], blocks: [1]}", r"denoiser\.widths is \[8\]; wanted at least 2 items"),
        ("denoiser: {eofs: -1}", "eofs is -1; wanted at least 0"),
        ("space: data\ncalibration: {gain: true}", "calibration is given; wanted none where space is data"),
        ("space: grid", "space is 'grid'; wanted 'latent' or 'data'"),
        ("condition: season", "condition is 'season'; wanted 'date' or 'none'"),
        ("autoencoder: {scale: pixel}", "scale is 'pixel'; wanted 'variable' or 'cell'"),
        ("sampler: {name: euler}", "name is 'euler'; wanted 'heun' or 'dpmpp_2m'"),
        ("diffusion_training: {weight_width: 0}", "weight_width is 0; wanted greater than 0"),
        ("diffusion_training: {density_decay: 1.0}", "density_decay is 1.0; wanted less than 1"),
        ("denoiser: {widths: [8, 8, 9]}", "width 9 is not a multiple of 8 heads"),
        ("autoencoder_training: {crop: 60}", "crop is 60; wanted a multiple of 8"),
        ("autoencoder: {latent_noise: -1}", "latent_noise is -1; wanted at least 0"),
        ("sampler: {latent_noise: -1}", "latent_noise is -1; wanted at least 0"),
        ("autoencoder_training: {crop: 0}", "crop is 0; wanted greater than 0"),
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


def test_a_file_builds_on_another(tmp_path):
    (tmp_path / "base.yaml").write_text("{base: tiny, space: data, denoiser: {heads: 4}, sampler: {steps: 3}}")
    path = write(tmp_path, "{base: base.yaml, sampler: {steps: 7}, variables: [sit]}")
    config, tiny = load_config(path), load_config("tiny")
    assert config.sampler == dataclasses.replace(tiny.sampler, steps=7)
    assert config.variables == ("sit",), "a list takes the place of the base's"
    assert (config.space, config.denoiser.heads) == ("data", 4)
    assert config.denoiser == dataclasses.replace(tiny.denoiser, heads=4)
    assert config.autoencoder == tiny.autoencoder


def test_the_comparison_differs_in_what_it_compares():
    data, censored, gaussian = (load_config(f"comparison_{name}") for name in ("data", "censored", "gaussian"))
    other = dataclasses.replace(censored.autoencoder, likelihood="gaussian")
    assert gaussian == dataclasses.replace(censored, autoencoder=other)
    assert (data.space, censored.space) == ("data", "latent")
    assert data.features_training == censored.features_training


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: nowhere", "configuration file .*nowhere does not exist"),
        ("base: config.yaml", r"config\.yaml builds on itself"),
        ("base: 3", "base is 3; wanted the name of a configuration or the path of a file"),
        ("{base: tiny, sampler: {stepz: 3}}", r"config\.yaml: unknown key sampler\.stepz"),
    ],
)
def test_refuses_a_base(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_config(write(tmp_path, text))


def test_single_values_change(tmp_path):
    path = write(tmp_path, "sampler: {steps: 7, name: dpmpp_2m}")
    config = load_config(path, ["sampler.steps=9", "variables=[sit]", "sampler.rho = 5", "sampler.steps=11"])
    assert config.sampler == SamplerConfig("dpmpp_2m", steps=11, rho=5.0)
    assert config.variables == ("sit",)
    assert change(config, ["denoiser.heads=4"]).denoiser.heads == 4
    assert change(config, []) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sampler.steps", "setting is 'sampler.steps'; wanted KEY=VALUE such as sampler.steps=12"),
        ("=3", "setting is '=3'; wanted KEY=VALUE"),
        ("sampler.steps=", r"sampler\.steps is None; wanted a whole number"),
        ("sampler.steps=]", "the value of sampler.steps is not valid YAML"),
        ("sampler.stepz=3", r"unknown key sampler\.stepz; known: detail_steps"),
        ("sampler=3", "sampler is 3; wanted a mapping"),
        ("sampler.steps.more=3", r"sampler\.steps is {'more': 3}; wanted a whole number"),
    ],
)
def test_refuses_a_change(text, message):
    with pytest.raises(ValueError, match=message) as refusal:
        load_config("tiny", [text])
    assert "\n" not in str(refusal.value)
