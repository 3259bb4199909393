# SPDX-License-Identifier: MIT
"""The denoising network of the diffusion model.

Variance preserving: z = alpha x + sigma eps with alpha^2 = sigmoid(gamma), sigma^2 = sigmoid(-gamma),
gamma the log signal-to-noise ratio. The network predicts v = alpha eps - sigma x (Salimans and Ho 2022).
"""

import math
from typing import Final

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from icegen.model.eofs import Readers, States, leading_eofs
from icegen.model.layers import Level, ModulatedConvBlock, Parts, TransformerBlock, zero_init
from icegen.settings import STRICT

CONDITION_INPUTS = 6  # two harmonics of the day of year, the year, and the flag "conditioned"


@dataclass(frozen=True, config=STRICT)
class DenoiserConfig:
    """The U-ViT: convolutional levels, each at half the resolution of the one before, and a transformer at the last."""

    widths: tuple[PositiveInt, ...] = Field(
        default=(64, 128, 256), min_length=2, description="channels at 1, 1/2, 1/4, ... of the denoiser's grid"
    )
    blocks: tuple[NonNegativeInt, ...] = Field(
        default=(2, 2, 6), description="blocks at each level: convolutional ones, and transformer blocks at the last"
    )
    embedding: int = Field(default=256, ge=1, description="width of the embedding of noise level, date and EOFs")
    position_channels: int = Field(
        default=8, ge=0, description="channels of the learned map of position: convolutions are translation-invariant"
    )
    eofs: int = Field(
        default=8,
        ge=0,
        description="leading EOFs of the training states whose coefficients the network sees and predicts; "
        "they carry the large scale through high noise",
    )
    averaging_noise: float = Field(
        default=10.0,
        gt=0,
        description="noise, in standard deviations of the states, from which the network does not know over how many "
        "days a state averages: months and days then share their large scale, so a few years of days are enough",
    )
    heads: int = Field(default=8, ge=1, description="attention heads of the transformer")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of the transformer's activations dropped")

    def __post_init__(self) -> None:
        if len(self.blocks) != len(self.widths):
            raise ValueError(f"blocks has {len(self.blocks)} entries; wanted {len(self.widths)}, like widths")
        if self.widths[-1] % self.heads:
            raise ValueError(f"width {self.widths[-1]} is not a multiple of {self.heads} heads")


def condition_inputs(condition: Tensor, year_mean: float, year_scale: float) -> Tensor:
    """(year, day of year) [n, 2] to network inputs [n, 6], which are 0 for a condition [n, 0]: unconditional."""
    if condition.shape[1] == 0:
        return torch.zeros(condition.shape[0], 6, device=condition.device)
    year = condition[:, 0].to(torch.float32)
    phase = condition[:, 1].to(torch.float32) * (2.0 * math.pi / 365.25)
    return torch.stack(
        [
            torch.sin(phase),
            torch.cos(phase),
            torch.sin(2.0 * phase),
            torch.cos(2.0 * phase),
            (year - year_mean) / year_scale,
            torch.ones_like(phase),
        ],
        dim=1,
    )


def with_averaging(inputs: Tensor, days: Tensor) -> Tensor:
    """Network inputs [n, 6] and a seventh, which tells over how many ``days`` [n] states average: 0 for a month of 30
    days, -1 for a day. Unconditional inputs get it, too."""
    return torch.cat([inputs, (torch.log(days / 30.0) / math.log(30.0))[:, None]], 1)


def averaging_in(inputs: Tensor) -> Tensor:
    """The days [n] of `with_averaging`."""
    return 30.0 * torch.exp(inputs[:, 6] * math.log(30.0))


