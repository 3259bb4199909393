# SPDX-License-Identifier: MIT
"""The model of an archive as plain PyTorch modules again."""

import dataclasses

import torch

from icegen.archive.archive import Archive
from icegen.archive.assemble import assemble
from icegen.model.analysis import ClimateCovariance
from icegen.model.autoencoder import Autoencoder
from icegen.model.detail import DetailNetwork
from icegen.model.generative_model import GenerativeModel, Normalisation
from icegen.model.history import Band, HistoryNoise
from icegen.model.sampler import SamplerConfig
from icegen.training.checkpoints import make_denoiser, make_detail
from icegen.training.config import Config, from_stored

# Tensors that archives of contract 1 have under other names.
NAMES = {"cells": "ocean_cells", "cut": "zero_threshold", "shoulder": "full_shoulder", "of_ice": "on_ice_only"}


def rebuild(
    archive: Archive, sampler: SamplerConfig | None = None, detail: DetailNetwork | None = None
) -> tuple[GenerativeModel, Config]:
    """The archive's model in evaluation mode, float32, and the configuration it was made with.

    sampler, detail: take the place of the archive's own.
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
        if detail is not None:
            state = {name: tensor for name, tensor in state.items() if not name.startswith("detail.")}
            state |= {f"detail.{name}": tensor for name, tensor in detail.state_dict().items()}
        elif any(name.startswith("detail.") for name in state):
            detail = make_detail(config)
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
            detail=detail,
        )
        if archive.contract == 1:
            state |= {f"history.{name}": tensor for name, tensor in model.history.state_dict().items()}
        else:
            model.history = _history(module.history, archive.metadata["latent"]["shape"], model.detail_channels)
        state["inflation"] = model.inflation  # follows from the configuration
        for name in ("inflation_beyond", "inflation_fine", "open_water"):  # which earlier archives lack
            state.setdefault(name, getattr(model, name))
        if hasattr(module, "covariance") and module.covariance is not None:
            model.covariance = _covariance(module.covariance)
        model.load_state_dict(state)
    except (KeyError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"{archive.path} is of another version of icegen: {reason}") from None
    return model.requires_grad_(False).eval(), config


def _history(module: torch.jit.ScriptModule, shape: list[int], detail_channels: int) -> HistoryNoise:
    """The history noise of an archive. That of a detail which the archive lacks gets one time scale."""
    z, y, x = shape
    scales = [(tuple(days), tuple(shares)) for days, shares in zip(module.scales, module.shares, strict=True)]
    first = module.in_channels
    last = module.in_latent if hasattr(module, "in_latent") else len(scales)
    detail = scales[last:] or [((30.0,), (1.0,))]
    return HistoryNoise(
        (z, y, x),
        module.rotation,
        [Band(size // (y * x), *band) for size, band in zip(module.sizes, scales[:first], strict=False)],
        module.patterns,
        [Band(size, *band) for size, band in zip(module.sizes[first:], scales[first:last], strict=False)],
        [Band(detail_channels, *band) for band in detail] if detail_channels else (),
    )


def _covariance(module: torch.jit.ScriptModule) -> ClimateCovariance:
    """The covariance of an archive that takes observations."""
    tensors = dict(module.state_dict())
    return ClimateCovariance(module.block, module.length, module.window, **tensors)
