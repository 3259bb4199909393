# SPDX-License-Identifier: MIT
"""The settings of a training. `icegen.training.config_file` reads them from YAML."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeFloat
from pydantic.dataclasses import dataclass

from icegen.data.variables import variables
from icegen.model.autoencoder import AutoencoderConfig
from icegen.model.denoiser import DenoiserConfig
from icegen.model.detail import DetailConfig
from icegen.model.sampler import SamplerConfig
from icegen.settings import STRICT, from_dict, require_increasing_gamma
from icegen.training.calibration import CalibrationConfig
from icegen.training.covariance import ObservationsConfig
from icegen.training.history import HistoryConfig

# Settings that icegen no longer has, with the value at which they changed nothing. Any value did, where it is None.
RETIRED = {("denoiser", "filtered_eofs"): 0, ("detail", "noise_channels"): None, ("detail_training", "crops"): None}


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    """One training run, of an autoencoder or of the diffusion model."""

    steps: int = Field(default=5000, ge=1, description="optimiser steps")
    batch: int = Field(default=8, ge=1, description="crops or states of a step, on all devices together")
    learning_rate: float = Field(default=1e-3, gt=0, description="largest learning rate of AdamW, after the warm-up")
    warmup: int = Field(default=100, ge=1, description="steps of linear warm-up before the cosine decay")
    weight_decay: float = Field(default=0.01, ge=0, description="decoupled weight decay of AdamW")
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    ema_decay: float = Field(default=0.999, ge=0, lt=1, description="decay of the averaged weights, for each step")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field(
        default="bf16-mixed", description="number format of the training, as Lightning Fabric names it"
    )
    checkpoint_every: int = Field(default=250, ge=1, description="steps between checkpoints")
    seed: int = Field(default=0, ge=0, lt=2**31, description="key of all randomness of the training")


@dataclass(frozen=True, config=STRICT)
class AutoencoderTrainingConfig(TrainingConfig):
    """Training of an autoencoder on crops."""

    crop: int = Field(default=256, gt=0, multiple_of=8, description="edge of the training crops, cells")
    kl_weight: float = Field(default=1e-3, ge=0, description="beta: weight of the KL divergence in the loss")


@dataclass(frozen=True, config=STRICT)
class DiffusionTrainingConfig(TrainingConfig):
    """Training of the diffusion model.

    The weight of the squared error of v at log-SNR gamma is sech((gamma - weight_centre) / (2 weight_width)); centre 0
    and width 1 are the weight exp(-gamma/2) on the error of eps (Kingma and Gao 2023).
    """

    weight_centre: float = Field(default=0.0, description="log-SNR at which the weight of the loss is largest")
    weight_width: float = Field(default=1.0, gt=0, description="width of that weight, in log-SNR")
    gamma_low: float = Field(default=-20.0, description="lowest log-SNR of training")
    gamma_high: float = Field(default=20.0, description="highest log-SNR of training")
    density_decay: float = Field(
        default=0.999, ge=0, lt=1, description="decay of the running errors that the density of the log-SNR follows"
    )
    condition_dropout: float = Field(
        default=0.1, ge=0, le=1, description="share of the cases trained without date, for unconditional samples"
    )
    year_jitter: float = Field(
        default=2.0, ge=0, description="standard deviation of noise on the year, years; keeps the network from "
        "memorising one state for each date",
    )  # fmt: skip
    ema_further: tuple[float, ...] = Field(
        default=(), description="decays of further averaged weights, of which `icegen export --ema` takes one"
    )
    day_jitter: float = Field(default=3.0, ge=0, description="standard deviation of noise on the day of year, days")

    def __post_init__(self) -> None:
        require_increasing_gamma(self.gamma_low, self.gamma_high)


@dataclass(frozen=True, config=STRICT)
class DetailTrainingConfig(TrainingConfig):
    """Training of the detail network on crops."""

    crop: int = Field(default=128, gt=0, multiple_of=8, description="edge of the training crops, cells")


@dataclass(frozen=True, config=STRICT)
class Config:
    """All that a training needs besides its data."""

    variables: tuple[str, ...] = Field(default=("sic", "sit"), description="ids of the variables, in their order")
    space: Literal["latent", "data"] = Field(
        default="latent", description="where diffusion runs; data: on the variables themselves, without autoencoder"
    )
    condition: Literal["date", "none"] = Field(
        default="date", description="what the model is conditioned on; date: year and day of year"
    )
    averaging: NonNegativeFloat = Field(
        default=0.0,
        description="days that generated states are means over, if the data hold means over several times, such as "
        "days and months, and the diffusion model shall tell them apart. 0: it shall not",
    )
    autoencoder: AutoencoderConfig = Field(default_factory=AutoencoderConfig)
    features: AutoencoderConfig = Field(
        default=AutoencoderConfig("gaussian", latent_channels=8, widths=(16, 32, 64), blocks=(1, 1, 1)),
        description="a small autoencoder whose latents serve as features of the scores",
    )
    denoiser: DenoiserConfig = Field(default_factory=DenoiserConfig)
    detail: DetailConfig = Field(default_factory=DetailConfig)
    autoencoder_training: AutoencoderTrainingConfig = Field(default_factory=AutoencoderTrainingConfig)
    decoder_training: AutoencoderTrainingConfig = AutoencoderTrainingConfig(learning_rate=5e-4, seed=2)
    features_training: AutoencoderTrainingConfig = AutoencoderTrainingConfig(steps=1500, batch=4, seed=1)
    diffusion_training: DiffusionTrainingConfig = Field(default_factory=DiffusionTrainingConfig)
    detail_training: DetailTrainingConfig = Field(default_factory=DetailTrainingConfig)
    calibration: CalibrationConfig = Field(default_factory=CalibrationConfig)
    history: HistoryConfig = Field(default_factory=HistoryConfig)
    observations: ObservationsConfig = Field(default_factory=ObservationsConfig)
    sampler: SamplerConfig = Field(default_factory=SamplerConfig)

    def __post_init__(self) -> None:
        variables(self.variables)  # raises ValueError for an unknown id
        for name in ("inflation_beyond", "inflation_fine"):
            factors = getattr(self.sampler, name)
            if len(factors) not in (0, len(self.variables)):
                raise ValueError(
                    f"sampler.{name} has {len(factors)} factors; wanted one for each of the {len(self.variables)} "
                    "variables, or none"
                )
        if self.space == "data" and self.calibration != CalibrationConfig():
            raise ValueError("calibration is given; wanted none where space is data, in which nothing is decoded")


def from_stored(tree: dict[str, Any], path: str | Path) -> Config:
    """The configuration in the checkpoint or archive ``path``, which may be of an earlier version.

    Settings that did not exist then get their defaults. Raises ValueError for a setting that no longer exists, unless
    it has the value at which it changed nothing.
    """
    known = dict(tree)
    try:
        for (part, key), neutral in RETIRED.items():
            if key in known.get(part, {}):
                known[part] = {name: value for name, value in known[part].items() if name != key}
                if neutral is not None and tree[part][key] != neutral:
                    raise ValueError(f"{part}.{key} is {tree[part][key]!r}; wanted {neutral!r}, "
                                     "since this version no longer has that setting")  # fmt: skip
        return from_dict(Config, known)
    except ValueError as error:
        raise ValueError(f"{path} is of another version of icegen: {error}") from None
