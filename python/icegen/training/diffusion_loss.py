# SPDX-License-Identifier: MIT
"""The loss of the diffusion model and the adaptive density of noise in training.

Variance preserving: z = alpha x + sigma eps with alpha^2 = sigmoid(gamma), sigma^2 = sigmoid(-gamma),
gamma the log signal-to-noise ratio. The network predicts v = alpha eps - sigma x (Salimans and Ho 2022).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from icegen.training.config import DiffusionTrainingConfig
from icegen.training.share import Share


class NoiseDensity(nn.Module):
    """The density of the log-SNR gamma in training (Kingma and Gao 2023, doi:10.48550/arXiv.2303.00848, appendix F).

    The density follows the weighted error, so that all noise levels contribute equally. It is piecewise constant over
    100 bins. The weight is part of the loss; the density only lowers the variance of the loss.
    """

    BINS = 100
    error: Tensor

    def __init__(self, config: DiffusionTrainingConfig):
        super().__init__()
        self.low, self.high = config.gamma_low, config.gamma_high
        self.centre, self.width, self.decay = config.weight_centre, config.weight_width, config.density_decay
        centres = self.low + (torch.arange(self.BINS) + 0.5) * (self.high - self.low) / self.BINS
        shape = self._shape(centres)
        self.norm = float(shape.mean())
        self.register_buffer("error", shape / self.norm)  # that of a network that predicts zero, since v has variance 1

    def _shape(self, gamma: Tensor) -> Tensor:
        return 1.0 / torch.cosh((gamma - self.centre) / (2.0 * self.width))

    def weight(self, gamma: Tensor) -> Tensor:
        """Weight of the squared error of v, mean 1 over [gamma_low, gamma_high]."""
        return self._shape(gamma) / self.norm

    def draw(self, n: int) -> tuple[Tensor, Tensor]:
        """n log-SNRs, one from each of n equal shares of probability, and their densities relative to the uniform."""
        u = (torch.randperm(n, device=self.error.device) + torch.rand(n, device=self.error.device)) / n
        density = self.error / self.error.mean()
        edges = F.pad(torch.cumsum(density.double(), 0) / self.BINS, (1, 0))
        bins = (torch.searchsorted(edges, u.double(), right=True) - 1).clamp(0, self.BINS - 1)
        place = bins + ((u - edges[bins]) / (edges[bins + 1] - edges[bins])).clamp(0.0, 1.0)
        return (self.low + place * (self.high - self.low) / self.BINS).float(), density[bins]

    def update(self, gamma: Tensor, weighted_error: Tensor) -> None:
        """Move the density towards the weighted errors [n] at gamma [n]."""
        bins = ((gamma - self.low) / (self.high - self.low) * self.BINS).long().clamp(0, self.BINS - 1)
        for i, value in zip(bins.tolist(), weighted_error, strict=True):
            self.error[i].lerp_(value, 1.0 - self.decay)


def v_error(
    network: nn.Module,
    x: Tensor,
    gamma: Tensor,
    condition_inputs: Tensor,
    ocean_channels: Tensor,
    ocean_cells: Tensor,
    share: Share | None = None,
) -> Tensor:
    """Mean squared error of v over the cells that hold ocean, [n].

    x [n, channel, y, x]: clean states;  gamma [n]: log-SNR;  condition_inputs, ocean_channels: as the network takes
    them;  ocean_cells [1, 1, y, x]: 1 where a cell holds ocean;  share: of the batch that x is.
    """
    alpha = torch.sigmoid(gamma).sqrt()[:, None, None, None]
    sigma = torch.sigmoid(-gamma).sqrt()[:, None, None, None]
    share = share or Share()
    eps = share.randn_like(x) * ocean_cells
    share.leave_common_randomness()
    v = alpha * eps - sigma * x
    v_hat = network(alpha * x + sigma * eps, gamma, condition_inputs, ocean_channels)
    squares = (v_hat.float() - v) ** 2 * ocean_cells
    return squares.sum((1, 2, 3)) / (ocean_cells.sum() * x.shape[1])
