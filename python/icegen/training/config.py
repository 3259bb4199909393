# SPDX-License-Identifier: MIT
"""The settings of a training, read from YAML."""

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from icegen.data.variables import variables
from icegen.model.autoencoder import AutoencoderConfig
from icegen.model.denoiser import DenoiserConfig
from icegen.model.sampler import SamplerConfig
from icegen.settings import at_least_one, from_dict, increasing_gamma, one_of, require
from icegen.training.calibration import CalibrationConfig

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")  # of Lightning Fabric
SPACES = ("latent", "data")
CONDITIONS = ("date", "none")


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
        at_least_one(self, "steps", "batch", "warmup", "checkpoint_every")
        for name in ("learning_rate", "clip"):
            require(getattr(self, name) > 0, f"{name} is {getattr(self, name)}; wanted more than 0")
        require(0 <= self.ema_decay < 1, f"ema_decay is {self.ema_decay}; wanted 0 to below 1")
        wanted = ", ".join(PRECISIONS)
        require(self.precision in PRECISIONS, f"precision is {self.precision!r}; wanted one of {wanted}")


@dataclass(frozen=True)
class AutoencoderTrainingConfig(TrainingConfig):
    """Training of the autoencoder on crops."""

    crop: int = 256  # edge of the training crops, cells; a multiple of 8
    kl_weight: float = 1e-3  # beta

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.crop % 8 == 0 and self.crop > 0, f"crop is {self.crop}; wanted a positive multiple of 8")


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
        require(0 <= self.density_decay < 1, f"density_decay is {self.density_decay}; wanted 0 to below 1")
        require(self.weight_width > 0, f"weight_width is {self.weight_width}; wanted more than 0")
        require(0 <= self.condition_dropout <= 1, f"condition_dropout is {self.condition_dropout}; wanted 0 to 1")
        increasing_gamma(self)


@dataclass(frozen=True)
class Config:
    """All that a training needs besides its data."""

    variables: tuple[str, ...] = ("sic", "sit")
    space: str = "latent"  # where diffusion runs; "data" needs no autoencoder
    condition: str = "date"  # year and day of year, or "none"
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    features: AutoencoderConfig = field(
        default_factory=lambda: AutoencoderConfig("gaussian", latent_channels=8, widths=(16, 32, 64), blocks=(1, 1, 1))
    )
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    autoencoder_training: AutoencoderTrainingConfig = field(default_factory=AutoencoderTrainingConfig)
    decoder_training: AutoencoderTrainingConfig = AutoencoderTrainingConfig(learning_rate=5e-4, seed=2)
    features_training: AutoencoderTrainingConfig = AutoencoderTrainingConfig(steps=1500, batch=4, seed=1)
    diffusion_training: DiffusionTrainingConfig = field(default_factory=DiffusionTrainingConfig)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)

    def __post_init__(self) -> None:
        one_of(self, "space", SPACES)
        one_of(self, "condition", CONDITIONS)
        variables(self.variables)
        require(self.space == "latent" or self.calibration == CalibrationConfig(),
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
