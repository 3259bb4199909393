# SPDX-License-Identifier: MIT
"""Inflation of a denoised latent's departure from the mean of its date; see `docs/equations.md`."""

import torch
import torch.nn.functional as F
from torch import Tensor


def inflated(
    departure: Tensor, mask: Tensor, eofs: Tensor, factors: Tensor, beyond: Tensor, fine: Tensor, least: float
) -> Tensor:
    """What inflation adds to a departure [n, z, y, x].

    mask [1, 1, y, x]: 1 where there is ocean, else 0;  eofs [k, z y x], orthonormal, and their factors [k];
    beyond [z, z]: what is added in each cell for the rest of the departure, after a mean over its neighbours;
    fine [z, z]: what is added for the departure from that mean;  least: departure, the root mean square over channels,
    around which inflation fades out: in open water, departures are the network's errors. 0: inflate everywhere.
    """
    coefficients = departure.flatten(1) @ eofs.t()
    along = ((coefficients * (factors - 1.0)) @ eofs).reshape(departure.shape)
    rest = departure - (coefficients @ eofs).reshape(departure.shape)
    smooth = smoothed(rest, mask)
    added = torch.einsum("nzyx,zk->nkyx", smooth, beyond) + torch.einsum("nzyx,zk->nkyx", rest - smooth, fine)
    change = (along + added) * mask
    if least > 0.0:
        square = smoothed(departure.square().mean(1, keepdim=True), mask).square()
        change = change * (square / (square + least**4))
    return change


def smoothed(field: Tensor, mask: Tensor) -> Tensor:
    """Means over 3 x 3 cells of a field [n, channel, y, x], with the binomial weights 1, 2, 1 times ``mask``."""
    weights = torch.tensor([0.25, 0.5, 0.25], device=field.device)
    kernel = (weights[:, None] * weights)[None, None]
    total = F.conv2d((field * mask).flatten(0, 1)[:, None], kernel, padding=1).reshape(field.shape)
    return total / F.conv2d(mask, kernel, padding=1).clamp(min=1e-6) * mask
