# SPDX-License-Identifier: MIT
"""Calibration of the decoder, so that decoded training states equal the originals more closely.

Convolutions are translation-invariant, so a decoder cannot learn what belongs to a place, such as traces of the grid
that its data came from. These traces are the same at all times: a gain for each cell restores them.
The decoder's mu has a small error, which turns open water into traces of ice, and nearly full cells into full ones. A
threshold at the lower bound and a shoulder at the upper bound correct this.
"""

from collections.abc import Iterator

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from icegen.data.prepared_file import PreparedData
from icegen.model.generative_model import GenerativeModel
from icegen.settings import STRICT
from icegen.thinning import evenly

MOST_STATES = 60  # for threshold and shoulder: each state has many cells at the bounds
MOST_STATES_FOR_GAIN = 400  # for the gain, which is fitted in each cell alone
PRIOR_STATES = 10  # strength of the ridge, in states


@dataclass(frozen=True, config=STRICT)
class CalibrationConfig:
    """Corrections that export fits to decoding, so that training states come back. No training depends on them."""

    gain: bool = Field(
        default=False,
        description="fit a gain for each cell: traces of the data's grid are the same at all times, and convolutions "
        "are translation-invariant",
    )
    zeros_kept: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the training states' cells at the lower bound that decode to exactly that bound",
    )
    ones_matched: bool = Field(
        default=False, description="decode no more cells to the upper bound than the training states have there"
    )


def calibrate(model: GenerativeModel, data: PreparedData, config: CalibrationConfig) -> None:
    """Fit the model's ``gain``, ``zero_threshold`` and ``full_shoulder`` to training states, as configured."""
    model.gain.zero_()
    if config.gain:
        model.gain.copy_(fitted_gain(model, data))
    if not config.zeros_kept and not config.ones_matched:
        return
    for i, (mu, state) in enumerate(observed_cells(model, data)):
        if config.zeros_kept:
            model.zero_threshold[i] = zero_threshold(mu, state, float(model.lower[i]), config.zeros_kept)
        if config.ones_matched:
            model.full_shoulder[i] = full_shoulder(mu, state, float(model.upper[i]))


def zero_threshold(mu: Tensor, state: Tensor, lower: float, kept: float) -> float:
    """The smallest threshold with which a share ``kept`` of the cells at the lower bound decode to that bound.

    The threshold is never below the bound.
    mu, state: decoded and true values of the same cells [n].
    """
    values = mu[state <= lower].sort().values
    return max(lower, float(values[min(int(kept * len(values)), len(values) - 1)])) if len(values) else lower


def full_shoulder(mu: Tensor, state: Tensor, upper: float) -> float:
    """The smallest shoulder with which no more cells decode to the upper bound than truly are there; 0 or more.

    mu, state: decoded and true values of the same cells [n].
    """
    full = int((state >= upper).sum())
    if not 0 < full < len(mu):
        return 0.0
    return max(0.0, float(mu.sort(descending=True).values[full - 1]) - upper)


def fitted_gain(model: GenerativeModel, data: PreparedData) -> Tensor:
    """The gain minus one, [variable, y, x], with which mu fits the training states best in each cell.

    This is a ridge regression over the values between the bounds, g = sum mu (x - mu) / (n std^2 + sum mu^2). The ridge
    acts as `PRIOR_STATES` further states with mu = std that need no gain. Cells without such values get 0. The result
    is rounded to half precision, in which archives store it.
    """
    product = torch.zeros(model.gain.shape, dtype=torch.float64, device=model.gain.device)
    square = PRIOR_STATES * model.std.double().square().expand_as(product).clone()
    for mu, state, seen in decoded_states(model, data, MOST_STATES_FOR_GAIN):
        between = seen & (state > model.lower) & (state < model.upper)
        product += torch.where(between, mu * (state - mu), 0.0)
        square += torch.where(between, mu * mu, 0.0)
    return (product / square).half().float()


def observed_cells(model: GenerativeModel, data: PreparedData) -> list[tuple[Tensor, Tensor]]:
    """mu and the true value of the observed cells [n] of each variable, over some training states."""
    found: list[list[tuple[Tensor, Tensor]]] = [[] for _ in data.variables]
    for mu, state, seen in decoded_states(model, data, MOST_STATES):
        for i, pairs in enumerate(found):
            pairs.append((mu[i][seen[i]], state[i][seen[i]]))
    return [(torch.cat([mu for mu, _ in pairs]), torch.cat([state for _, state in pairs])) for pairs in found]


@torch.no_grad()
def decoded_states(model: GenerativeModel, data: PreparedData, most: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """mu, the true state and where it was observed, each [variable, y, x], of at most ``most`` training states."""
    times = np.flatnonzero(data.training)
    for t in times[evenly(len(times), most)]:
        state = torch.from_numpy(data.state[t]).to(model.mean.device).float()
        seen = torch.from_numpy(data.grid.ocean & ~data.filled[t]).to(state.device)
        yield model.decode_mean(model.encode(state[None]))[0], state, seen
