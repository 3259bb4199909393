# SPDX-License-Identifier: MIT
"""Samples that agree with observations: an ensemble Kalman analysis with the covariance of a climate.

Each sample is a prior state x. Observations y with errors of covariance R change it to

    x + P H^T (H P H^T + R)^-1 (y + eps - H x),   eps ~ N(0, R),

so if all were normally distributed, the changed samples would be draws of the distribution given the observations
(Burgers et al. 1998, doi:10.1175/1520-0493(1998)126<1719:ASITEK>2.0.CO;2). P is the covariance of the record's
anomalies around the day of the year, as in ensemble optimal interpolation (Evensen 2003,
doi:10.1007/s10236-003-0036-9). It is damped with distance (Gaspari and Cohn 1999, doi:10.1002/qj.49712555417), because
some hundred anomalies tell nothing of weak correlations between far places.

P holds for the means of blocks of cells. Observations in the same block count as one, by their mean innovation.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from icegen.model.gaps import spread_into_gaps

EARTH_RADIUS = 6371.0  # km
YEAR = 365.25  # days


class ClimateCovariance(nn.Module):
    """Covariance of the block means of a record's anomalies, and their scatter within blocks.

    block: cells along a side of a block;  length: km, half the distance at which correlations are cut off;
    window: days around a day of the year within which anomalies count, the nearer the more; 0: all count alike;
    anomalies: float32 [record, variable, place], of the block means, where a place is a block with ocean;
    day_of_year: float32 [record];  place: int64 [place], numbers of these blocks among all [by bx], row by row;
    direction: float32 [place, 3], unit vectors from the Earth's centre;
    scatter: float32 [variable, place], variance of a cell's anomaly about that of its block.
    """

    anomalies: Tensor
    day_of_year: Tensor
    place: Tensor
    direction: Tensor
    scatter: Tensor
    RADIUS: Final[float] = EARTH_RADIUS
    DAYS: Final[float] = YEAR
    REFINEMENTS: Final[int] = 4

    def __init__(
        self, block: int, length: float, window: float, anomalies: Tensor, day_of_year: Tensor, place: Tensor,
        direction: Tensor, scatter: Tensor,
    ):  # fmt: skip
        super().__init__()
        self.block = block
        self.length = length
        self.window = window
        # A parameter, so that archives store it in half precision.
        self.anomalies = nn.Parameter(anomalies, requires_grad=False)
        self.register_buffer("day_of_year", day_of_year)
        self.register_buffer("place", place)
        self.register_buffer("direction", direction)
        self.register_buffer("scatter", scatter)

    def sums(self, field: Tensor) -> Tensor:
        """Sums over the cells of each place, float64 [variable, place], of a field [variable, y, x]."""
        return block_sums(field, self.block)[:, self.place]

    def forward(self, precision: Tensor, ocean: Tensor, day_of_year: float) -> Tensor:
        """The gain P H^T (H P H^T + R)^-1 of the means of observed blocks, as its factors, which cost less to compute.

        precision: float32 [variable, y, x], one over the variance of the observations' errors, 0 where nothing was
        observed;  ocean: [1, y, x].
        Returns float64 [variable place + observed, observed]: P H^T, and below it the Cholesky factor of H P H^T + R.
        The observed blocks are those of `observed`, in that order.
        """
        seen = self.observed(precision)
        weights = torch.ones_like(self.day_of_year)
        if self.window > 0:
            apart = (self.day_of_year - day_of_year).abs()
            apart = torch.minimum(apart, self.DAYS - apart)
            weights = (1.0 - apart / self.window).clamp(min=0.0)
        near = weights > 0
        shares = weights[near] / weights.sum()
        anomalies = self.anomalies.flatten(1)[near].double() * shares.double().sqrt()[:, None]
        places = len(self.place)
        covariance = anomalies.t() @ anomalies[:, seen]
        nearness = self.nearness(seen % places)
        covariance = (covariance.reshape(self.anomalies.shape[1], places, len(seen)) * nearness).flatten(0, 1)
        cells = (precision > 0).float()
        cover = (self.sums(cells) / self.sums(ocean).clamp(min=1.0)).flatten()[seen].clamp(max=1.0)
        alone = self.scatter.flatten()[seen].double() * (1.0 - cover)  # what seen cells do not tell of their block
        error = self.errors(precision)[seen] + alone / self.sums(cells).flatten()[seen]
        return torch.cat([covariance, torch.linalg.cholesky(covariance[seen] + torch.diag(error))])

    def observed(self, precision: Tensor) -> Tensor:
        """Numbers int64 [observed] of the observed blocks among [variable place]."""
        return torch.nonzero(self.sums(precision).flatten() > 0).flatten()

    def errors(self, precision: Tensor) -> Tensor:
        """Variance of the error of each block's mean observation, float64 [variable place], infinite without one."""
        return 1.0 / self.sums(precision).flatten()

    def nearness(self, places: Tensor) -> Tensor:
        """Gaspari and Cohn's (1999) function, eq. 4.10, of the distance of all places to some: float64 [place, n]."""
        cosine = (self.direction.double() @ self.direction[places].double().t()).clamp(-1.0, 1.0)
        r = torch.arccos(cosine) * (self.RADIUS / self.length)
        near = 1.0 + r * r * (-5.0 / 3.0 + r * (5.0 / 8.0 + r * (0.5 - 0.25 * r)))
        far = 4.0 + r * (-5.0 + r * (5.0 / 3.0 + r * (5.0 / 8.0 + r * (-0.5 + r / 12.0)))) - 2.0 / (3.0 * r)
        return torch.where(r < 1.0, near, torch.where(r < 2.0, far, 0.0)).clamp(min=0.0)

    def increment(
        self, state: Tensor, observed: Tensor, precision: Tensor, ocean: Tensor, gain: Tensor, draws: Tensor
    ) -> Tensor:
        """What to add to a state such that it agrees with observations, float32 [variable, y, x].

        state, observed: float32 [variable, y, x];  precision, ocean, gain: of `forward`;
        draws: standard normal numbers [variable place], for the errors of the observations.
        """
        seen = self.observed(precision)
        innovation = self.sums(precision * (observed - state)).flatten() / self.sums(precision).flatten()
        innovation = innovation[seen] + self.errors(precision)[seen].sqrt() * draws.double()[seen]
        covariance, factor = gain[: len(gain) - len(seen)], gain[len(gain) - len(seen) :]
        change = covariance @ torch.cholesky_solve(innovation[:, None], factor)
        change = change.to(torch.float32).reshape(len(state), -1)
        fine = torch.zeros_like(state)
        for _ in range(self.REFINEMENTS):  # interpolated values have other block means than those that they come from
            missing = change - (self.sums(fine * ocean) / self.sums(ocean)).to(torch.float32)
            fine = fine + self.interpolated(missing, state.shape[1], state.shape[2])
        return fine

    def interpolated(self, means: Tensor, ny: int, nx: int) -> Tensor:
        """Block means [variable, place], interpolated between the centres of blocks to [variable, ny, nx]."""
        by, bx = (ny + self.block - 1) // self.block, (nx + self.block - 1) // self.block
        blocks = torch.zeros(len(means), by * bx, device=means.device)
        known = torch.zeros_like(blocks)
        blocks[:, self.place] = means
        known[:, self.place] = 1.0
        whole = spread_into_gaps(blocks.reshape(1, -1, by, bx), known.reshape(1, -1, by, bx))
        fine = F.interpolate(whole, scale_factor=float(self.block), mode="bilinear", align_corners=False)
        return fine[0, :, :ny, :nx]


def block_sums(field: Tensor, block: int) -> Tensor:
    """Sums over squares of ``block`` x ``block`` cells, float64 [variable, by bx], of a field [variable, y, x]."""
    return F.avg_pool2d(field.double()[None], block, ceil_mode=True, divisor_override=1)[0].flatten(1)
