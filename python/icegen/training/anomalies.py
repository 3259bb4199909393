# SPDX-License-Identifier: MIT
"""What dates tell of the states of a record, its season and trend, and what they leave: anomalies.

A least-squares fit tells them apart. States of one month resemble each other, so the days of a few years say less of
the season than the months of many. A state therefore counts with the square of the days that it averages over.
"""

import numpy as np
import torch
from torch import Tensor

from icegen.data.times import DAYS

HARMONICS = 5  # of the season; one more would be 0 at the middle of each month
LEAST_TIMES = 8  # for each term of trend and season


def anomalies(values: Tensor, days: np.ndarray, span: np.ndarray) -> Tensor:
    """Values [time, ...] less their season and trend, scaled for the variance that the fit takes away.

    What is left of the season would pass for memory.
    days: of the times.  span: days that each value averages over, above 0.
    """
    count = torch.from_numpy(span / span.mean()).to(values.dtype)[:, None]
    basis = season_and_trend(days, span)
    flat = values.flatten(1)
    left = flat - basis @ (basis.t() @ (count * flat)) / count
    return left.reshape(values.shape) * (len(left) / max(len(left) - basis.shape[1], 1)) ** 0.5


def season_and_trend(days: np.ndarray, span: np.ndarray) -> Tensor:
    """Orthonormal functions of time, float32 [time, function], times each value's ``span``: a quadratic trend of the
    mean and of each harmonic of the year. A short record gets fewer harmonics."""
    phase = 2 * np.pi * days / DAYS
    trend = (days - days.mean()) / max(days.std(), 1.0)
    season = [np.ones_like(days), *(f(n * phase) for n in range(1, HARMONICS + 1) for f in (np.sin, np.cos))]
    terms = np.stack([trend**power * term for term in season for power in range(3)], 1)
    terms = (span / span.mean())[:, None] * terms[:, : max(3, len(days) // LEAST_TIMES)]
    left, singular_values, _ = np.linalg.svd(terms, full_matrices=False)
    return torch.from_numpy(left[:, singular_values > 1e-3 * singular_values[0]]).float()
