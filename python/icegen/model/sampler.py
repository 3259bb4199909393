# SPDX-License-Identifier: MIT
"""Parts of the deterministic samplers of the probability-flow ODE.

In the variance-exploding variable y = z / alpha = x + s eps, with s = exp(-gamma/2), the ODE reads
dy/ds = (y - D(y; s)) / s (Karras et al. 2022), D being the denoised state that the v-prediction implies.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from icegen.settings import at_least_one, increasing_gamma, one_of, require

SAMPLERS = ("heun", "dpmpp_2m")


@dataclass(frozen=True)
class SamplerConfig:
    """The deterministic sampler: Heun's method, or DPM-Solver++(2M)."""

    name: str = "heun"
    steps: int = 20  # noise levels: 2 * steps - 1 network evaluations with heun, steps with dpmpp_2m
    gamma_low: float = -13.8  # where sampling starts: pure noise (sigma 1000)
    gamma_high: float = 12.0  # the last level before the denoised state
    rho: float = 7.0  # spacing of the levels (Karras et al. 2022)
    latent_noise: float = 0.0  # what the decoder is told of sampled latents, over the deviation of the encoder's

    def __post_init__(self) -> None:
        one_of(self, "name", SAMPLERS)
        at_least_one(self, "steps")
        require(self.rho > 0, f"rho is {self.rho}; wanted more than 0")
        require(self.latent_noise >= 0, f"latent_noise is {self.latent_noise}; wanted at least 0")
        increasing_gamma(self)


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
