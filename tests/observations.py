# SPDX-License-Identifier: MIT
"""Samples that agree with observations, by the methods of an archive's module alone; and observations to pass."""

import numpy as np
import torch

from icegen.archive.dates import time_of

UNIT = 2.0**16  # of the bridge's fixed-point numbers
LEAST = 1e-4  # precision of a cell that counts as observed

Points = list[tuple[np.ndarray, np.ndarray, np.ndarray]]  # number of the cell, value and error of each point


def cell_fields(shape: tuple[int, ...], points: list[Points]) -> tuple[np.ndarray, np.ndarray]:
    """Mean observation and its precision, float32 [variable, y, x], from the points of each variable."""
    sums = np.zeros((2, len(points), shape[0] * shape[1]), np.int64)
    for variable, lists in enumerate(points):
        for cells, values, errors in lists:
            precision = 1 / (errors * errors)
            np.add.at(sums[0, variable], cells, np.rint(precision * values * UNIT).astype(np.int64))
            np.add.at(sums[1, variable], cells, np.rint(precision * UNIT).astype(np.int64))
    values, weights = sums.astype(np.float64).reshape(2, -1, *shape)
    seen = weights >= LEAST * UNIT
    observed = np.where(seen, values / np.where(seen, weights, 1), 0)
    return observed.astype(np.float32), np.where(seen, weights / UNIT, 0).astype(np.float32)


def analysed(
    archive, observed: np.ndarray, precision: np.ndarray, members: list[int], seed: int, year: int, day: int
) -> np.ndarray:
    """States of members that agree with observations, float32 [member, variable, y, x]."""
    module, condition, when = archive.module, torch.tensor([[year, day]]), time_of(year, day, "continuous")
    fields = [torch.from_numpy(np.ascontiguousarray(field))[None] for field in (observed, precision)]
    states = []
    with torch.inference_mode():
        gain = module.kalman_gain(fields[1], condition)
        for member in members:
            noise = module.noise(seed, torch.tensor([member]), torch.tensor([when]), True)
            latent = module.solve(noise, condition, archive.default_steps)
            states.append(module.analyse(latent, *fields, gain, seed, member, when)[0].numpy())
    return np.stack(states)
