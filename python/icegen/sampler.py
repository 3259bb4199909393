# SPDX-License-Identifier: MIT
"""Deterministic second-order (Heun) sampler of the probability-flow ODE.

In the variance-exploding variable y = z / alpha = x + s eps, with s = exp(-gamma/2), the ODE reads
dy/ds = (y - D(y; s)) / s (Karras et al. 2022), D being the denoised state that the v-prediction implies.
"""

import math

import torch
from torch import Tensor


def noise_levels(steps: int, gamma_low: float, gamma_high: float, rho: float) -> Tensor:
    """``steps`` decreasing noise levels s, float64 [steps], spaced as Karras et al. (2022), eq. 5."""
    ramp = torch.linspace(0.0, 1.0, steps, dtype=torch.float64)
    largest = math.exp(-0.5 * gamma_low / rho)
    smallest = math.exp(-0.5 * gamma_high / rho)
    return (largest + ramp * (smallest - largest)) ** rho


def denoised_from_v(z: Tensor, v: Tensor, gamma: Tensor) -> Tensor:
    """x = alpha z - sigma v; gamma [n], z and v [n, ...]."""
    alpha = torch.sigmoid(gamma).sqrt()[:, None, None, None]
    sigma = torch.sigmoid(-gamma).sqrt()[:, None, None, None]
    return alpha * z - sigma * v
