# SPDX-License-Identifier: MIT
"""Parts of the deterministic samplers of the probability-flow ODE.

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


def multistep(y: Tensor, denoised: Tensor, earlier: Tensor, before: float, now: float, after: float) -> Tensor:
    """One step of DPM-Solver++(2M) from noise ``now`` to ``after`` (Lu et al. 2022, doi:10.48550/arXiv.2211.01095,
    algorithm 2).

    denoised = D(y; now); earlier = D at noise ``before``, from which the step before came. In the half log-SNR
    lambda = -log s, D is extrapolated linearly to the middle of the step.
    """
    r = math.log(before / now) / math.log(now / after)
    middle = denoised + (denoised - earlier) / (2.0 * r)
    return after / now * y + (1.0 - after / now) * middle
