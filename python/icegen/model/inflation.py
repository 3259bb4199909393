# SPDX-License-Identifier: MIT
"""Inflation of a denoised latent's departure from the mean of its date; see `docs/equations.md`."""

import torch
import torch.nn.functional as F
from torch import Tensor


def inflated(departure: Tensor, mask: Tensor, eofs: Tensor, factors: Tensor, beyond: Tensor, fine: Tensor) -> Tensor:
    """What inflation adds to a departure [n, z, y, x].

    mask [1, 1, y, x]: 1 where there is ocean, else 0;  eofs [k, z y x], orthonormal, and their factors [k];
    beyond [z, z]: what is added in each cell for the rest of the departure, after a mean over its neighbours;
    fine [z, z]: what is added for the departure from that mean.
    """
    coefficients = departure.flatten(1) @ eofs.t()
    along = ((coefficients * (factors - 1.0)) @ eofs).reshape(departure.shape)
    rest = departure - (coefficients @ eofs).reshape(departure.shape)
    smooth = smoothed(rest, mask)
    added = torch.einsum("nzyx,zk->nkyx", smooth, beyond) + torch.einsum("nzyx,zk->nkyx", rest - smooth, fine)
    return (along + added) * mask


def presence(latent: Tensor, open_water: Tensor, distance: float) -> Tensor:
    """How much ice latents [n, z, y, x] hold, [n, 1, y, x]: none in open water [z, y, x], 1/2 at a distance, then 1.

    The distance of two latents is the root mean square over their channels.
    """
    fourth = (latent - open_water).square().mean(1, keepdim=True).square()
    return fourth / (fourth + distance**4)


def smoothed(field: Tensor, mask: Tensor) -> Tensor:
    """Means over 3 x 3 cells of a field [n, channel, y, x], with the binomial weights 1, 2, 1 times ``mask``."""
    weights = torch.tensor([0.25, 0.5, 0.25], device=field.device)
    kernel = (weights[:, None] * weights)[None, None]
    total = F.conv2d((field * mask).flatten(0, 1)[:, None], kernel, padding=1).reshape(field.shape)
    return total / F.conv2d(mask, kernel, padding=1).clamp(min=1e-6) * mask
