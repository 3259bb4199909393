# SPDX-License-Identifier: MIT
"""Anomalies from the training record: its mean of each calendar month, and the EOFs of what is left."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

EDGES = (0, 8, 20, 50, 100, 200)  # between bands of EOFs


class Climate:
    """The training states, reduced to a mean for each month and the EOFs of the anomalies from it.

    eofs: float32 [EOF, value], orthonormal, of coarse values; training_coefficients: [training state, EOF].
    A model without dates has one month.
    """

    def __init__(self) -> None:
        self._sums: dict[int, np.ndarray] = {}
        self._counts: dict[int, int] = {}
        self._coarse_means: dict[int, np.ndarray] = {}
        self.eofs = np.zeros((0, 0), np.float32)
        self.training_coefficients = np.zeros((0, 0), np.float32)

    def add(self, month: int, state: np.ndarray) -> None:
        """Add a state [variable, y, x] of a month."""
        self._sums[month] = self._sums.get(month, 0.0) + state.astype(np.float64)
        self._counts[month] = self._counts.get(month, 0) + 1

    def finish(self, coarse: np.ndarray, month: np.ndarray) -> None:
        """Take the EOFs. coarse: of all states that were added, float32 [state, value];  month: [state]."""
        self._coarse_means = {m: coarse[month == m].mean(0) for m in self._sums}
        anomalies = self._anomalies(coarse, month)
        variances, vectors = np.linalg.eigh(anomalies.astype(np.float64) @ anomalies.T.astype(np.float64))
        kept = np.flatnonzero(variances > 1e-6 * variances[-1])[::-1][: EDGES[-1]]
        self.eofs = (vectors[:, kept].T @ anomalies / np.sqrt(variances[kept])[:, None]).astype(np.float32)
        self.training_coefficients = anomalies @ self.eofs.T

    def mean(self, month: int) -> np.ndarray | None:
        """Mean state [variable, y, x] of a month; None where no training state has that month."""
        return self._sums[month] / self._counts[month] if month in self._sums else None

    def coefficients(self, coarse: Sequence[np.ndarray], month: np.ndarray) -> np.ndarray:
        """Of the anomalies of states along the EOFs, [state, EOF]; NaN where no training state has that month."""
        return self._anomalies(np.array(coarse), month) @ self.eofs.T

    def _anomalies(self, coarse: np.ndarray, month: np.ndarray) -> np.ndarray:
        unknown = np.full(coarse.shape[1], np.nan, np.float32)
        return coarse - np.stack([self._coarse_means.get(int(m), unknown) for m in month])

    @property
    def bands(self) -> dict[str, slice]:
        """Bands of EOFs that the training states fill, by name."""
        return {f"{a + 1}-{b}": slice(a, b) for a, b in pairwise(EDGES) if b <= len(self.eofs)}


def whitened(coefficients: np.ndarray, bands: dict[str, slice]) -> np.ndarray:
    """Coefficients [state, EOF] in units of their own root mean square in each band, [state, EOF of the bands]."""
    parts = [coefficients[:, band] for band in bands.values()]
    return np.concatenate([part / np.sqrt(np.nanmean(np.square(part))) for part in parts], 1)
