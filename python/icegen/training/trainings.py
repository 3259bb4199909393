# SPDX-License-Identifier: MIT
"""The trainings of an archive: the autoencoder, its decoder alone, the feature encoder of the scores, the diffusion."""

from pathlib import Path

import torch
from torch import nn

from icegen.data.prepared_file import PreparedData
from icegen.model.autoencoder import Autoencoder, IdentityEncoder
from icegen.training.checkpoints import (
    AUTOENCODER_FILE,
    DECODER_FILE,
    DIFFUSION_FILE,
    FEATURES_FILE,
    fingerprint,
    load_autoencoder,
)
from icegen.training.config import Config, from_stored
from icegen.training.loop import train
from icegen.training.run import Run
from icegen.training.tasks import AutoencoderTask, DiffusionTask, standardised_states, year_normalisation


def train_autoencoder(config: Config, data: PreparedData, run: Run) -> Path:
    """Train the autoencoder. Returns the checkpoint's path."""
    return _train_autoencoder(config, "autoencoder", data, run, AUTOENCODER_FILE)


def train_features(config: Config, data: PreparedData, run: Run) -> Path:
    """Train the small autoencoder whose latents serve as features of scores. Returns the checkpoint's path."""
    return _train_autoencoder(config, "features", data, run, FEATURES_FILE)


def train_decoder(config: Config, data: PreparedData, run: Run) -> Path:
    """Train the decoder of the folder's autoencoder further, whose encoder stays as it is, and with it the latents.

    Returns the checkpoint's path.
    """
    autoencoder, checkpoint = load_autoencoder(run.folder, further=False)
    trained = from_stored(checkpoint["config"], run.folder / AUTOENCODER_FILE).autoencoder
    if trained != config.autoencoder:
        raise ValueError(f"{run.folder / AUTOENCODER_FILE} was trained with another autoencoder: {trained}; "
                         f"wanted {config.autoencoder}")  # fmt: skip
    return _train_autoencoder(config, "autoencoder", data, run, DECODER_FILE, autoencoder)


def _train_autoencoder(
    config: Config, part: str, data: PreparedData, run: Run, name: str, begun: Autoencoder | None = None
) -> Path:
    """Train an autoencoder, or the decoder of one that is ``begun``."""
    c = config.decoder_training if begun else getattr(config, f"{part}_training")
    _require_variables(config, data)
    if c.crop > min(data.grid.shape):
        raise ValueError(f"crop is {c.crop}; the grid has only {data.grid.shape} cells")
    fabric = run.fabric(c.precision)
    torch.manual_seed(c.seed)
    task = AutoencoderTask(getattr(config, part), c, data)
    extra: dict = {"normalisation": {"mean": data.mean.tolist(), "std": data.std.tolist()}}
    if begun:
        task.model.load_state_dict(begun.state_dict())
        task.model.encoder.requires_grad_(False)
        extra["encoder"] = fingerprint(begun.encoder)
    same = ("variables", part)
    return train(fabric, task, c, config, run, name, same, extra, learn_faster=task.model.decoder.log_s)


def train_diffusion(config: Config, data: PreparedData, run: Run) -> Path:
    """Train the diffusion model, on the latents of the folder's autoencoder or in data space.

    Returns the checkpoint's path.
    """
    c = config.diffusion_training
    _require_variables(config, data)
    encoder: nn.Module = IdentityEncoder()
    trained = ""
    if config.space == "latent":
        autoencoder, _ = load_autoencoder(run.folder)
        encoder, trained = autoencoder.encoder, fingerprint(autoencoder.encoder)
    fabric = run.fabric(c.precision)
    states, mean, std = standardised_states(encoder, data, fabric.device)
    torch.manual_seed(c.seed)
    task = DiffusionTask(config, data, states)
    years = data.year[data.training]
    extra = {
        "autoencoder": trained,
        "normalisation": {"mean": data.mean.tolist(), "std": data.std.tolist()},
        "latent_mean": mean,
        "latent_std": std,
        "year": [*year_normalisation(data), int(years.min()), int(years.max())],
    }
    same = ("variables", "space", "condition", "denoiser")
    return train(fabric, task, c, config, run, DIFFUSION_FILE, same, extra)


def _require_variables(config: Config, data: PreparedData) -> None:
    ids = tuple(v.id for v in data.variables)
    if ids != config.variables:
        raise ValueError(f"the configuration wants {', '.join(config.variables)}; the data hold {', '.join(ids)}")
