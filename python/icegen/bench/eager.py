# SPDX-License-Identifier: MIT
"""An archive's modules as a researcher would run them: plain PyTorch, float32, its default layout."""

import dataclasses

from torch import nn

from icegen.archive import Archive
from icegen.autoencoder import Autoencoder, IdentityDecoder, IdentityEncoder
from icegen.checkpoints import make_denoiser
from icegen.config import Config, from_dict
from icegen.emulator import Emulator


def eager(archive: Archive, sampler: str = "heun") -> Emulator:
    """The archive's modules as plain PyTorch in its default layout, with one of the samplers.

    Raises ValueError for an archive that another icegen's modules made.
    """
    try:
        config = from_dict(Config, archive.metadata["provenance"]["configuration"])
        state = archive.module.state_dict()
        encoder: nn.Module = IdentityEncoder()
        decoder: nn.Module = IdentityDecoder()
        if config.space == "latent":
            autoencoder = Autoencoder(len(archive.variables), config.autoencoder)
            encoder, decoder = autoencoder.encoder, autoencoder.decoder
        features = None
        if any(name.startswith("feature_encoder.") for name in state):
            features = Autoencoder(len(archive.variables), config.features).encoder
        emulator = Emulator(
            encoder=encoder,
            decoder=decoder,
            denoiser=make_denoiser(config, state["latent_mean"].shape),
            feature_encoder=features,
            ocean=state["ocean"],
            **{name: state[name][:, 0, 0] for name in ("mean", "std", "lower", "upper", "cut", "shoulder")},
            gain=state["gain"],
            concentration=archive.module.concentration,
            of_ice=state["of_ice"][:, 0, 0],
            latent_mean=state["latent_mean"],
            latent_std=state["latent_std"],
            conditional=archive.module.conditional,
            year_mean=archive.module.year_mean,
            year_scale=archive.module.year_scale,
            sampler=dataclasses.replace(config.sampler, name=sampler),
        )
        emulator.load_state_dict({name: tensor.contiguous() for name, tensor in state.items()})
    except (KeyError, AttributeError, RuntimeError, ValueError) as error:
        raise ValueError(f"{archive.path} is of another icegen: {' '.join(str(error).split())[:120]}") from None
    return emulator.eval()