class UViT(nn.Module):
    """Convolutional levels, each at half the resolution of the one before, around a transformer at the coarsest.

    The ocean mask and a learned map of position are inputs too, because convolutions are translation-invariant.
    Inside the network, grids are padded so that the levels divide them.

    The large scale has a path of its own. The coefficients of the state's ``eofs`` leading EOFs enter the embedding,
    whitened, and v gets a part along them. Noise hides a pattern of the whole grid, such as the season, in every cell;
    only the projection on the pattern shows it. A loss per cell gives convolutions little reason to learn it.
    """

    eof_count: Final[int]
    conditions: Final[int]
    averaging_gamma: Final[float]
    eof_variance: Tensor
    frequencies: Tensor

    def __init__(
        self,
        channels: int,
        ocean_channels: int,
        shape: tuple[int, int],
        config: DenoiserConfig,
        conditions: int = CONDITION_INPUTS,
    ):
        super().__init__()
        self.conditions = conditions
        self.averaging_gamma = -2.0 * math.log(config.averaging_noise)
        w, e, eof_count = config.widths, config.embedding, config.eofs
        coarsest = 2 ** (len(w) - 1)
        self.pad_y = -shape[0] % coarsest
        self.pad_x = -shape[1] % coarsest
        tokens = (shape[0] + self.pad_y) // coarsest * ((shape[1] + self.pad_x) // coarsest)
        self.eof_count = eof_count
        # Not trained, but parameters, so that archives store them in fewer bits like the others.
        self.eofs = nn.Parameter(torch.zeros(eof_count, channels * shape[0] * shape[1]), requires_grad=False)
        self.register_buffer("eof_variance", torch.ones(eof_count))
        self.position = nn.Parameter(0.02 * torch.randn(1, config.position_channels, *shape))
        self.tokens = nn.Parameter(0.02 * torch.randn(1, tokens, w[-1]))
        self.register_buffer("frequencies", torch.exp(torch.linspace(math.log(0.05), math.log(4.0), 32)))
        inputs = 64 + conditions + eof_count
        self.embed = nn.Sequential(nn.Linear(inputs, e), nn.SiLU(), nn.Linear(e, e), nn.SiLU())
        self.eof_head = zero_init(nn.Linear(e, eof_count)) if eof_count else nn.Identity()
        self.stem = nn.Conv2d(channels + ocean_channels + config.position_channels, w[0], 3, padding=1)
        fine = list(range(len(w) - 1))

        def convolutions(i: int) -> Level:
            return Level([ModulatedConvBlock(w[i], e) for _ in range(config.blocks[i])])

        self.down = nn.ModuleList([convolutions(i) for i in fine])
        self.coarsen = nn.ModuleList([nn.Conv2d(4 * w[i], w[i + 1], 1) for i in fine])
        self.bottleneck = Level(
            [TransformerBlock(w[-1], e, config.heads, config.dropout) for _ in range(config.blocks[-1])]
        )
        fine.reverse()
        self.refine = nn.ModuleList([nn.Conv2d(w[i + 1], 4 * w[i], 1) for i in fine])
        self.merge = nn.ModuleList([nn.Conv2d(2 * w[i], w[i], 1) for i in fine])
        self.up = nn.ModuleList([convolutions(i) for i in fine])
        self.head = zero_init(nn.Conv2d(w[0], channels, 3, padding=1))

    def forward(self, z: Tensor, gamma: Tensor, date: Tensor, mask: Tensor) -> Tensor:
        """Predict v.

        z [n, channel, y, x]: noisy state;  gamma [n]: log-SNR;  date [n, conditions]: see `condition_inputs`;
        mask [1, ocean channel, y, x]: see `ocean_inputs`.  Returns v [n, channel, y, x].
        """
        n, _, ny, nx = z.shape
        if self.conditions > 6:
            date = torch.cat([date[:, :6], date[:, 6:] * self.knows_averaging(gamma)[:, None]], 1)
        angles = gamma[:, None] * self.frequencies
        inputs = [torch.sin(angles), torch.cos(angles), date]
        alpha2, sigma2 = torch.sigmoid(gamma)[:, None], torch.sigmoid(-gamma)[:, None]
        if self.eof_count > 0:
            inputs.append(z.flatten(1) @ self.eofs.t() / torch.sqrt(alpha2 * self.eof_variance + sigma2))
        e = self.embed(torch.cat(inputs, 1))
        h = torch.cat([z, mask.expand(n, -1, -1, -1), self.position.expand(n, -1, -1, -1)], 1)
        h = self.stem(F.pad(h, [0, self.pad_x, 0, self.pad_y]))
        skips: list[Tensor] = []
        for level, coarsen in zip(self.down, self.coarsen):  # noqa: B905 - TorchScript has no strict
            h = level(h, e)
            skips.append(h)
            h = coarsen(F.pixel_unshuffle(h, 2))
        y, x = h.shape[2], h.shape[3]
        tokens = self.bottleneck(h.flatten(2).transpose(1, 2) + self.tokens, e)
        h = tokens.transpose(1, 2).reshape(n, tokens.shape[2], y, x)
        for refine, merge, level in zip(self.refine, self.merge, self.up):  # noqa: B905
            h = level(merge(torch.cat([F.pixel_shuffle(refine(h), 2), skips.pop()], 1)), e)
        v = self.head(h)[:, :, :ny, :nx]
        if self.eof_count > 0:
            along = self.eof_head(e) * torch.sqrt(alpha2 + sigma2 * self.eof_variance)
            v = v + (along.to(self.eofs.dtype) @ self.eofs).reshape(v.shape)
        return v

    def parts(self) -> Parts:
        """The parameters with parts: latents, mask with position; noise level, conditions. Those of EOFs have none."""
        channels = self.head.out_channels
        return {
            "stem.weight": (1, [channels, self.stem.in_channels - channels]),
            "head.weight": (0, [channels]),
            "head.bias": (0, [channels]),
            "embed.0.weight": (1, [64, self.conditions]),
            "eof_head.weight": (0, []),
            "eof_head.bias": (0, []),
        }

    def knows_averaging(self, gamma: Tensor) -> Tensor:
        """Whether the network is told what a state averages over at log-SNR gamma [n]; bool [n]."""
        return gamma > self.averaging_gamma

    def set_eofs(self, states: States, times: Tensor | None = None, ranks: Readers | None = None) -> None:
        """Set the EOFs and their variances to those of states [time, channel, y, x], whose mean is 0.

        times, ranks: as `icegen.model.eofs.leading_eofs` takes them.
        """
        eofs, variance = leading_eofs(states, len(self.eofs), times, ranks)
        self.eofs.copy_(eofs)
        self.eof_variance.copy_(variance)


def ocean_inputs(ocean: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """Ocean mask [1, 1, y, x] for a network on a grid that is ``factor`` times coarser.

    Returns the mask unshuffled to [1, factor^2, y/factor, x/factor], and 1 in cells of the coarse grid that contain
    ocean, else 0, [1, 1, y/factor, x/factor].
    """
    return F.pixel_unshuffle(ocean, factor), F.max_pool2d(ocean, factor)
