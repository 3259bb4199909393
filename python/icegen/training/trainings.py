# SPDX-License-Identifier: MIT
"""The trainings of an archive: autoencoder, its decoder alone, the features of scores, diffusion, detail."""

from pathlib import Path

import lightning_fabric
import torch
from torch import nn

from icegen.data.prepared_file import PreparedData
from icegen.model.autoencoder import Autoencoder, IdentityEncoder
from icegen.model.generative_model import GenerativeModel
from icegen.training.checkpoints import (
    AUTOENCODER_FILE,
    DECODER_FILE,
    DETAIL_FILE,
    DIFFUSION_FILE,
    FEATURES_FILE,
    fingerprint,
    fingerprint_of_autoencoder,
    load_autoencoder,
)
from icegen.training.config import Config, TrainingConfig, from_stored
from icegen.training.detail_task import DetailTask
from icegen.training.latents import encode
from icegen.training.loop import train
from icegen.training.run import Run
from icegen.training.share import Share
from icegen.training.start import start_from
from icegen.training.tasks import AutoencoderTask, DiffusionTask, year_normalisation


def train_autoencoder(config: Config, data: PreparedData, run: Run, start: GenerativeModel | None = None) -> Path:
    """Train the autoencoder. Returns the checkpoint's path.

    start: a model of an archive whose autoencoder the training starts from, see `icegen.training.start`.
    """
    return _train_autoencoder(config, "autoencoder", data, run, AUTOENCODER_FILE, start=start)


def train_features(config: Config, data: PreparedData, run: Run) -> Path:
    """Train the small autoencoder whose latents serve as features of scores. Returns the checkpoint's path."""
    return _train_autoencoder(config, "features", data, run, FEATURES_FILE)


def train_decoder(config: Config, data: PreparedData, run: Run) -> Path:
    """Train the decoder of the folder's autoencoder further. Its encoder, and with it the latents, stay as they are.

    Returns the checkpoint's path.
    """
    autoencoder, checkpoint = load_autoencoder(run.folder, further=False)
    path = run.folder / AUTOENCODER_FILE
    seen = from_stored(checkpoint["config"], path).autoencoder
    if seen != config.autoencoder:
        raise ValueError(f"{path} was trained with another autoencoder: {seen}; wanted {config.autoencoder}")
    return _train_autoencoder(config, "autoencoder", data, run, DECODER_FILE, autoencoder)


def _train_autoencoder(
    config: Config,
    part: str,
    data: PreparedData,
    run: Run,
    name: str,
    trained: Autoencoder | None = None,
    start: GenerativeModel | None = None,
) -> Path:
    """Train the autoencoder of a part of the configuration, or only the decoder of one that is already trained."""
    settings = config.decoder_training if trained else getattr(config, f"{part}_training")
    _require_variables(config, data)
    _require_crop(settings.crop, data)
    fabric = run.fabric(settings.precision)
    share = _share(fabric, settings)
    torch.manual_seed(settings.seed)
    task = AutoencoderTask(getattr(config, part), settings, data, share)
    origin = _origin_of(data) | {"start": ""}
    if trained:
        task.model.load_state_dict(trained.state_dict())
        task.model.encoder.requires_grad_(False)
        origin["encoder"] = fingerprint(trained.encoder)
    if start:
        start_from(task.model.encoder, start.encoder)
        start_from(task.model.decoder, start.decoder)
        origin["start"] = fingerprint_of_autoencoder(start)
    same_parts = ("variables", part)
    return train(fabric, task, settings, config, run, name, same_parts, origin, fast_parameter=task.model.decoder.log_s)


def train_diffusion(config: Config, data: PreparedData, run: Run, start: GenerativeModel | None = None) -> Path:
    """Train the diffusion model, on the latents of the folder's autoencoder or in data space.

    start: a model of an archive whose denoiser the training starts from, see `icegen.training.start`.
    Returns the checkpoint's path.
    """
    settings = config.diffusion_training
    _require_variables(config, data)
    encoder: nn.Module = IdentityEncoder()
    encoder_fingerprint = ""
    if config.space == "latent":
        encoder = load_autoencoder(run.folder)[0].encoder
        encoder_fingerprint = fingerprint(encoder)
    fabric = run.fabric(settings.precision)
    share = _share(fabric, settings)
    latents = encode(encoder, data, run.folder, fabric.device, share)
    torch.manual_seed(settings.seed)
    task = DiffusionTask(config, data, latents, share)
    years = data.year[data.training]
    origin = _origin_of(data) | {
        "start": fingerprint(start.denoiser) if start else "",
        "autoencoder": encoder_fingerprint,
        "latent_mean": latents.mean,
        "latent_std": latents.std,
        "year": [*year_normalisation(data), int(years.min()), int(years.max())],
    }
    if start:
        start_from(task.model, start.denoiser)
    same_parts = ("variables", "space", "condition", "averaging", "denoiser")
    further = settings.ema_further
    return train(fabric, task, settings, config, run, DIFFUSION_FILE, same_parts, origin, further_decays=further)


def train_detail(config: Config, model: GenerativeModel, data: PreparedData, run: Run) -> Path:
    """Train the detail network of a finished model, which does not change. Returns the checkpoint's path.

    model: of an archive with the configuration's sampler, in evaluation mode. Of the rest of the configuration, only
        ``detail`` and its training count.
    """
    settings = config.detail_training
    _require_variables(config, data)
    _require_crop(settings.crop, data)
    fabric = run.fabric(settings.precision)
    share = _share(fabric, settings)
    torch.manual_seed(settings.seed)
    task = DetailTask(config, model.to(fabric.device), data, run.folder, share)
    origin = _origin_of(data) | {"autoencoder": fingerprint_of_autoencoder(model)}
    return train(fabric, task, settings, config, run, DETAIL_FILE, ("variables", "detail"), origin)


def _share(fabric: lightning_fabric.Fabric, settings: TrainingConfig) -> Share:
    """This rank's share. Raises ValueError unless the batch is shared evenly."""
    if settings.batch % fabric.world_size:
        raise ValueError(
            f"batch is {settings.batch}; wanted a multiple of the {fabric.world_size} devices that share it"
        )
    return Share(fabric.global_rank, fabric.world_size, fabric.device)


def _origin_of(data: PreparedData) -> dict:
    """What a checkpoint says of its data."""
    return {"data_sha256": data.sha256, "normalisation": {"mean": data.mean.tolist(), "std": data.std.tolist()}}


def _require_crop(crop: int, data: PreparedData) -> None:
    """Raise ValueError unless crops fit into the grid."""
    if crop > min(data.grid.shape):
        raise ValueError(f"crop is {crop}; wanted at most the grid's {' x '.join(map(str, data.grid.shape))}")


def _require_variables(config: Config, data: PreparedData) -> None:
    """Raise ValueError unless the data hold the configuration's variables in the same order."""
    ids = tuple(v.id for v in data.variables)
    if ids != config.variables:
        raise ValueError(f"the data hold {', '.join(ids)}; the configuration wants {', '.join(config.variables)}")
