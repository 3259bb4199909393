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
    """The detail network: levels at 1/2, 1/4, ... of the resolution, each with noise of its own."""

    widths: tuple[PositiveInt, ...] = Field(
        default=(64, 96), min_length=2, description="channels of the levels, from 1/2 of the resolution on"
    )
    blocks: tuple[NonNegativeInt, ...] = Field(
        default=(2, 2), min_length=2, description="residual blocks of a level, before and after the coarser ones"
    )
    noise_channels: tuple[PositiveInt, ...] = Field(
        default=(4, 4), min_length=2, description="channels of noise of a level"
    )

    def __post_init__(self) -> None:
        if not len(self.widths) == len(self.blocks) == len(self.noise_channels):
            raise ValueError(
                f"widths, blocks and noise_channels have {len(self.widths)}, {len(self.blocks)} and "
                f"{len(self.noise_channels)} values; wanted one of each for a level"
            )


class DetailNetwork(nn.Module):
    """From the decoder's mu and noise to the departure of one state from mu. All values are normalised.

    Each level adds a smooth part, and the finest one a rough part, times a gate: a variable may be smooth where another
    is rough.

    factor: between the grids of state and latent, which the coarsest level must divide. The noise comes on the latent's
    grid, with ``channels`` channels, and is shuffled to the levels.
    """

    def __init__(self, variables: int, factor: int, config: DetailConfig):
        super().__init__()
        w, n = config.widths, config.noise_channels
        coarsest = 2 ** len(w)
        if factor % coarsest:
            raise ValueError(f"the latent's grid is coarser by a factor of {factor}; wanted a multiple of {coarsest}")
        self.shuffles = [factor // 2 ** (i + 1) for i in range(len(w))]
        self.noise_channels = [n_i * shuffle**2 for n_i, shuffle in zip(n, self.shuffles, strict=True)]
        self.channels = sum(self.noise_channels)
        fine = list(range(len(w) - 1))

        def blocks(i: int) -> nn.Sequential:
            return nn.Sequential(*[ConvBlock(w[i]) for _ in range(config.blocks[i])])

        self.stem = nn.Conv2d(4 * (variables + 1) + n[0], w[0], 3, padding=1)
        self.down = nn.ModuleList([blocks(i) for i in fine])
        self.coarsen = nn.ModuleList([nn.Conv2d(4 * w[i] + n[i + 1], w[i + 1], 1) for i in fine])
        self.bottom = blocks(len(w) - 1)
        self.refine = nn.ModuleList([nn.Conv2d(w[i + 1], w[i], 1) for i in reversed(fine)])
        self.merge = nn.ModuleList([nn.Conv2d(2 * w[i], w[i], 1) for i in reversed(fine)])
        self.up = nn.ModuleList([blocks(i) for i in reversed(fine)])
        self.smooth_heads = nn.ModuleList([nn.Conv2d(w[i], variables, 1) for i in reversed(range(len(w)))])
        self.head = nn.Conv2d(w[0], 4 * 2 * variables, 3, padding=1)
        with torch.no_grad():
            for head in (self.head, *self.smooth_heads):
                head.weight.normal_(std=0.01)  # near the mean at first, but different draws
                head.bias.zero_()

    def forward(self, mu: Tensor, ocean: Tensor, noise: Tensor) -> Tensor:
        """The departure from mu, [n, variable, y, x].

        mu [n, variable, y, x];  ocean [n, 1, y, x]: 1 where there is ocean, else 0;
        noise [n, channel, y/f, x/f]: standard normal.
        """
        of_levels: list[Tensor] = []
        for part, shuffle in zip(noise.split(self.noise_channels, 1), self.shuffles):  # noqa: B905 - TorchScript
            of_levels.append(F.pixel_shuffle(part, shuffle))
        h = self.stem(torch.cat([F.pixel_unshuffle(torch.cat([mu, ocean], 1), 2), of_levels[0]], 1))
        skips: list[Tensor] = []
        for level, coarsen in zip(self.down, self.coarsen):  # noqa: B905
            h = level(h)
            skips.append(h)
            h = coarsen(torch.cat([F.pixel_unshuffle(h, 2), of_levels[len(skips)]], 1))
        of_scales = [self.bottom(h)]
        for refine, merge, level in zip(self.refine, self.merge, self.up):  # noqa: B905
            skip = skips.pop()
            of_scales.append(level(merge(torch.cat([enlarged(refine(of_scales[-1]), skip), skip], 1))))
        rough, gate = F.pixel_shuffle(self.head(of_scales[-1]), 2).chunk(2, 1)
        departure = rough * torch.sigmoid(gate)
        for i, head in enumerate(self.smooth_heads):
            departure = departure + enlarged(head(of_scales[i]), mu)
        return departure


def enlarged(field: Tensor, like: Tensor) -> Tensor:
    """A field [n, channel, y, x] on the finer grid of another one, by linear interpolation."""
    return F.interpolate(field, [like.shape[2], like.shape[3]], mode="bilinear", align_corners=False)
