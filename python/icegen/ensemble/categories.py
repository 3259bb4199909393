# SPDX-License-Identifier: MIT
"""Ice of a host's points over thickness categories: the rules for area, volume and snow."""

import numpy as np

PUNY = 1e-11  # area of a category, part of the cell, below which CICE has no ice

SNOW_RULES = ("template", "fifth")
DISTRIBUTIONS = ("exponential", "template")


def fill(area: np.ndarray, volume: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Area and volume of each category, float64 [category, point], by the distribution that the bridge gives to hosts.

    area, volume: over the area of the cell, float64 [point];  bounds: m, float64 [category + 1].
    Ice of both, or none: where they contradict each other, the volume is kept.
    """
    from icegen.host import bridge

    return bridge.fill_categories(area, volume, bounds)


def like(
    given_area: np.ndarray, given_volume: np.ndarray, area: np.ndarray, volume: np.ndarray, bounds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ice that has the sums of the ``given`` categories, distributed as the ice of ``area`` and ``volume`` is.

    All are float64 [category, point]. The shares of the area are kept, all thicknesses are stretched by one factor, and
    each piece goes to the category in which it lies then. The given distribution stays where there is no other, and
    where stretching makes ice thinner than 0.01 m.
    """
    area, volume = (np.where(area > PUNY, values, 0) for values in (area, volume))
    total, wanted = (np.stack([a.sum(0), v.sum(0)]) for a, v in ((area, volume), (given_area, given_volume)))
    there = (total > PUNY).all(0) & (wanted > 0).all(0)
    factor = np.divide(wanted, total, out=np.zeros_like(total), where=there)
    pieces = area * factor[0], volume * factor[1]
    thickness = np.divide(pieces[1], pieces[0], out=np.zeros_like(area), where=pieces[0] > 0)
    thin = (pieces[0] > 0) & (thickness < max(bounds[0], 0.01))
    there &= ~thin.any(0)
    category = np.searchsorted(bounds[1:-1], thickness)
    result = np.zeros((2, *area.shape))
    points = np.broadcast_to(np.arange(area.shape[1]), area.shape)
    for filled, piece in zip(result, pieces, strict=True):
        np.add.at(filled, (category, points), piece)
    return np.where(there, result[0], given_area), np.where(there, result[1], given_volume)


def snow_by_fifth(area: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """20 cm of snow on the ice, or a fifth of its thickness where that is less; m over the area of the cell."""
    return 0.2 * np.minimum(area, volume)


def snow_like(area: np.ndarray, volume: np.ndarray, old_area: np.ndarray, old_snow: np.ndarray) -> np.ndarray:
    """Snow as deep as on the old ice of the category, or of the cell; at most what ice floats, a third of it.

    All are float64 [category, point]. Where the cell had no ice, `snow_by_fifth`.
    """
    had, any_ice = old_area > PUNY, (old_area > PUNY).any(0)
    of_cell = np.divide(old_snow.sum(0), old_area.sum(0), out=np.zeros(area.shape[1]), where=any_ice)
    depth = np.divide(old_snow, old_area, out=np.broadcast_to(of_cell, area.shape).copy(), where=had)
    return np.where(any_ice, np.minimum(depth * area, volume / 3), snow_by_fifth(area, volume))


def blended(old: np.ndarray, new: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fields [..., point] between old and new: the bits of the old where weight is 0, of the new where it is 1."""
    mixed = old + weight * (new - old)
    return np.where(weight == 0, old, np.where(weight == 1, new, mixed))
