# SPDX-License-Identifier: MIT
"""Parts of the deterministic samplers of the probability-flow ODE.

In the variance-exploding variable y = z / alpha = x + s eps, with s = exp(-gamma/2), the ODE reads
dy/ds = (y - D(y; s)) / s (Karras et al. 2022), where D is the denoised state that follows from the predicted v.
"""

import math
from typing import Literal

import torch
from pydantic import Field, NonNegativeFloat
from pydantic.dataclasses import dataclass
from torch import Tensor

from icegen.settings import STRICT, require_increasing_gamma

SamplerName = Literal["heun", "dpmpp_2m"]


@dataclass(frozen=True, config=STRICT)
class SamplerConfig:
    """The deterministic sampler: Heun's method, or DPM-Solver++(2M)."""

    name: SamplerName = Field(
        default="heun", description="Heun's method (Karras et al. 2022) or DPM-Solver++(2M) (Lu et al. 2022)"
    )
    steps: int = Field(
        default=20,
        ge=1,
        description="noise levels; heun evaluates the network 2 * steps - 1 times, dpmpp_2m steps times",
    )
    gamma_low: float = Field(default=-13.8, description="log-SNR at which sampling starts: pure noise, sigma 1000")
    gamma_high: float = Field(default=12.0, description="log-SNR of the last level before the denoised state")
    rho: float = Field(default=7.0, gt=0, description="spacing of the noise levels (Karras et al. 2022, eq. 5)")
    inflation: tuple[NonNegativeFloat, ...] = Field(
        default=(),
        description="factors of the departures from the date's mean along the leading EOFs, the last one for all "
        "further EOFs; a network that explains too little leaves samples too little variance. Empty: none",
    )
    inflation_beyond: tuple[NonNegativeFloat, ...] = Field(
        default=(),
        description="factors, one for each variable, of what departures beyond the EOFs change of the variable's mean "
        "over a latent cell, for departures that are smoothed over 3 x 3 of these cells. Empty: none",
    )
    inflation_fine: tuple[NonNegativeFloat, ...] = Field(
        default=(), description="the same, for what this smoothing takes away. Empty: none"
    )
    inflation_ice: float = Field(
        default=0.0,
        ge=0,
        description="distance of a latent cell from open water, in standard deviations of the latents, at which "
        "inflation is half of what it is in ice; without ice, departures are errors of the network. 0: everywhere",
    )
    inflation_noise: float = Field(
        default=0.7,
        gt=0,
        description="noise below which the sampler inflates, once; the levels after it fit small scales to the change",
    )
    latent_noise: float = Field(
        default=0.0,
        ge=0,
        description="noise level that the decoder assumes in sampled latents, in standard deviations of the "
        "encoder's latents; a sampler's latents are never exact",
    )
    detail_steps: int = Field(
        default=4, ge=1, description="evaluations of the detail network, with Euler's method, if the archive has one"
    )

    def __post_init__(self) -> None:
        require_increasing_gamma(self.gamma_low, self.gamma_high)


def noise_levels(steps: int, gamma_low: float, gamma_high: float, rho: float) -> Tensor:
    """``steps`` decreasing noise levels s, float64 [steps], spaced as in Karras et al. (2022), eq. 5."""
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

    denoised = D(y; now). earlier = D at noise ``before``, where the previous step began. D is extrapolated linearly in
    the half log-SNR, lambda = -log s, to the middle of the step.
    """
    r = math.log(before / now) / math.log(now / after)
    middle = denoised + (denoised - earlier) / (2.0 * r)
    return after / now * y + (1.0 - after / now) * middle
