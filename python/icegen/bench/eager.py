# SPDX-License-Identifier: MIT
"""An archive's model as plain PyTorch: float32, in the default memory layout."""

import dataclasses

from torch import nn

from icegen.archive import Archive
from icegen.model.autoencoder import Autoencoder, IdentityDecoder, IdentityEncoder
from icegen.model.generative_model import Constraints, GenerativeModel, Normalisation
from icegen.model.sampler import SamplerName
from icegen.training.checkpoints import make_denoiser
from icegen.training.config import from_stored


def eager(archive: Archive, sampler: SamplerName = "heun") -> GenerativeModel:
    """The archive's model as plain PyTorch in the default memory layout, with one of the samplers.

    Raises ValueError for an archive of a version of icegen with other modules.
    """
    try:
        config = from_stored(archive.metadata["provenance"]["configuration"], archive.path)
        state = archive.module.state_dict()
        encoder: nn.Module = IdentityEncoder()
        decoder: nn.Module = IdentityDecoder()
        if config.space == "latent":
            autoencoder = Autoencoder(len(archive.variables), config.autoencoder)
            encoder, decoder = autoencoder.encoder, autoencoder.decoder
        features = None
        if any(name.startswith("feature_encoder.") for name in state):
            features = Autoencoder(len(archive.variables), config.features).encoder
        model = GenerativeModel(
            encoder=encoder,
            decoder=decoder,
            denoiser=make_denoiser(config, state["latent_mean"].shape),
            feature_encoder=features,
            ocean=state["ocean"],
            normalisation=Normalisation(
                mean=state["mean"][:, 0, 0],
                std=state["std"][:, 0, 0],
                latent_mean=state["latent_mean"],
                latent_std=state["latent_std"],
                year_mean=archive.module.year_mean,
                year_scale=archive.module.year_scale,
            ),
            constraints=Constraints(
                lower=state["lower"][:, 0, 0],
                upper=state["upper"][:, 0, 0],
                concentration=archive.module.concentration,
                of_ice=state["of_ice"][:, 0, 0],
            ),
            conditional=archive.module.conditional,
            sampler=dataclasses.replace(config.sampler, name=sampler),
        )
        model.load_state_dict({name: tensor.contiguous() for name, tensor in state.items()})
    except (KeyError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"{archive.path} is of another version of icegen: {reason}") from None
    return model.eval()
