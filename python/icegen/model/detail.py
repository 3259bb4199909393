# SPDX-License-Identifier: MIT
"""The network that adds the detail which latents leave open.

A decoder gives the mean of the states that fit a latent, and means are smooth. This network turns noise into what one
such state has besides: it predicts the velocity of a straight path from noise to that departure from the mean (flow
matching; Lipman et al. 2023, doi:10.48550/arXiv.2210.02747). It is fully convolutional, so it trains on crops.
"""

import math
from typing import Final

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from icegen.model.layers import Level, ModulatedConvBlock, zero_init
from icegen.settings import STRICT


@dataclass(frozen=True, config=STRICT)
class DetailConfig:
    """The detail network: a U-Net with levels at 1/2, 1/4, ... of the resolution."""

    widths: tuple[PositiveInt, ...] = Field(
        default=(40, 64, 96), min_length=1, description="channels of the levels, from 1/2 of the resolution on"
    )
    blocks: tuple[NonNegativeInt, ...] = Field(
        default=(1, 2, 2), min_length=1, description="residual blocks of a level, before and after the coarser ones"
    )
    embedding: int = Field(default=128, ge=1, description="width of the embedding of the time along a path")

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.blocks):
            raise ValueError(
                f"widths and blocks have {len(self.widths)} and {len(self.blocks)} values; wanted one of each for a "
                "level"
            )


class DetailNetwork(nn.Module):
    """From the decoder's mu and noise to the departure of one state from mu. All values are normalised.

    factor: between the grids of state and latent, which the coarsest level must divide. The noise comes on the latent's
    grid, with ``channels`` channels, and is shuffled to one number for each variable and cell.

    scale: float32 [variable, 1, 1], size of the departures, which training sets. Paths start from noise of this size.
    octave_factors: float32 [variable, octave], of the departures, which few steps make too smooth;
    full_shoulder: float32 [variable, 1, 1], distance from the upper bound within which a state with detail grows half
    as fast as mu and departure. `icegen.training.detail_fit` sets both. They have no effect before: 1 and 0.
    """

    HARMONICS: Final[int] = 8  # of the time along a path, which the network sees

    def __init__(self, variables: int, factor: int, config: DetailConfig):
        super().__init__()
        w, e = config.widths, config.embedding
        coarsest = 2 ** len(w)
        if factor % coarsest:
            raise ValueError(f"the latent's grid is coarser by a factor of {factor}; wanted a multiple of {coarsest}")
        self.factor = factor
        self.channels = variables * factor**2
        fine = list(range(len(w) - 1))

        def level(i: int) -> Level:
            return Level([ModulatedConvBlock(w[i], e) for _ in range(config.blocks[i])])

        # Parameters, so that archives store them in half precision.
        self.scale = nn.Parameter(torch.ones(variables, 1, 1), requires_grad=False)
        self.octave_factors = nn.Parameter(torch.ones(variables, len(w)), requires_grad=False)
        self.full_shoulder = nn.Parameter(torch.zeros(variables, 1, 1), requires_grad=False)
        self.embed = nn.Sequential(nn.Linear(2 * self.HARMONICS, e), nn.SiLU(), nn.Linear(e, e), nn.SiLU())
        self.stem = nn.Conv2d(4 * (2 * variables + 1), w[0], 3, padding=1)
        self.down = nn.ModuleList([level(i) for i in fine])
        self.coarsen = nn.ModuleList([nn.Conv2d(4 * w[i], w[i + 1], 1) for i in fine])
        self.bottom = level(len(w) - 1)
        self.refine = nn.ModuleList([nn.Conv2d(w[i + 1], w[i], 1) for i in reversed(fine)])
        self.merge = nn.ModuleList([nn.Conv2d(2 * w[i], w[i], 1) for i in reversed(fine)])
        self.up = nn.ModuleList([level(i) for i in reversed(fine)])
        self.head = zero_init(nn.Conv2d(w[0], 4 * variables, 3, padding=1))

    def forward(self, mu: Tensor, ocean: Tensor, noise: Tensor, steps: int) -> Tensor:
        """The departure from mu, [n, variable, y, x]: the end of a path that Euler's method follows.

        mu [n, variable, y, x];  ocean [n, 1, y, x]: 1 where there is ocean, else 0;
        noise [n, channel, y/f, x/f]: standard normal;  steps: evaluations of the network.
        """
        x = F.pixel_shuffle(noise, self.factor)
        for i in range(steps):
            x = x + self.velocity(x, torch.full([len(x)], i / steps, device=x.device), mu, ocean) / steps
        departure = x * self.scale
        parts = octaves(departure, self.octave_factors.shape[1])
        for i, part in enumerate(parts):
            departure = departure + (self.octave_factors[:, i, None, None] - 1.0) * part
        return departure

    def velocity(self, x: Tensor, t: Tensor, mu: Tensor, ocean: Tensor) -> Tensor:
        """The mean velocity r - eps, [n, variable, y, x], of the paths (1 - t) eps + t r through x.

        eps: standard normal noise;  r: the departure over ``scale``;  t: [n], 0 to 1.
        """
        phase = (0.5 * math.pi * t)[:, None] * 2.0 ** torch.arange(self.HARMONICS, device=t.device)
        e = self.embed(torch.cat([phase.sin(), phase.cos()], 1))
        h = self.stem(F.pixel_unshuffle(torch.cat([x, mu, ocean], 1), 2))
        skips: list[Tensor] = []
        for level, coarsen in zip(self.down, self.coarsen):  # noqa: B905 - TorchScript
            h = level(h, e)
            skips.append(h)
            h = coarsen(F.pixel_unshuffle(h, 2))
        h = self.bottom(h, e)
        for refine, merge, level in zip(self.refine, self.merge, self.up):  # noqa: B905
            h = merge(torch.cat([F.interpolate(refine(h), scale_factor=2.0), skips.pop()], 1))
            h = level(h, e)
        return F.pixel_shuffle(self.head(h), 2)


def octaves(field: Tensor, count: int) -> list[Tensor]:
    """Parts of a field [n, channel, y, x]: the first has waves of two to about four cells, each further one has waves
    twice as long. y and x are multiples of 2^count."""
    parts: list[Tensor] = []
    rest = field
    edge = 1
    for _ in range(count):
        edge *= 2
        smooth = F.interpolate(
            F.avg_pool2d(field, edge), [field.shape[2], field.shape[3]], mode="bilinear", align_corners=False
        )
        parts.append(rest - smooth)
        rest = smooth
    return parts
