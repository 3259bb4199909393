# SPDX-License-Identifier: MIT
"""Settings as dataclasses, read strictly from YAML: a misspelt key or a value of the wrong type is refused."""

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from icegen.variables import variables

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")  # of Lightning Fabric


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _at_least_one(config, *names: str) -> None:
    for name in names:
        _require(getattr(config, name) >= 1, f"{name} is {getattr(config, name)}; wanted at least 1")


def _gamma_range(config) -> None:
    _require(config.gamma_low < config.gamma_high,
             f"gamma_low is {config.gamma_low}; wanted less than gamma_high, {config.gamma_high}")  # fmt: skip


@dataclass(frozen=True)
class AutoencoderConfig:
    """The variational autoencoder (1/8 of the resolution)."""

    latent_channels: int = 16
    widths: tuple[int, ...] = (32, 64, 128)  # at 1/2, 1/4, 1/8 of the resolution
    blocks: tuple[int, ...] = (1, 2, 2)  # residual blocks at each
    initial_scale: float = 0.1  # first guess of the likelihood's s, in standard deviations

    def __post_init__(self):
        _at_least_one(self, "latent_channels")
        _require(self.initial_scale > 0, f"initial_scale is {self.initial_scale}; wanted more than 0")
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
        _at_least_one(self, "embedding", "heads")
        _require(0 <= self.dropout < 1, f"dropout is {self.dropout}; wanted 0 to below 1")
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
        _at_least_one(self, "steps", "batch", "warmup", "checkpoint_every")
        for name in ("learning_rate", "clip"):
            _require(getattr(self, name) > 0, f"{name} is {getattr(self, name)}; wanted more than 0")
        _require(0 <= self.ema_decay < 1, f"ema_decay is {self.ema_decay}; wanted 0 to below 1")
        wanted = ", ".join(PRECISIONS)
        _require(self.precision in PRECISIONS, f"precision is {self.precision!r}; wanted one of {wanted}")


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

    def __post_init__(self):
        super().__post_init__()
        _require(self.gamma_std > 0, f"gamma_std is {self.gamma_std}; wanted more than 0")
        _require(0 <= self.condition_dropout <= 1, f"condition_dropout is {self.condition_dropout}; wanted 0 to 1")
        _gamma_range(self)


@dataclass(frozen=True)
class SamplerConfig:
    """The deterministic Heun sampler."""

    steps: int = 20  # noise levels: 2 * steps - 1 network evaluations
    gamma_low: float = -13.8  # where sampling starts: pure noise (sigma 1000)
    gamma_high: float = 12.0  # the last level before the denoised state
    rho: float = 7.0  # spacing of the levels (Karras et al. 2022)

    def __post_init__(self):
        _at_least_one(self, "steps")
        _require(self.rho > 0, f"rho is {self.rho}; wanted more than 0")
        _gamma_range(self)


@dataclass(frozen=True)
class Config:
    """All that a training needs besides its data."""

    variables: tuple[str, ...] = ("sic", "sit")
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    autoencoder_training: AutoencoderTrainingConfig = field(default_factory=AutoencoderTrainingConfig)
    diffusion_training: DiffusionTrainingConfig = field(default_factory=DiffusionTrainingConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)

    def __post_init__(self):
        variables(self.variables)


def load_config(path: str | Path) -> Config:
    """Read a YAML file. Raises ValueError naming the file and the key that does not fit."""
    try:
        tree = yaml.safe_load(Path(path).read_text())
    except FileNotFoundError:
        raise ValueError(f"configuration file {path} does not exist") from None
    except OSError as error:
        raise ValueError(f"configuration file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"configuration file {path} is not text in UTF-8") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    try:
        return from_dict(Config, {} if tree is None else tree)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def from_dict(cls, tree: dict, where: str = ""):
    """Build dataclass ``cls`` from nested dictionaries; ``where`` is the path of keys for messages."""
    _require(isinstance(tree, dict), f"{where or 'the configuration'} is {tree!r}; wanted a mapping")
    hints = typing.get_type_hints(cls)
    unknown = [key for key in tree if key not in hints]
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
