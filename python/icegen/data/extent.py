# SPDX-License-Identifier: MIT
"""Extent, ice edge, marginal ice zone and volume of states."""

import numpy as np

ICE_EDGE = 0.15  # concentration from which a cell counts as ice-covered
PACK_EDGE = 0.80  # concentration up to which ice belongs to the marginal ice zone


def extent(sic: np.ndarray, cell_area: np.ndarray, ocean: np.ndarray) -> np.ndarray:
    """Sea-ice extent [...] in m2 from concentration [..., y, x]: the ocean area with at least 15 % ice."""
    return _area((sic >= ICE_EDGE) & ocean, cell_area)


def marginal_ice_zone(sic: np.ndarray, cell_area: np.ndarray, ocean: np.ndarray) -> np.ndarray:
    """Area [...] in m2 of the marginal ice zone, concentration [..., y, x] from .15 to .80."""
    return _area((sic >= ICE_EDGE) & (sic <= PACK_EDGE) & ocean, cell_area)


def edge_length(sic: np.ndarray, cell_area: np.ndarray, ocean: np.ndarray) -> float:
    """Length in m of the ice edge of a concentration [y, x]: of the line between ocean cells with and without 15 % ice.

    The line follows the sides of cells. If it runs in all directions, its steps make it 4 / pi times as long as a
    smooth line, so their length is divided by that.
    """
    iced, side = sic >= ICE_EDGE, np.sqrt(cell_area)
    steps = 0.0
    for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        crossed = (iced[here] != iced[there]) & ocean[here] & ocean[there]
        steps += float((side[here] + side[there])[crossed].sum()) / 2
    return steps * np.pi / 4


def volume(sit: np.ndarray, cell_area: np.ndarray, ocean: np.ndarray) -> np.ndarray:
    """Ice volume [...] in m3 from effective thickness [..., y, x] in m."""
    return _area(np.where(ocean, sit, 0), cell_area)


def _area(values: np.ndarray, cell_area: np.ndarray) -> np.ndarray:
    return values.reshape(*values.shape[:-2], -1).astype(np.float64) @ cell_area.ravel()
