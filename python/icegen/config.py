# SPDX-License-Identifier: MIT
"""Settings as dataclasses, read strictly from YAML: a misspelt key or a value of the wrong type is refused."""

import dataclasses
import math
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from icegen.variables import variables

Settings = TypeVar("Settings")

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")  # of Lightning Fabric
SPACES = ("latent", "data")
CONDITIONS = ("date", "none")
LIKELIHOODS = ("censored", "gaussian")
SCALES = ("variable", "cell")
SAMPLERS = ("heun", "dpmpp_2m")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _at_least_one(config: object, *names: str) -> None:
    for name in names:
        _require(getattr(config, name) >= 1, f"{name} is {getattr(config, name)}; wanted at least 1")


def _one_of(config: object, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(config, name)
    _require(value in choices, f"{name} is {value!r}; wanted one of {', '.join(choices)}")


def _gamma_range(config: "DiffusionTrainingConfig | SamplerConfig") -> None:
    _require(config.gamma_low < config.gamma_high,
             f"gamma_low is {config.gamma_low}; wanted less than gamma_high, {config.gamma_high}")  # fmt: skip


@dataclass(frozen=True)
class AutoencoderConfig:
    """The variational autoencoder (1/8 of the resolution)."""

    likelihood: str = "censored"  # or "gaussian", which knows no bounds
    scale: str = "variable"  # the likelihood's s: one learned number a variable, or predicted for each "cell"
    latent_channels: int = 16
    widths: tuple[int, ...] = (32, 64, 128)  # at 1/2, 1/4, 1/8 of the resolution
    blocks: tuple[int, ...] = (1, 2, 2)  # residual blocks at each
    initial_scale: float = 0.1  # first guess of the likelihood's s, in standard deviations
    latent_noise: float = 0.0  # most noise that the decoder learns to bear, over the deviation of the latents

    def __post_init__(self) -> None:
        _one_of(self, "likelihood", LIKELIHOODS)
        _one_of(self, "scale", SCALES)
        _at_least_one(self, "latent_channels")
        _require(self.initial_scale > 0, f"initial_scale is {self.initial_scale}; wanted more than 0")
        _require(self.latent_noise >= 0, f"latent_noise is {self.latent_noise}; wanted at least 0")
        for name in ("widths", "blocks"):
            _require(len(getattr(self, name)) == 3, f"{name} has {len(getattr(self, name))} entries; wanted 3")


@dataclass(frozen=True)
class DenoiserConfig:
    """The U-ViT: convolutional levels, each half as fine as the one before, and a transformer on the coarsest."""

    widths: tuple[int, ...] = (64, 128, 256)  # at 1, 1/2, 1/4, ... of the grid
    blocks: tuple[int, ...] = (2, 2, 6)  # the last counts transformer blocks
    embedding: int = 256
    position_channels: int = 8
    eofs: int = 8  # leading EOFs of the training states whose coefficients the network sees and predicts
    heads: int = 8
    dropout: float = 0.1

    def __post_init__(self) -> None:
        _at_least_one(self, "embedding", "heads")
        _require(0 <= self.dropout < 1, f"dropout is {self.dropout}; wanted 0 to below 1")
        _require(self.eofs >= 0, f"eofs is {self.eofs}; wanted at least 0")
        levels = len(self.widths)
        _require(levels >= 2, f"widths has {levels} entries; wanted at least 2")
        _require(len(self.blocks) == levels, f"blocks has {len(self.blocks)} entries; wanted {levels}, as widths has")
        _require(self.widths[-1] % self.heads == 0, f"width {self.widths[-1]} is not a multiple of {self.heads} heads")


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

    def __post_init__(self) -> None:
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

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.crop % 8 == 0 and self.crop > 0, f"crop is {self.crop}; wanted a positive multiple of 8")


@dataclass(frozen=True)
class DiffusionTrainingConfig(TrainingConfig):
    """Training of the diffusion model.

    The weight of the squared error of v at log-SNR gamma is sech((gamma - weight_centre) / (2 weight_width)); centre 0
    and width 1 are the weight exp(-gamma/2) on the error of eps (Kingma and Gao 2023).
    """

    weight_centre: float = 0.0
    weight_width: float = 1.0
    gamma_low: float = -20.0
    gamma_high: float = 20.0
    density_decay: float = 0.999  # of the running errors that the density of gamma follows
    condition_dropout: float = 0.1  # share of the cases trained without condition
    year_jitter: float = 2.0  # years; against memorising one state per date
    day_jitter: float = 3.0  # days

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(0 <= self.density_decay < 1, f"density_decay is {self.density_decay}; wanted 0 to below 1")
        _require(self.weight_width > 0, f"weight_width is {self.weight_width}; wanted more than 0")
        _require(0 <= self.condition_dropout <= 1, f"condition_dropout is {self.condition_dropout}; wanted 0 to 1")
        _gamma_range(self)


