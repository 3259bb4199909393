# SPDX-License-Identifier: MIT
"""Extent, marginal ice zone and volume of states, and the climatology of extent of a prepared file."""

import numpy as np

from icegen.data.prepared_file import PreparedData

ICE_EDGE = 0.15  # concentration from which a cell counts as ice-covered
PACK_EDGE = 0.80  # concentration up to which ice belongs to the marginal ice zone


def extent(sic: np.ndarray, cell_area: np.ndarray, ocean: np.ndarray) -> np.ndarray:
    """Sea-ice extent [...] in m2 from concentration [..., y, x]: the ocean area with at least 15 % ice."""
    return _area((sic >= ICE_EDGE) & ocean, cell_area)


def marginal_ice_zone(sic: np.ndarray, cell_area: np.ndarray, ocean: np.ndarray) -> np.ndarray:
    """Area [...] in m2 of the marginal ice zone, concentration [..., y, x] from .15 to .80."""
    return _area((sic >= ICE_EDGE) & (sic <= PACK_EDGE) & ocean, cell_area)


def volume(sit: np.ndarray, cell_area: np.ndarray, ocean: np.ndarray) -> np.ndarray:
    """Ice volume [...] in m3 from effective thickness [..., y, x] in m."""
    return _area(np.where(ocean, sit, 0), cell_area)


def extent_climatology(data: PreparedData) -> dict:
    """Monthly extent of the training years: mean, min, max, std over years, each [12] in m2, January first."""
    ids = [v.id for v in data.variables]
    if "sic" not in ids:
        return {}
    sic, times = ids.index("sic"), np.flatnonzero(data.training)
    area = np.array([extent(data.state[t, sic].astype(np.float32), data.grid.cell_area, data.grid.ocean)
                     for t in times])  # fmt: skip
    by_month = [area[data.month[times] == month] for month in range(1, 13)]
    if not all(len(values) for values in by_month):
        return {}
    return {
        "units": "m2",
        "years": [int(data.year[times].min()), int(data.year[times].max())],
        **{name: [float(f(values)) for values in by_month] for name, f in
           (("mean", np.mean), ("min", np.min), ("max", np.max), ("std", np.std))},
    }  # fmt: skip


def _area(values: np.ndarray, cell_area: np.ndarray) -> np.ndarray:
    return values.reshape(*values.shape[:-2], -1).astype(np.float64) @ cell_area.ravel()
