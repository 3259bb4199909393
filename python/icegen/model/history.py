# SPDX-License-Identifier: MIT
"""Noise that makes a member one history: standard normal at each time, and correlated between times.

Independent noises eps_k stand at knots k D in time, D days apart. At time t, a smooth kernel w of finite support
averages them,

    eta(t) = sum_k w(t / D - k) eps_k / sqrt(sum_k w(t / D - k)^2),

so each value of eta(t) is exactly standard normal at every t, and eta is smooth in t. The noise of a date is thus a
pure function of (seed, member, t): no state is kept, and dates can be asked for in any order.

Different parts of the ice remember for different times. The latent noise is therefore split by an orthogonal transform
into bands, each with time scales of its own; see `HistoryNoise`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from icegen.model.noise import standard_normal


def knot_weights(time: float, scale: float) -> tuple[int, list[float]]:
    """The number of the first knot that contributes at a time, and the weights of six knots from there on.

    time: days;  scale: days between knots.  w(u) = (1 - (u / 3)^2)^4, which is near exp(-u^2 / 2) and three times
    continuously differentiable where it ends. The sum of the weights' squares is 1.
    """
    place = time / scale
    first = math.floor(place) - 2  # place - first lies in [2, 3)
    weights: list[float] = []
    total = 0.0
    for i in range(6):
        u = (place - float(first + i)) / 3.0
        bell = max(1.0 - u * u, 0.0)
        weight = bell * bell * bell * bell
        weights.append(weight)
        total += weight * weight
    for i in range(6):
        weights[i] = weights[i] / math.sqrt(total)
    return first, weights


def correlation(one: float, other: float, scale: float) -> float:
    """Correlation of eta at two times in days: the overlap of their weights."""
    first, weights = knot_weights(one, scale)
    first_other, weights_other = knot_weights(other, scale)
    shift = first_other - first
    return sum(w * weights_other[i - shift] for i, w in enumerate(weights) if 0 <= i - shift < len(weights_other))


@dataclass(frozen=True)
class Band:
    """Values of the noise that share their time scales.

    size: how many channels or patterns;  scales: days between knots;  shares: of the variance, with sum 1.
    """

    size: int
    scales: tuple[float, ...]
    shares: tuple[float, ...]


class HistoryNoise(nn.Module):
    """Standard normal noise of a member at a time: of its latents, and of its detail, if there is a network for it.

    The latent is split in two. Along ``patterns``, orthonormal combinations of the denoiser's EOFs, each coefficient is
    drawn by itself. In what is left, orthogonal combinations of the channels (``rotation``) are drawn in each cell.
    Both are in bands, slowest first. The detail's noise is drawn in each cell, too.

    shape: of the latent, [z, y, x];  rotation: float32 [z, z], orthogonal, a row for each combination of channels;
    patterns: float32 [k, k], of the denoiser's k EOFs, such that patterns @ EOFs has orthonormal rows;
    detail_bands: of the channels of the detail's noise, if any.
    """

    FIRST_STREAM: Final[int] = 16  # of the noise; those below are for draws without history
    rotation: Tensor
    patterns: Tensor
    sizes: list[int]
    scales: list[list[float]]
    shares: list[list[float]]

    def __init__(
        self, shape: tuple[int, int, int], rotation: Tensor, channel_bands: list[Band], patterns: Tensor,
        pattern_bands: list[Band], detail_bands: Sequence[Band] = (),
    ):  # fmt: skip
        super().__init__()
        self.register_buffer("rotation", rotation)
        self.register_buffer("patterns", patterns)
        self.pattern_count = len(patterns)
        bands = [*channel_bands, *pattern_bands, *detail_bands]
        cells = shape[1] * shape[2]
        places = [cells] * len(channel_bands) + [1] * len(pattern_bands) + [cells] * len(detail_bands)
        self.sizes = [band.size * count for band, count in zip(bands, places, strict=True)]  # numbers of each band
        self.in_channels = len(channel_bands)  # how many of the bands lie in channels
        self.in_latent = len(channel_bands) + len(pattern_bands)  # the bands after them are the detail's
        self.scales = [list(band.scales) for band in bands]
        self.shares = [list(band.shares) for band in bands]

    def forward(self, seed: int, member: int, time: int, ocean_cells: Tensor, eofs: Tensor) -> Tensor:
        """Noise [z + e, y, x], float32, where e is the number of the detail's channels.

        time: days, counted without gaps;  ocean_cells: [1, 1, y, x], 1 where the latent holds ocean;
        eofs: [k, z y x], the denoiser's.
        """
        return self.assemble(self.draw(seed, member, time, ocean_cells.device), ocean_cells, eofs)

    def draw(self, seed: int, member: int, time: int, device: torch.device) -> list[Tensor]:
        """The numbers of each band, float32."""
        drawn: list[Tensor] = []
        stream = self.FIRST_STREAM
        for size, scales, shares in zip(self.sizes, self.scales, self.shares):  # noqa: B905 - TorchScript knows no strict
            drawn.append(self.band(size, seed, member, float(time), scales, shares, stream, device))
            stream += len(scales)
        return drawn

    def assemble(self, drawn: list[Tensor], ocean_cells: Tensor, eofs: Tensor) -> Tensor:
        """Noise [z + e, y, x] from the numbers of all bands."""
        channels = torch.cat(drawn[: self.in_channels]).reshape(len(self.rotation), -1)
        noise = (self.rotation.t() @ channels).reshape(-1, ocean_cells.shape[2], ocean_cells.shape[3]) * ocean_cells[0]
        if self.pattern_count > 0:
            wanted = torch.cat(drawn[self.in_channels : self.in_latent])
            there = self.patterns @ (eofs @ noise.flatten())
            noise = noise + ((self.patterns.t() @ (wanted - there)) @ eofs).reshape(noise.shape)
        if self.in_latent < len(drawn):
            noise = torch.cat([noise, torch.cat(drawn[self.in_latent :]).reshape(-1, noise.shape[1], noise.shape[2])])
        return noise

    def band(
        self, size: int, seed: int, member: int, time: float, scales: list[float], shares: list[float], stream: int,
        device: torch.device,
    ) -> Tensor:  # fmt: skip
        """Standard normal numbers float32 [size] of one band."""
        total = torch.zeros(size, device=device)
        for i in range(len(scales)):
            first, weights = knot_weights(time, scales[i])
            for j in range(len(weights)):
                knot = standard_normal(size, seed, member, first + j, stream + i, device)
                total = total + (math.sqrt(shares[i]) * weights[j]) * knot
        return total


def orthonormal(eofs: Tensor) -> Tensor:
    """The symmetric [k, k] matrix that makes the rows of EOFs [k, n] orthonormal again after they were rounded."""
    values, vectors = torch.linalg.eigh(eofs.double() @ eofs.double().t())
    return ((vectors * values.rsqrt()) @ vectors.t()).float()
