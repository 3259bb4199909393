# SPDX-License-Identifier: MIT
"""Latent diffusion: the denoising network and its training loss.

Variance preserving: z = alpha x + sigma eps with alpha^2 = sigmoid(gamma), sigma^2 = sigmoid(-gamma),
gamma the log signal-to-noise ratio. The network predicts v = alpha eps - sigma x (Salimans and Ho 2022).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from icegen.config import DenoiserConfig
from icegen.layers import ModulatedConvBlock, TransformerBlock, zero_init
from icegen.losses import masked_mean

CONDITION_FEATURES = 6  # two harmonics of the day of year, the year, and the flag "conditioned"


def condition_features(condition: Tensor, year_mean: float, year_scale: float) -> Tensor:
    """(year, day of year) [n, 2] to network inputs [n, 6]; a [n, 0] condition gives zeros: unconditional."""
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


class UViT(nn.Module):
    """Convolutional levels at 1 and 1/2 of the latent grid around a transformer at 1/4 of it.

    Further inputs: the ocean mask unshuffled to the latent grid and a learned map of position, which together
    tell the network where it is. Latent grids are padded to a multiple of 4 inside.
    """

    def __init__(self, latent_channels: int, shape: tuple[int, int], config: DenoiserConfig):
        super().__init__()
        w0, w1, w2 = config.widths
        e = config.embedding
        self.pad_y = -shape[0] % 4
        self.pad_x = -shape[1] % 4
        y4, x4 = (shape[0] + self.pad_y) // 4, (shape[1] + self.pad_x) // 4
        self.position = nn.Parameter(0.02 * torch.randn(1, config.position_channels, *shape))
        self.tokens = nn.Parameter(0.02 * torch.randn(1, y4 * x4, w2))
        self.register_buffer("frequencies", torch.exp(torch.linspace(math.log(0.05), math.log(4.0), 32)))
        self.embed = nn.Sequential(nn.Linear(64 + CONDITION_FEATURES, e), nn.SiLU(), nn.Linear(e, e), nn.SiLU())
        self.stem = nn.Conv2d(latent_channels + 64 + config.position_channels, w0, 3, padding=1)
        self.down0 = nn.ModuleList([ModulatedConvBlock(w0, e) for _ in range(config.blocks[0])])
        self.to1 = nn.Conv2d(4 * w0, w1, 1)
        self.down1 = nn.ModuleList([ModulatedConvBlock(w1, e) for _ in range(config.blocks[1])])
        self.to2 = nn.Conv2d(4 * w1, w2, 1)
        self.bottleneck = nn.ModuleList(
            [TransformerBlock(w2, e, config.heads, config.dropout) for _ in range(config.blocks[2])]
        )
        self.from2 = nn.Conv2d(w2, 4 * w1, 1)
        self.merge1 = nn.Conv2d(2 * w1, w1, 1)
        self.up1 = nn.ModuleList([ModulatedConvBlock(w1, e) for _ in range(config.blocks[1])])
        self.from1 = nn.Conv2d(w1, 4 * w0, 1)
        self.merge0 = nn.Conv2d(2 * w0, w0, 1)
        self.up0 = nn.ModuleList([ModulatedConvBlock(w0, e) for _ in range(config.blocks[0])])
        self.head = zero_init(nn.Conv2d(w0, latent_channels, 3, padding=1))

    def forward(self, z: Tensor, gamma: Tensor, features: Tensor, ocean: Tensor) -> Tensor:
        """Predict v.

        z [n, z, y, x]: noisy latent;  gamma [n]: log-SNR;  features [n, 6]: see `condition_features`;
        ocean [1, 64, y, x]: mask unshuffled by 8.  Returns v [n, z, y, x].
        """
        n, _, ny, nx = z.shape
        angles = gamma[:, None] * self.frequencies
        e = self.embed(torch.cat([torch.sin(angles), torch.cos(angles), features], 1))
        h = torch.cat([z, ocean.expand(n, -1, -1, -1), self.position.expand(n, -1, -1, -1)], 1)
        h = self.stem(F.pad(h, [0, self.pad_x, 0, self.pad_y]))
        for block in self.down0:
            h = block(h, e)
        skip0 = h
        h = self.to1(F.pixel_unshuffle(h, 2))
        for block in self.down1:
            h = block(h, e)
        skip1 = h
        h = self.to2(F.pixel_unshuffle(h, 2))
        y4, x4 = h.shape[2], h.shape[3]
        t = h.flatten(2).transpose(1, 2) + self.tokens
        for block in self.bottleneck:
            t = block(t, e)
        h = t.transpose(1, 2).reshape(n, t.shape[2], y4, x4)
        h = self.merge1(torch.cat([F.pixel_shuffle(self.from2(h), 2), skip1], 1))
        for block in self.up1:
            h = block(h, e)
        h = self.merge0(torch.cat([F.pixel_shuffle(self.from1(h), 2), skip0], 1))
        for block in self.up0:
            h = block(h, e)
        return self.head(h)[:, :, :ny, :nx]


def latent_ocean(ocean: Tensor) -> tuple[Tensor, Tensor]:
    """Ocean mask [1, 1, y, x] as the network takes it, [1, 64, y/8, x/8], and the latent cells that hold ocean."""
    return F.pixel_unshuffle(ocean, 8), F.max_pool2d(ocean, 8)


def stratified_gamma(n: int, mean: float, std: float, low: float, high: float, device: torch.device) -> Tensor:
    """n log-SNRs from a normal density cut to [low, high], one from each of n equal shares of probability."""
    normal = torch.distributions.Normal(0.0, 1.0)
    cdf_low, cdf_high = (normal.cdf(torch.tensor((edge - mean) / std)) for edge in (low, high))
    u = (torch.randperm(n) + torch.rand(n)) / n
    return (mean + std * normal.icdf(cdf_low + u * (cdf_high - cdf_low))).clamp(low, high).to(device)


def v_loss(network: UViT, x: Tensor, gamma: Tensor, features: Tensor, ocean: Tensor, cells: Tensor) -> Tensor:
    """Mean squared error of v over the latent cells that hold ocean.

    x [n, z, y, x]: clean latents;  cells [1, 1, y, x]: true where a latent cell holds ocean.
    """
    alpha = torch.sigmoid(gamma).sqrt()[:, None, None, None]
    sigma = torch.sigmoid(-gamma).sqrt()[:, None, None, None]
    eps = torch.randn_like(x) * cells
    v = alpha * eps - sigma * x
    v_hat = network(alpha * x + sigma * eps, gamma, features, ocean)
    return masked_mean((v_hat.float() - v) ** 2, cells)
