# SPDX-License-Identifier: MIT
"""Variational autoencoder between states [variable, y, x] and latents [z, y/8, x/8].

Fully convolutional, so it trains on crops and runs on any grid divisible by 8. All values are normalised
(zero mean, unit variance over the ocean); the ocean mask is an input at every level.
"""

import math
from typing import Final, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from icegen.model.layers import ConvBlock, Parts
from icegen.settings import STRICT


@dataclass(frozen=True, config=STRICT)
class AutoencoderConfig:
    """The variational autoencoder, whose latents have 1/8 of the resolution."""

    likelihood: Literal["censored", "gaussian"] = Field(
        default="censored",
        description="censored: probability beyond a bound lies on the bound (Finn et al. 2024); gaussian: no bounds",
    )
    scale: Literal["variable", "cell"] = Field(
        default="variable",
        description="the likelihood's s: one learned number for each variable, or predicted for each cell, which "
        "distinguishes thin ice from open water",
    )
    latent_channels: int = Field(default=16, ge=1, description="channels of the latents")
    widths: tuple[PositiveInt, ...] = Field(
        default=(32, 64, 128), min_length=3, max_length=3, description="channels at 1/2, 1/4, 1/8 of the resolution"
    )
    blocks: tuple[NonNegativeInt, ...] = Field(
        default=(1, 2, 2), min_length=3, max_length=3, description="residual blocks at 1/2, 1/4, 1/8 of the resolution"
    )
    initial_scale: float = Field(
        default=0.1, gt=0, description="first guess of the likelihood's s, in standard deviations of the variable"
    )
    latent_noise: float = Field(
        default=0.0,
        ge=0,
        description="largest noise added to latents in training, in their standard deviations; the decoder learns "
        "to tolerate the errors of a sampler (Ho et al. 2022)",
    )


class Encoder(nn.Module):
    """State to latent distribution, at 1/2, 1/4 and 1/8 of the resolution."""

    def __init__(self, variables: int, config: AutoencoderConfig):
        super().__init__()
        w0, w1, w2 = config.widths
        b0, b1, b2 = config.blocks
        self.stem = nn.Conv2d(4 * (variables + 1), w0, 3, padding=1)
        self.level0 = nn.Sequential(*[ConvBlock(w0) for _ in range(b0)])
        self.down1 = nn.Conv2d(4 * (w0 + 1), w1, 1)
        self.level1 = nn.Sequential(*[ConvBlock(w1) for _ in range(b1)])
        self.down2 = nn.Conv2d(4 * (w1 + 1), w2, 1)
        self.level2 = nn.Sequential(*[ConvBlock(w2) for _ in range(b2)])
        self.head = nn.Conv2d(w2, 2 * config.latent_channels, 1)

    def forward(self, x: Tensor, ocean: Tensor) -> tuple[Tensor, Tensor]:
        """x [n, variable, y, x], ocean [n, 1, y, x] -> mean and log variance, each [n, z, y/8, x/8]."""
        h = self.level0(self.stem(F.pixel_unshuffle(torch.cat([x, ocean], 1), 2)))
        h = self.level1(self.down1(F.pixel_unshuffle(torch.cat([h, F.avg_pool2d(ocean, 2)], 1), 2)))
        h = self.level2(self.down2(F.pixel_unshuffle(torch.cat([h, F.avg_pool2d(ocean, 4)], 1), 2)))
        mean, log_var = self.head(h).chunk(2, dim=1)
        return mean, log_var.clamp(-20.0, 10.0)

    def parts(self) -> Parts:
        """The parameters with parts: means, and log variances."""
        z = self.head.out_channels // 2
        return {"head.weight": (0, [z, z]), "head.bias": (0, [z, z])}


class Decoder(nn.Module):
    """Latent to the mean mu and scale s of the (censored) Gaussian of each variable.

    With ``latent_noise``, the noise level of the latents is an input, so that the decoder tolerates the errors of a
    sampler: noise conditioning as in Ho et al. 2022 (doi:10.48550/arXiv.2106.15282, section 4.2).
    """

    latent_noise: Final[float]

    def __init__(self, variables: int, config: AutoencoderConfig):
        super().__init__()
        w0, w1, w2 = config.widths
        b0, b1, b2 = config.blocks
        self.latent_noise = config.latent_noise
        inputs = config.latent_channels + 1 + int(config.latent_noise > 0)
        self.stem = nn.Conv2d(inputs, w2, 3, padding=1)
        self.level2 = nn.Sequential(*[ConvBlock(w2) for _ in range(b2)])
        self.up1 = nn.Conv2d(w2, 4 * w1, 1)
        self.merge1 = nn.Conv2d(w1 + 1, w1, 1)
        self.level1 = nn.Sequential(*[ConvBlock(w1) for _ in range(b1)])
        self.up0 = nn.Conv2d(w1, 4 * w0, 1)
        self.merge0 = nn.Conv2d(w0 + 4, w0, 1)
        self.level0 = nn.Sequential(*[ConvBlock(w0) for _ in range(b0)])
        self.variables = variables
        self.scale_of_cells = config.scale == "cell"
        self.head = nn.Conv2d(w0, 4 * variables * (2 if self.scale_of_cells else 1), 3, padding=1)
        self.log_s = nn.Parameter(torch.full((variables, 1, 1), math.log(config.initial_scale)))

    def forward(self, z: Tensor, ocean: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """z [n, z, y/8, x/8], ocean [n, 1, y, x], noise [n] -> mu and log s, each [n, variable, y, x].

        The noise of z is in standard deviations of the encoder's z. log s is relative to the variable's own log s,
        and 0 if s is one number for each variable.
        """
        inputs = [z, F.avg_pool2d(ocean, 8)]
        if self.latent_noise > 0:
            inputs.append((noise / self.latent_noise)[:, None, None, None].expand(-1, 1, z.shape[2], z.shape[3]))
        h = self.level2(self.stem(torch.cat(inputs, 1)))
        h = F.pixel_shuffle(self.up1(h), 2)
        h = self.level1(self.merge1(torch.cat([h, F.avg_pool2d(ocean, 4)], 1)))
        h = F.pixel_shuffle(self.up0(h), 2)
        h = self.level0(self.merge0(torch.cat([h, F.pixel_unshuffle(ocean, 2)], 1)))
        mu = F.pixel_shuffle(self.head(h), 2)
        if self.scale_of_cells:
            return mu[:, : self.variables], mu[:, self.variables :].clamp(-5.0, 3.0)
        return mu, torch.zeros_like(mu)

    def parts(self) -> Parts:
        """The parameters with parts: latents, and what else the decoder is given."""
        others = 1 + int(self.latent_noise > 0)
        return {"stem.weight": (1, [self.stem.in_channels - others, others])}


class Autoencoder(nn.Module):
    """Encoder and decoder."""

    def __init__(self, variables: int, config: AutoencoderConfig):
        super().__init__()
        self.encoder = Encoder(variables, config)
        self.decoder = Decoder(variables, config)


class IdentityEncoder(nn.Module):
    """For diffusion in data space: the state is its own latent, without variance."""

    def forward(self, x: Tensor, ocean: Tensor) -> tuple[Tensor, Tensor]:
        return x, torch.zeros_like(x)


class IdentityDecoder(nn.Module):
    """For diffusion in data space: the latent is the mean mu itself."""

    def forward(self, z: Tensor, ocean: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        return z, torch.zeros_like(z)
