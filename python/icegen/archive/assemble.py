# SPDX-License-Identifier: MIT
"""The one place where networks, variables and configuration become a generative model."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from icegen.data.consistency import ThicknessRange
from icegen.data.variables import Variable
from icegen.model.autoencoder import Autoencoder, IdentityDecoder, IdentityEncoder
from icegen.model.denoiser import UViT
from icegen.model.detail import DetailNetwork
from icegen.model.generative_model import Constraints, GenerativeModel, Normalisation
from icegen.training.config import Config


def assemble(
    config: Config,
    variables: Sequence[Variable],
    autoencoder: Autoencoder | None,
    denoiser: UViT,
    feature_encoder: nn.Module | None,
    ocean: Tensor,
    normalisation: Normalisation,
    thickness: ThicknessRange | None,
    detail: DetailNetwork | None = None,
) -> GenerativeModel:
    """The model of some networks, before its calibration and history are fitted.

    autoencoder: None for diffusion in data space;  ocean: float32 [1, 1, y, x];
    thickness: range of thickness over concentration, None without both variables.
    """
    ids = [v.id for v in variables]
    return GenerativeModel(
        encoder=autoencoder.encoder if autoencoder else IdentityEncoder(),
        decoder=autoencoder.decoder if autoencoder else IdentityDecoder(),
        denoiser=denoiser,
        feature_encoder=feature_encoder,
        ocean=ocean,
        normalisation=normalisation,
        constraints=Constraints(
            lower=torch.tensor([-math.inf if v.lower is None else float(v.lower) for v in variables]),
            upper=torch.tensor([math.inf if v.upper is None else float(v.upper) for v in variables]),
            concentration=ids.index("sic") if "sic" in ids else -1,
            on_ice_only=torch.tensor([float(v.on_ice_only) for v in variables]),
            **thickness_constraint(variables, thickness),
        ),
        conditional=config.condition == "date",
        sampler=config.sampler,
        detail=detail,
        averaging=config.averaging,
    )


def thickness_constraint(variables: Sequence[Variable], thickness: ThicknessRange | None) -> dict[str, Any]:
    """The arguments of `Constraints` that tie thickness to concentration; none without a range."""
    if thickness is None:
        return {}
    index = [v.id for v in variables].index("sit")
    return {"thickness": index, "thinnest": thickness.thinnest, "thickest": thickness.thickest}
