# SPDX-License-Identifier: MIT
"""States from any grid to a projected one: linear between cell centres, or means where the target is coarser."""

import numpy as np
import pyproj
from scipy.sparse import coo_array, csr_array
from scipy.spatial import Delaunay

from icegen.data.grid import CurvilinearGrid, Grid


class Regridding:
    """Weights from one grid to another; an instance is called with a state.

    If the median area of source cells is below 0.3 target cells, a target cell gets the area-weighted mean of the
    source cells whose centres are in it. Otherwise, and where there is no such centre, values are interpolated linearly
    on the triangles between source centres in the target's plane.
    Source cells without a value are left out. A target cell has no value if less than half of its weight has one.
    Raises ValueError if the grids do not overlap.
    """

    def __init__(self, source: Grid | CurvilinearGrid, target: Grid):
        plane = pyproj.Transformer.from_crs("EPSG:4326", target.crs, always_xy=True)
        x, y = (np.ravel(axis) for axis in plane.transform(*source.lonlat))
        column, row = (x - target.x[0]) / target.dx, (y - target.y[0]) / target.dy  # in cells of the target
        area = source.cell_area.ravel() / abs(target.dx * target.dy)
        ny, nx = self.shape = target.shape
        reach = 2 + 2 * np.sqrt(np.median(area))
        near = np.flatnonzero((np.abs(column - nx / 2) < nx / 2 + reach) & (np.abs(row - ny / 2) < ny / 2 + reach))
        if len(near) < 3:
            raise ValueError("the source's grid does not reach the target's")
        size = (ny * nx, len(x))
        self.weights = _linear_weights(column[near], row[near], self.shape, near, size)
        if np.median(area[near]) < 0.3:
            means = _mean_weights(column, row, area, near, self.shape, size)
            empty = means.sum(1) == 0
            self.weights = means + self.weights.multiply(empty[:, None]).tocsr()

    def __call__(self, state: np.ndarray) -> np.ndarray:
        """A state [variable, y, x] on the source's grid to float64 [variable, y, x] on the target's; NaN: no value."""
        values = state.reshape(len(state), -1).T
        known = np.isfinite(values)
        total = self.weights @ np.where(known, values, 0.0)
        weight = self.weights @ known.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            result = np.where(weight >= 0.5, total / weight, np.nan)
        return result.T.reshape(len(state), *self.shape)


def _linear_weights(
    column: np.ndarray, row: np.ndarray, shape: tuple[int, int], index: np.ndarray, size: tuple[int, int]
) -> csr_array:
    """Barycentric weights of the triangle around each target cell; none outside all triangles."""
    centres, kept = np.unique(np.stack([column, row], 1), axis=0, return_index=True)  # a pole may appear many times
    triangles = Delaunay(centres)
    points = np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[0])), -1).reshape(-1, 2).astype(np.float64)
    inside = triangles.find_simplex(points)
    cells = np.flatnonzero(inside >= 0)
    transform = triangles.transform[inside[cells]]
    first = np.einsum("nij,nj->ni", transform[:, :2], points[cells] - transform[:, 2])
    weights = np.concatenate([first, 1 - first.sum(1, keepdims=True)], 1)
    corners = index[kept][triangles.simplices[inside[cells]]]
    return coo_array((weights.ravel(), (np.repeat(cells, 3), corners.ravel())), shape=size).tocsr()


def _mean_weights(
    column: np.ndarray,
    row: np.ndarray,
    area: np.ndarray,
    index: np.ndarray,
    shape: tuple[int, int],
    size: tuple[int, int],
) -> csr_array:
    """Area weights, of sum 1, of the source centres in each target cell; none where there is no centre."""
    columns, rows = np.rint(column[index]).astype(int), np.rint(row[index]).astype(int)
    inside = (columns >= 0) & (columns < shape[1]) & (rows >= 0) & (rows < shape[0])
    cells, sources = (rows * shape[1] + columns)[inside], index[inside]
    total = np.bincount(cells, area[sources], minlength=size[0])
    return coo_array((area[sources] / total[cells], (cells, sources)), shape=size).tocsr()
