# SPDX-License-Identifier: MIT
"""Decoding, set so that training states come back as they are.

What a convolutional decoder cannot know of a place, such as traces of the grid that its data came from, is the same at
all times: a gain for each cell restores it. And mu has a small error, which turns exact zeros into traces of ice and
nearly full cells into full ones: a cut and a shoulder at the bounds keep them.
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

MOST_STATES = 60  # for the bounds, whose cells are many
MOST_STATES_FOR_GAIN = 400
PRIOR_STATES = 10


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
    """Set the model's ``gain``, ``cut`` and ``shoulder`` as the configuration wants them."""
    model.gain.zero_()
    if config.gain:
        model.gain.copy_(fitted_gain(model, data))
    if not config.zeros_kept and not config.ones_matched:
        return
    for i, (mu, state) in enumerate(observed_cells(model, data)):
        if config.zeros_kept:
            model.cut[i] = zero_cut(mu, state, float(model.lower[i]), config.zeros_kept)
        if config.ones_matched:
            model.shoulder[i] = one_shoulder(mu, state, float(model.upper[i]))


def zero_cut(mu: Tensor, state: Tensor, lower: float, kept: float) -> float:
    """The least cut with which a share ``kept`` of the cells at their lower bound is decoded as such; never below it.

    mu, state: decoded and true values of the same cells [n].
    """
    values = mu[state <= lower].sort().values
    return max(lower, float(values[min(int(kept * len(values)), len(values) - 1)])) if len(values) else lower


def one_shoulder(mu: Tensor, state: Tensor, upper: float) -> float:
    """The least shoulder with which no more cells are decoded at their upper bound than are there in truth; 0 or more.

    mu, state: decoded and true values of the same cells [n].
    """
    there = int((state >= upper).sum())
    if not 0 < there < len(mu):
        return 0.0
    return max(0.0, float(mu.sort(descending=True).values[there - 1]) - upper)


def fitted_gain(model: GenerativeModel, data: PreparedData) -> Tensor:
    """The gain [variable, y, x], less one, with which mu fits training states best in each cell, of those values that
    lie between the bounds: ridge regression, as if `PRIOR_STATES` of the variable's deviation had needed none.

    Rounded as archives store it. A cell without such values has none.
    """
    product = torch.zeros(model.gain.shape, dtype=torch.float64)
    square = PRIOR_STATES * model.std.double().square().expand_as(product).clone()
    for mu, state, seen in decoded_states(model, data, MOST_STATES_FOR_GAIN):
        between = seen & (state > model.lower) & (state < model.upper)
        product += torch.where(between, mu * (state - mu), 0.0)
        square += torch.where(between, mu * mu, 0.0)
    return (product / square).half().float()


def observed_cells(model: GenerativeModel, data: PreparedData) -> list[tuple[Tensor, Tensor]]:
    """mu and true value of the observed cells [n] of each variable, of training states."""
    found: list[list[tuple[Tensor, Tensor]]] = [[] for _ in data.variables]
    for mu, state, seen in decoded_states(model, data, MOST_STATES):
        for i, pairs in enumerate(found):
            pairs.append((mu[i][seen[i]], state[i][seen[i]]))
    return [(torch.cat([mu for mu, _ in pairs]), torch.cat([state for _, state in pairs])) for pairs in found]


@torch.no_grad()
def decoded_states(model: GenerativeModel, data: PreparedData, most: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """mu, true state, and where it was observed, each [variable, y, x], of evenly spread training states."""
    times = np.flatnonzero(data.training)
    for t in times[evenly(len(times), most)]:
        state = torch.from_numpy(data.state[t]).float()
        seen = torch.from_numpy(data.grid.ocean & ~data.filled[t])
        yield model.decode_mean(model.encode(state[None]))[0], state, seen