@dataclass(frozen=True)
class CalibrationConfig:
    """What export sets in decoding, so that training states come back as they are. No training depends on it."""

    gain: bool = False  # what mu lacks in a cell all the time, in proportion to it, is added
    zeros_kept: float = 0.0  # share of the training states' cells at their lower bound that decoding is made to keep
    ones_matched: bool = False  # decoding is made to give no more cells at their upper bound than training states have

    def __post_init__(self) -> None:
        _require(0 <= self.zeros_kept < 1, f"zeros_kept is {self.zeros_kept}; wanted 0 to below 1")


@dataclass(frozen=True)
class SamplerConfig:
    """The deterministic sampler: Heun's method, or DPM-Solver++(2M)."""

    name: str = "heun"
    steps: int = 20  # noise levels: 2 * steps - 1 network evaluations with heun, steps with dpmpp_2m
    gamma_low: float = -13.8  # where sampling starts: pure noise (sigma 1000)
    gamma_high: float = 12.0  # the last level before the denoised state
    rho: float = 7.0  # spacing of the levels (Karras et al. 2022)
    latent_noise: float = 0.0  # what the decoder is told of sampled latents, over the deviation of the encoder's

    def __post_init__(self) -> None:
        _one_of(self, "name", SAMPLERS)
        _at_least_one(self, "steps")
        _require(self.rho > 0, f"rho is {self.rho}; wanted more than 0")
        _require(self.latent_noise >= 0, f"latent_noise is {self.latent_noise}; wanted at least 0")
        _gamma_range(self)


@dataclass(frozen=True)
class Config:
    """All that a training needs besides its data."""

    variables: tuple[str, ...] = ("sic", "sit")
    space: str = "latent"  # where diffusion runs; "data" needs no autoencoder
    condition: str = "date"  # year and day of year, or "none"
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    features: AutoencoderConfig = AutoencoderConfig(
        "gaussian", latent_channels=8, widths=(16, 32, 64), blocks=(1, 1, 1)
    )
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    autoencoder_training: AutoencoderTrainingConfig = field(default_factory=AutoencoderTrainingConfig)
    decoder_training: AutoencoderTrainingConfig = AutoencoderTrainingConfig(learning_rate=5e-4, seed=2)
    features_training: AutoencoderTrainingConfig = AutoencoderTrainingConfig(steps=1500, batch=4, seed=1)
    diffusion_training: DiffusionTrainingConfig = field(default_factory=DiffusionTrainingConfig)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)

    def __post_init__(self) -> None:
        _one_of(self, "space", SPACES)
        _one_of(self, "condition", CONDITIONS)
        variables(self.variables)
        _require(self.space == "latent" or self.calibration == CalibrationConfig(),
                 "calibration is given; wanted none where space is data, in which nothing is decoded")  # fmt: skip


def load_config(path: str | Path) -> Config:
    """Read a YAML file. Raises ValueError naming the file and the key that does not fit."""
    try:
        tree = yaml.load(Path(path).read_text(), Loader=_StrictLoader)
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


class _StrictLoader(yaml.SafeLoader):
    """Of a key that stands twice in a mapping, YAML would keep the last value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key} stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def from_dict(cls: type[Settings], tree: Any, where: str = "") -> Settings:
    """Build dataclass ``cls`` from nested dictionaries; ``where`` is the path of keys for messages."""
    _require(isinstance(tree, dict), f"{where or 'the configuration'} is {tree!r}; wanted a mapping")
    hints = typing.get_type_hints(cls)
    unknown = [key for key in tree if key not in hints]
    _require(not unknown, f"unknown key {where}{unknown[0] if unknown else ''}; known: {', '.join(sorted(hints))}")
    return cls(**{key: _convert(hints[key], value, where + key) for key, value in tree.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return from_dict(kind, value, where + ".")
    if isinstance(kind, types.GenericAlias):  # tuple[item, ...]
        _require(isinstance(value, list | tuple), f"{where} is {value!r}; wanted a list")
        return tuple(_convert(typing.get_args(kind)[0], item, where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    _require(type(value) is kind, f"{where} is {value!r}; wanted {kind.__name__}")
    _require(kind is not float or math.isfinite(value), f"{where} is {value!r}; wanted a number with an end")
    return value
