# SPDX-License-Identifier: MIT
"""Scores as pure functions of arrays. Sums are in float64."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist


def probability_rmse(a: np.ndarray, b: np.ndarray, ocean: np.ndarray) -> float:
    """Root mean square over ocean cells of the difference of two maps of the probability of sea ice [y, x]."""
    return float(np.sqrt(np.mean((a - b)[ocean] ** 2)))


def monthly_error(values: np.ndarray, real: np.ndarray, month: np.ndarray) -> float:
    """Root mean square over calendar months of the error of the month's mean; all arguments [sample]."""
    return float(np.sqrt(np.mean([np.mean((values - real)[month == m]) ** 2 for m in np.unique(month)])))


def spread(values: np.ndarray, group: np.ndarray) -> float:
    """Standard deviation of values [sample] within groups [sample], pooled; NaN if no group has two samples.

    Two sets with the same groups are comparable: both lose one degree of freedom for each group, and differences
    between groups, such as between seasons, count in neither.
    """
    labels, index, count = np.unique(group, return_inverse=True, return_counts=True)
    mean = np.bincount(index, values) / count
    freedom = len(values) - len(labels)
    return float(np.sqrt(np.sum((values - mean[index]) ** 2) / freedom)) if freedom else float("nan")


def wasserstein(a: np.ndarray, b: np.ndarray, width: float) -> float:
    """Wasserstein-1 distance of two histograms [bin] over the same bins of one width, in the width's unit."""
    return float(np.abs(np.cumsum(a / a.sum() - b / b.sum())).sum() * width)


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Frechet distance of two sets of features [sample, feature], as `gaussian_distance` of their moments."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    covariances = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    return gaussian_distance(a.mean(0), next(covariances), b.mean(0), next(covariances))


def gaussian_distance(
    mean_a: np.ndarray, covariance_a: np.ndarray, mean_b: np.ndarray, covariance_b: np.ndarray
) -> float:
    """Frechet distance of two Gaussians with means [feature] and covariances [feature, feature].

    |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)) (Heusel et al. 2017), in float64. The last trace is that of
    (S_a^(1/2) S_b S_a^(1/2))^(1/2), which is symmetric, so that eigenvalues of symmetric matrices suffice.
    """
    mean = mean_a - mean_b
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ covariance_b @ root).clip(0)).sum()
    return float(mean @ mean + np.trace(covariance_a) + np.trace(covariance_b) - 2 * cross)


def coarsen(state: np.ndarray, ocean: np.ndarray, factor: int) -> np.ndarray:
    """Means over blocks of factor x factor cells: [variable, y, x] to [variable, block], blocks half ocean or more."""
    share = block_means(ocean.astype(np.float64), factor)
    kept = share >= 0.5
    return block_means(np.where(ocean, state, 0.0), factor)[:, kept] / share[kept]


def nearest_distance(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Distance [n] of each row of a [n, feature] to the nearest row of b [m, feature], per square root of feature."""
    a, b = np.asarray(a), np.asarray(b)
    return cdist(a, b).min(1) / np.sqrt(a.shape[1])


def mean_gradient(field: np.ndarray, valid: np.ndarray, spacing: float) -> float:
    """Mean of |grad field|, by central differences, where a cell and its four neighbours are valid; [y, x].

    NaN if there is no such cell.
    """
    inner = valid[1:-1, 1:-1] & valid[:-2, 1:-1] & valid[2:, 1:-1] & valid[1:-1, :-2] & valid[1:-1, 2:]
    if not inner.any():
        return float("nan")
    along_x, along_y = field[1:-1, 2:] - field[1:-1, :-2], field[2:, 1:-1] - field[:-2, 1:-1]
    return float(np.hypot(along_x, along_y)[inner].mean(dtype=np.float64) / (2 * spacing))


def block_means(values: np.ndarray, factor: int) -> np.ndarray:
    """Means over blocks of factor x factor cells, [..., y, x] to [..., block y, block x]; a rest is left out."""
    ny, nx = (n // factor * factor for n in values.shape[-2:])
    blocks = values[..., :ny, :nx].reshape(*values.shape[:-2], ny // factor, factor, nx // factor, factor)
    return blocks.mean((-3, -1), dtype=np.float64)
