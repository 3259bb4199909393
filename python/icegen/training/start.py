# SPDX-License-Identifier: MIT
"""Weights that a training starts from: those of an archive, whose networks may have fewer latents and inputs.

Some parameters consist of parts, see `icegen.model.layers.Parts`. Each part of the archive's fills the beginning of the
network's own. What the network has besides starts as if there were no archive: inputs with the weight zero, so that
they change nothing at first, and outputs as the network was made.
"""

import torch
from torch import Tensor, nn

from icegen.model.autoencoder import Decoder, Encoder
from icegen.model.denoiser import UViT
from icegen.model.layers import Parts


@torch.no_grad()
def start_from(network: Encoder | Decoder | UViT, trained: nn.Module) -> None:
    """Give a network the trainable parameters of a trained one.

    Raises ValueError if the trained one has other layers, or more of anything than the network.
    """
    if (
        not isinstance(trained, type(network))
        or dict(network.named_parameters()).keys() != dict(trained.named_parameters()).keys()
    ):
        raise ValueError("the archive's network has other layers than the configuration's; wanted the same")
    parts, trained_parts = network.parts(), trained.parts()
    for (name, parameter), old in zip(network.named_parameters(), trained.parameters(), strict=True):
        if parameter.requires_grad:
            _fill(parameter, old.float(), name, parts, trained_parts)


def _fill(parameter: Tensor, old: Tensor, name: str, parts: Parts, trained_parts: Parts) -> None:
    if name not in parts:
        if parameter.shape != old.shape:
            raise ValueError(f"{name} of the archive has the shape {tuple(old.shape)}; wanted {tuple(parameter.shape)}")
        parameter.copy_(old)
        return
    dim, sizes = parts[name]
    trained_sizes = trained_parts[name][1]
    rest, trained_rest = (t.select(dim, 0).shape for t in (parameter, old))
    if rest != trained_rest or any(b > a for a, b in zip(sizes, trained_sizes, strict=True)):
        raise ValueError(
            f"{name} of the archive has the shape {tuple(old.shape)}; wanted at most {tuple(parameter.shape)}"
        )
    if dim == 1:
        parameter.zero_()
    first = trained_first = 0
    for size, trained_size in zip(sizes, trained_sizes, strict=True):
        parameter.narrow(dim, first, trained_size).copy_(old.narrow(dim, trained_first, trained_size))
        first, trained_first = first + size, trained_first + trained_size
