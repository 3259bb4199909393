# SPDX-License-Identifier: MIT
"""Empirical orthogonal functions of training states, and the linear denoiser along them."""

import torch
from torch import Tensor


def leading_eofs(states: Tensor, count: int, most_states: int = 2000) -> tuple[Tensor, Tensor]:
    """Orthonormal EOFs [count, values] of states [time, ...], and their variances [count], largest first.

    Of long records evenly spread ``most_states`` are taken. Raises ValueError if there are fewer states than EOFs.
    """
    if len(states) < count:
        raise ValueError(f"eofs is {count}; wanted at most the number of training states, {len(states)}")
    x = states[:: -(-len(states) // most_states)].flatten(1).double()
    variance, vectors = torch.linalg.eigh(x @ x.t() / len(x))  # ascending
    variance, vectors = variance.flip(0)[:count], vectors.flip(1)[:, :count]
    eofs = vectors.t() @ x
    eofs = eofs / torch.linalg.vector_norm(eofs, dim=1, keepdim=True).clamp(min=1e-12)
    return eofs.float(), variance.clamp(min=0.0).float()


def wiener(z: Tensor, gamma: Tensor, eofs: Tensor, variance: Tensor) -> Tensor:
    """The Wiener filter along EOFs: x and v of least squared error that are linear in z = alpha x + sigma eps.

    z [n, channel, y, x]: noisy state;  gamma [n]: log-SNR;  eofs [k, channel y x] orthonormal, of states with mean
    zero;  variance [k]: lambda of the states along them.  With c = <z, eof>, each x is alpha lambda / (alpha^2 lambda +
    sigma^2) c and v = (alpha c - x) / sigma is alpha sigma (1 - lambda) / (alpha^2 lambda + sigma^2) c.
    Returns x and v [n, 2 channel, y, x], both within the span of the EOFs.
    """
    c = z.flatten(1) @ eofs.t()
    alpha2, sigma2 = torch.sigmoid(gamma)[:, None], torch.sigmoid(-gamma)[:, None]
    total = alpha2 * variance + sigma2
    x = torch.sqrt(alpha2) * variance / total * c
    v = torch.sqrt(alpha2 * sigma2) * (1.0 - variance) / total * c
    both = torch.stack([x, v], 1).to(eofs.dtype) @ eofs
    return both.reshape(len(z), 2 * z.shape[1], z.shape[2], z.shape[3])
