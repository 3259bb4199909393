# SPDX-License-Identifier: MIT
"""The model of an archive as plain PyTorch modules again."""

import dataclasses

import torch

from icegen.archive.archive import Archive
from icegen.archive.assemble import assemble
from icegen.model.analysis import ClimateCovariance
from icegen.model.autoencoder import Autoencoder
from icegen.model.generative_model import GenerativeModel, Normalisation
from icegen.model.history import Band, HistoryNoise
from icegen.model.sampler import SamplerConfig
from icegen.training.checkpoints import make_denoiser
from icegen.training.config import Config, from_stored

# Tensors that archives of contract 1 have under other names.
NAMES = {"cells": "ocean_cells", "cut": "zero_threshold", "shoulder": "full_shoulder", "of_ice": "on_ice_only"}


def rebuild(archive: Archive, sampler: SamplerConfig | None = None) -> tuple[GenerativeModel, Config]:
    """The archive's model in evaluation mode, float32, and the configuration it was made with.

    sampler: takes the place of the archive's own.
    An archive of contract 1 gets the history noise of a model before it is fitted, and no constraint on thickness.
    Raises ValueError for an archive whose modules were made by a version of icegen that differs.
    """
    try:
        config = from_stored(archive.metadata["provenance"]["configuration"], archive.path)
        if sampler is not None:
            config = dataclasses.replace(config, sampler=sampler)
        module = archive.module
        state = {NAMES.get(name, name): tensor.contiguous() for name, tensor in module.state_dict().items()}
        autoencoder = Autoencoder(len(archive.variables), config.autoencoder) if config.space == "latent" else None
        features = None
        if any(name.startswith("feature_encoder.") for name in state):
            features = Autoencoder(len(archive.variables), config.features).encoder
        model = assemble(
            config,
            archive.variables,
            autoencoder,
            make_denoiser(config, state["latent_mean"].shape),
            features,
            ocean=state["ocean"],
            normalisation=Normalisation(
                mean=state["mean"][:, 0, 0],
                std=state["std"][:, 0, 0],
                latent_mean=state["latent_mean"],
                latent_std=state["latent_std"],
                year_mean=module.year_mean,
                year_scale=module.year_scale,
            ),
            thickness=archive.thickness,
        )
        if archive.contract == 1:
            state |= {f"history.{name}": tensor for name, tensor in model.history.state_dict().items()}
        else:
            model.history = _history(module.history, archive.metadata["latent"]["shape"])
        state["inflation"] = model.inflation  # follows from the configuration
        if hasattr(module, "covariance") and module.covariance is not None:
            model.covariance = _covariance(module.covariance)
        model.load_state_dict(state)
    except (KeyError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"{archive.path} is of another version of icegen: {reason}") from None
    return model.requires_grad_(False).eval(), config


def _history(module: torch.jit.ScriptModule, shape: list[int]) -> HistoryNoise:
    """The history noise of an archive."""
    z, y, x = shape
    bands = [
        Band(size // (y * x) if i < module.in_channels else size, tuple(scales), tuple(shares))
        for i, (size, scales, shares) in enumerate(zip(module.sizes, module.scales, module.shares, strict=True))
    ]
    channels, patterns = bands[: module.in_channels], bands[module.in_channels :]
    return HistoryNoise((z, y, x), module.rotation, channels, module.patterns, patterns)


def _covariance(module: torch.jit.ScriptModule) -> ClimateCovariance:
    """The covariance of an archive that takes observations."""
    tensors = dict(module.state_dict())
    return ClimateCovariance(module.block, module.length, module.window, **tensors)
