# SPDX-License-Identifier: MIT
"""Decoding near the bounds, set so that training states keep their exact zeros and ones.

A decoder's mu has a small error, which turns exact zeros into traces of ice and nearly full cells into full ones.
"""

import numpy as np
import torch
from torch import Tensor

from icegen.config import AutoencoderConfig
from icegen.data import PreparedData
from icegen.emulator import Emulator

MOST_STATES = 60


def calibrate(emulator: Emulator, data: PreparedData, config: AutoencoderConfig) -> None:
    """Set the emulator's ``cut`` and ``shoulder`` as the configuration wants them."""
    if not config.zeros_kept and not config.ones_matched:
        return
    decoded = decoded_states(emulator, data)
    for i, (mu, state) in enumerate(decoded):
        if config.zeros_kept:
            emulator.cut[i] = zero_cut(mu, state, float(emulator.lower[i]), config.zeros_kept)
        if config.ones_matched:
            emulator.shoulder[i] = one_shoulder(mu, state, float(emulator.upper[i]))


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


@torch.no_grad()
def decoded_states(emulator: Emulator, data: PreparedData) -> list[tuple[Tensor, Tensor]]:
    """mu and true value of the observed cells [n] of each variable, of evenly spread training states."""
    times = np.flatnonzero(data.training)
    times = times[:: -(-len(times) // MOST_STATES)]
    found: list[list[tuple[Tensor, Tensor]]] = [[] for _ in data.variables]
    for t in times:
        state = torch.from_numpy(data.state[t]).float()
        seen = torch.from_numpy(data.grid.ocean & ~data.filled[t])
        mu = emulator.decode_mean(emulator.encode(state[None]))[0]
        for i, pairs in enumerate(found):
            pairs.append((mu[i][seen[i]], state[i][seen[i]]))
    return [(torch.cat([mu for mu, _ in pairs]), torch.cat([state for _, state in pairs])) for pairs in found]
