# SPDX-License-Identifier: MIT
"""Settings as dataclasses, read strictly from YAML: a misspelt key or a value of the wrong type is refused."""

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path

import yaml


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class AutoencoderConfig:
    """The variational autoencoder (1/8 of the resolution)."""

    latent_channels: int = 16
    widths: tuple[int, ...] = (32, 64, 128)  # at 1/2, 1/4, 1/8 of the resolution
    blocks: tuple[int, ...] = (1, 2, 2)  # residual blocks at each
    initial_scale: float = 0.1  # first guess of the likelihood's s, in standard deviations

    def __post_init__(self):
        for name in ("widths", "blocks"):
            _require(len(getattr(self, name)) == 3, f"{name} has {len(getattr(self, name))} entries; wanted 3")


@dataclass(frozen=True)
class DenoiserConfig:
    """The latent U-ViT."""

    widths: tuple[int, ...] = (64, 128, 256)  # at 1, 1/2, 1/4 of the latent grid
    blocks: tuple[int, ...] = (2, 2, 6)  # the last counts transformer blocks
    embedding: int = 256
    position_channels: int = 8
    heads: int = 8
    dropout: float = 0.1

    def __post_init__(self):
        for name in ("widths", "blocks"):
            _require(len(getattr(self, name)) == 3, f"{name} has {len(getattr(self, name))} entries; wanted 3")
        _require(self.widths[2] % self.heads == 0, f"width {self.widths[2]} is not a multiple of {self.heads} heads")


@dataclass(frozen=True)
class TrainingConfig:
    """One training run, of the autoencoder or of the diffusion model."""

    steps: int = 5000
    batch: int = 8
    learning_rate: float = 1e-3
    warmup: int = 100  # steps of linear warm-up before the cosine decay
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient
    ema_decay: float = 0.999
    precision: str = "bf16-mixed"  # as Lightning Fabric names it
    checkpoint_every: int = 250
    seed: int = 0

    def __post_init__(self):
        for name in ("steps", "batch", "checkpoint_every"):
            _require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}; wanted at least 1")


@dataclass(frozen=True)
class AutoencoderTrainingConfig(TrainingConfig):
    """Training of the autoencoder on crops."""

    crop: int = 256  # edge of the training crops, cells; a multiple of 8
    kl_weight: float = 1e-3  # beta

    def __post_init__(self):
        super().__post_init__()
        _require(self.crop % 8 == 0 and self.crop > 0, f"crop is {self.crop}; wanted a positive multiple of 8")


@dataclass(frozen=True)
class DiffusionTrainingConfig(TrainingConfig):
    """Training of the diffusion model on latents."""

    gamma_mean: float = -2.0  # density of the log-SNR in training: a normal cut to [gamma_low, gamma_high]
    gamma_std: float = 5.0
    gamma_low: float = -15.0
    gamma_high: float = 12.0
    condition_dropout: float = 0.1  # share of the cases trained without condition
    year_jitter: float = 2.0  # years; against memorising one state per date
    day_jitter: float = 3.0  # days


@dataclass(frozen=True)
class SamplerConfig:
    """The deterministic Heun sampler."""

    steps: int = 20  # noise levels: 2 * steps - 1 network evaluations
    gamma_low: float = -13.8  # where sampling starts: pure noise (sigma 1000)
    gamma_high: float = 12.0  # the last level before the denoised state
    rho: float = 7.0  # spacing of the levels (Karras et al. 2022)


@dataclass(frozen=True)
class Config:
    """All that a training needs besides its data."""

    variables: tuple[str, ...] = ("sic", "sit")
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    autoencoder_training: AutoencoderTrainingConfig = field(default_factory=AutoencoderTrainingConfig)
    diffusion_training: DiffusionTrainingConfig = field(default_factory=DiffusionTrainingConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)


def load_config(path: str | Path) -> Config:
    """Read a YAML file. Raises ValueError naming the file and the key that does not fit."""
    try:
        tree = yaml.safe_load(Path(path).read_text())
    except FileNotFoundError:
        raise ValueError(f"configuration file {path} does not exist") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    try:
        return from_dict(Config, tree or {})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def from_dict(cls, tree: dict, where: str = ""):
    """Build dataclass ``cls`` from nested dictionaries; ``where`` is the path of keys for messages."""
    _require(isinstance(tree, dict), f"{where or 'the configuration'} is {tree!r}; wanted a mapping")
    hints = typing.get_type_hints(cls)
    unknown = sorted(set(tree) - set(hints))
    _require(not unknown, f"unknown key {where}{unknown[0] if unknown else ''}; known: {', '.join(sorted(hints))}")
    return cls(**{key: _convert(hints[key], value, where + key) for key, value in tree.items()})


def _convert(kind, value, where: str):
    if dataclasses.is_dataclass(kind):
        return from_dict(kind, value, where + ".")
    if isinstance(kind, types.GenericAlias):  # tuple[item, ...]
        _require(isinstance(value, list | tuple), f"{where} is {value!r}; wanted a list")
        return tuple(_convert(typing.get_args(kind)[0], item, where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    _require(type(value) is kind, f"{where} is {value!r}; wanted {kind.__name__}")
    return value
