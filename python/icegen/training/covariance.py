# SPDX-License-Identifier: MIT
"""The covariance through which observations act on samples, from the training states."""

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from icegen.data.prepared_file import PreparedData, by_season
from icegen.data.times import DAYS
from icegen.model.analysis import ClimateCovariance, block_sums
from icegen.model.generative_model import GenerativeModel
from icegen.settings import STRICT
from icegen.thinning import evenly
from icegen.training.anomalies import anomalies

BLOCK = 100e3  # m, width of the blocks
MOST_STATES = 340  # each takes some kilobytes of an archive


@dataclass(frozen=True, config=STRICT)
class ObservationsConfig:
    """The covariance through which observations act on samples. No training depends on it."""

    length: float = Field(
        default=900.0,
        gt=0,
        description="km, half the distance from which an observation changes nothing; some hundred states tell "
        "nothing of correlations over longer distances",
    )
    window: float = Field(
        default=75.0, gt=0, description="days around a date within which anomalies count, the nearer the more"
    )


@torch.no_grad()
def fit_covariance(model: GenerativeModel, data: PreparedData, config: ObservationsConfig) -> None:
    """Set the model's covariance to that of the training states' anomalies, at most `MOST_STATES` of them.

    Of data that hold months and days, both count: a few years of days are too few to tell correlations.
    """
    times = np.flatnonzero(data.training)
    times = by_season(data, times[evenly(len(times), MOST_STATES)])
    ocean = torch.from_numpy(data.grid.ocean)
    block = max(1, round(BLOCK / float(np.sqrt(data.grid.cell_area[data.grid.ocean].mean()))))
    cells = block_sums(ocean[None].float(), block)
    place = torch.nonzero(cells[0]).flatten()
    cells = cells[:, place]

    def means(field: Tensor) -> Tensor:
        return block_sums(field * ocean, block)[:, place] / cells

    of_blocks, scatter, before = [], torch.zeros(len(data.variables), len(place), dtype=torch.float64), None
    for t in times:
        state = torch.from_numpy(np.array(data.state[t])).float()
        of_blocks.append(means(state).float())
        # The times are in the order of the season, so two neighbours differ as two states of one date do.
        difference = torch.zeros_like(state) if before is None else state - before
        scatter += (means(difference.square()) - means(difference).square()) / 2
        before = state
    values = torch.stack(of_blocks)
    if model.conditional:
        departures = anomalies(values, data.year[times] * DAYS + data.day_of_year[times], data.span[times])
    else:
        departures = (values - values.mean(0)) * (len(times) / max(len(times) - 1, 1)) ** 0.5
    lon, lat = (torch.deg2rad(torch.from_numpy(np.array(c)).float()) for c in data.grid.lonlat)
    towards = means(torch.stack([lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]))
    model.covariance = ClimateCovariance(
        block,
        config.length,
        config.window if model.conditional else 0.0,
        anomalies=departures,
        day_of_year=torch.from_numpy(np.array(data.day_of_year[times])).float(),
        place=place,
        direction=(towards / torch.linalg.vector_norm(towards, dim=0)).t().float(),
        scatter=(scatter / max(len(times) - 1, 1)).clamp(min=0.0).float(),
    ).to(model.mean.device).eval()  # fmt: skip
