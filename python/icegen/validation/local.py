# SPDX-License-Identifier: MIT
"""Features of places: latents averaged over blocks, each block of each state a sample of its own.

The features of a whole state hardly notice a blur. Latents of single cells do, because the encoder describes in them
what lies within a cell. Averages over larger blocks show whether larger patterns are right.
"""

from typing import NamedTuple

import numpy as np

from icegen.validation.scores import block_means, gaussian_distance

POOLS = (1, 4, 16)  # latent cells along the side of a block
OCEAN = 0.5  # share of ocean in a block that counts


class Moments(NamedTuple):
    """Number of vectors, their sum [z], and the sum of their outer products [z, z]."""

    vectors: float
    total: np.ndarray
    product: np.ndarray


def pools(shape: tuple[int, int]) -> list[int]:
    """Those of `POOLS` that fit on the latent grid [y, x]."""
    return [pool for pool in POOLS if pool <= min(shape)]


def local_moments(latent: np.ndarray, ocean: np.ndarray) -> list[Moments]:
    """Moments of a latent [z, y, x] at each pool. ocean: share of ocean [y, x] of the latent's cells."""
    found = []
    for pool in pools(ocean.shape):
        share = block_means(ocean, pool)
        kept = share >= OCEAN
        vectors = (block_means(latent * ocean, pool)[:, kept] / share[kept]).T
        found.append(Moments(len(vectors), vectors.sum(0), vectors.T @ vectors))
    return found


def frechet_distances(a: list[list[Moments]], b: list[list[Moments]]) -> list[float]:
    """Frechet distance of two sets of states at each pool; NaN where too few blocks are ocean. a, b: [state][pool]."""
    found = []
    for of_a, of_b in zip(zip(*a, strict=True), zip(*b, strict=True), strict=True):
        gaussians = [_gaussian(moments) for moments in (of_a, of_b)]
        known = all(count > len(mean) for count, mean, _ in gaussians)
        found.append(gaussian_distance(*gaussians[0][1:], *gaussians[1][1:]) if known else float("nan"))
    return found


def _gaussian(moments: tuple[Moments, ...]) -> tuple[float, np.ndarray, np.ndarray]:
    """How many vectors several states have; their mean [z] and covariance [z, z]."""
    count, total, product = (sum(values) for values in zip(*moments, strict=True))
    mean = np.asarray(total) / max(count, 1)
    return count, mean, np.asarray(product) / max(count, 1) - np.outer(mean, mean)
