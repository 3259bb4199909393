# SPDX-License-Identifier: MIT
"""The network that adds the detail which latents leave open.

A decoder gives the mean of the states that fit a latent, and means are smooth. From that mean and standard normal
noise, this network makes what one such state has besides. It is trained with draws, see `icegen.training.draw_loss`. It
is fully convolutional, so it trains on crops.
"""

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from icegen.model.layers import ConvBlock
from icegen.settings import STRICT


@dataclass(frozen=True, config=STRICT)
class DetailConfig:
    """The detail network: two levels, at 1/2 and 1/4 of the resolution, each with noise of its own."""

    widths: tuple[PositiveInt, ...] = Field(
        default=(64, 96), min_length=2, max_length=2, description="channels at 1/2, 1/4 of the resolution"
    )
    blocks: tuple[NonNegativeInt, ...] = Field(
        default=(2, 2),
        min_length=2,
        max_length=2,
        description="residual blocks at 1/2 of the resolution, before and after those at 1/4",
    )
    noise_channels: tuple[PositiveInt, ...] = Field(
        default=(4, 4), min_length=2, max_length=2, description="channels of noise at 1/2, 1/4 of the resolution"
    )


class DetailNetwork(nn.Module):
    """From the decoder's mu and noise to the departure of one state from mu. All values are normalised.

    factor: between the grids of state and latent, a multiple of 4. The noise comes on the latent's grid, with
    ``channels`` channels, and is shuffled to the two levels.
    """

    def __init__(self, variables: int, factor: int, config: DetailConfig):
        super().__init__()
        if factor % 4:
            raise ValueError(f"the latent's grid is coarser by a factor of {factor}; wanted a multiple of 4")
        w0, w1 = config.widths
        n0, n1 = config.noise_channels
        b0, b1 = config.blocks
        self.shuffles = (factor // 2, factor // 4)
        self.fine = n0 * self.shuffles[0] ** 2  # of the channels, those for 1/2 of the resolution
        self.channels = self.fine + n1 * self.shuffles[1] ** 2
        self.stem = nn.Conv2d(4 * (variables + 1) + n0, w0, 3, padding=1)
        self.down0 = nn.Sequential(*[ConvBlock(w0) for _ in range(b0)])
        self.coarsen = nn.Conv2d(4 * w0 + n1, w1, 1)
        self.level1 = nn.Sequential(*[ConvBlock(w1) for _ in range(b1)])
        self.refine = nn.Conv2d(w1, 4 * w0, 1)
        self.merge = nn.Conv2d(2 * w0, w0, 1)
        self.up0 = nn.Sequential(*[ConvBlock(w0) for _ in range(b0)])
        self.head = nn.Conv2d(w0, 4 * variables, 3, padding=1)
        with torch.no_grad():
            self.head.weight.normal_(std=0.01)  # near the mean at first, but different draws

    def forward(self, mu: Tensor, ocean: Tensor, noise: Tensor) -> Tensor:
        """The departure from mu, [n, variable, y, x].

        mu [n, variable, y, x];  ocean [n, 1, y, x]: 1 where there is ocean, else 0;
        noise [n, channel, y/f, x/f]: standard normal.
        """
        fine = F.pixel_shuffle(noise[:, : self.fine], self.shuffles[0])
        coarse = F.pixel_shuffle(noise[:, self.fine :], self.shuffles[1])
        h = self.down0(self.stem(torch.cat([F.pixel_unshuffle(torch.cat([mu, ocean], 1), 2), fine], 1)))
        low = self.level1(self.coarsen(torch.cat([F.pixel_unshuffle(h, 2), coarse], 1)))
        h = self.up0(self.merge(torch.cat([F.pixel_shuffle(self.refine(low), 2), h], 1)))
        return F.pixel_shuffle(self.head(h), 2)
