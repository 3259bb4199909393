# SPDX-License-Identifier: MIT
"""What export fits to a detail network, so that training states get back what decoding takes: the power of each octave,
and how many values are on the upper bound.

A path of few steps from noise to detail ends near the mean of what fits, with too little power. A factor for each
variable and octave corrects this. The power is that of `icegen.model.detail.octaves` in the pack: away from the coast
and the ice edge, which would dominate it.
Paths end in a small neighbourhood of values near the bound, and too many of them beyond it. A shoulder corrects this.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from icegen.data.extent import ICE_EDGE
from icegen.data.prepared_file import PreparedData
from icegen.model.detail import DetailNetwork, octaves
from icegen.model.generative_model import GenerativeModel
from icegen.thinning import evenly
from icegen.training.means import mean_of

MOST_STATES = 16
ITERATIONS = 6  # because states are cut to their bounds, their power is not proportional to the factors' squares
LARGEST = 2.0  # factor, and of a change by an iteration
COVERED = 0.98  # share of the cells around a cell of the pack that hold ice
PLACE = 17  # cells along an edge, which are around a cell


@dataclass(frozen=True, eq=False)
class Case:
    """A training state [1, variable, y, x], mu of what the sampler would end with near it, detail of mu, and which
    values were observed. Physical units."""

    state: Tensor
    mu: Tensor
    detail: Tensor
    seen: Tensor


@torch.no_grad()
def fit_detail(model: GenerativeModel, data: PreparedData) -> None:
    """Set the factors of the octaves and the shoulder of the model's detail, if it has a detail network.

    Variables without power in the training states' pack keep their factors of one.
    """
    if isinstance(model.detail, DetailNetwork):
        network = model.detail
        network.octave_factors.fill_(1.0)
        network.full_shoulder.fill_(0.0)
        cases = detailed_states(model, data)
        factors = fitted_factors(model, cases, network.octave_factors.shape[1]).half().float()  # as archives store them
        network.octave_factors.copy_(factors)
        network.full_shoulder.copy_((fitted_shoulder(model, cases, factors) / model.std).half())


def fitted_shoulder(model: GenerativeModel, cases: list[Case], factors: Tensor) -> Tensor:
    """The smallest shoulder [variable, 1, 1] with which no more values are on the upper bound than in the true states,
    physical units."""
    found = torch.zeros_like(model.full_shoulder)
    for i in range(len(found)):
        values = torch.cat([(c.mu + scaled(c.detail, factors))[:, i][c.seen[:, i]] for c in cases])
        full = sum(int((c.state[:, i][c.seen[:, i]] >= model.upper[i]).sum()) for c in cases)
        if 0 < full < len(values):  # half of what is beyond the shoulder stays, of which `cut` takes half again
            found[i] = values.sort(descending=True).values[full - 1] - model.upper[i] - 2.0 * model.full_shoulder[i]
    return found.clamp(min=0.0)


def scaled(detail: Tensor, factors: Tensor) -> Tensor:
    """Detail [n, variable, y, x] whose octaves are multiplied by factors [variable, octave]."""
    parts = octaves(detail, factors.shape[1])
    return detail + sum(part * (factors[:, i, None, None] - 1.0) for i, part in enumerate(parts))


def fitted_factors(model: GenerativeModel, cases: list[Case], count: int) -> Tensor:
    """Factors [variable, octave] of the detail with which mu and detail, cut to the bounds, have the power of the true
    states.  count: of octaves."""
    wanted = of_mean = torch.zeros(())
    packs = [inside_the_pack(model, c.state) for c in cases]
    for c, pack in zip(cases, packs, strict=True):
        wanted = wanted + power(c.state, count, pack)
        of_mean = of_mean + power(model.cut(c.mu), count, pack)
    factors = torch.ones_like(wanted)
    for _ in range(ITERATIONS):
        drawn = -of_mean
        for c, pack in zip(cases, packs, strict=True):
            drawn = drawn + power(model.cut(c.mu + scaled(c.detail, factors)), count, pack)
        change = ((wanted - of_mean).clamp(min=0.0) / drawn.clamp(min=1e-30)).sqrt().clamp(1.0 / LARGEST, LARGEST)
        factors = torch.where(wanted > 0, (factors * change).clamp(max=LARGEST), factors)
    return factors


def detailed_states(model: GenerativeModel, data: PreparedData) -> list[Case]:
    """Cases of some training states. The model's detail has neither factors nor a shoulder."""
    times = np.flatnonzero(data.training)
    device = model.mean.device
    found = []
    torch.manual_seed(0)
    for t in times[evenly(len(times), MOST_STATES)]:
        state = torch.from_numpy(np.array(data.state[t], np.float32)).to(device)[None]
        date = torch.tensor([[int(data.year[t]), int(data.day_of_year[t])]], device=device)
        mu = mean_of(model, state, date, seed=int(t))
        noise = torch.randn(1, model.detail_channels, *model.latent_mean.shape[1:]).to(device)
        seen = torch.from_numpy(data.grid.ocean & ~np.array(data.filled[t])).to(device)[None]
        found.append(Case(state, mu, model.with_detail(mu, noise) - mu, seen))
    return found


def inside_the_pack(model: GenerativeModel, state: Tensor) -> Tensor:
    """1 in cells of a state [1, variable, y, x] around which all is ice, else 0: [1, 1, y, x]."""
    covered = model.ocean
    if model.concentration >= 0:
        covered = covered * (state[:, model.concentration : model.concentration + 1] >= ICE_EDGE)
    around = F.avg_pool2d(covered, PLACE, 1, PLACE // 2, count_include_pad=False)
    return (around >= COVERED).to(state.dtype)


def power(state: Tensor, count: int, counted: Tensor) -> Tensor:
    """Power [variable, octave] of a state [1, variable, y, x], summed over the cells that count."""
    parts = [(part.square() * counted).sum((0, 2, 3)) for part in octaves(state, count)]
    return torch.stack(parts, 1)
