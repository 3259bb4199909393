# SPDX-License-Identifier: MIT
"""Figures of a set of states, which are added one by one, so that no set has to be in memory."""

from collections.abc import Callable

import numpy as np

from icegen.data.consistency import ThicknessRange, contradictions
from icegen.data.extent import ICE_EDGE, extent, marginal_ice_zone, volume
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.variables import Variable
from icegen.validation import scores

BLOCK = 8  # cells along the side of the blocks whose means are compared with training states
BINS, BIN_STD = 4000, 0.01  # of the histograms, which cover 20 standard deviations on both sides of the mean


class Tally:
    """Sums over a set of states, and figures of each state.

    mean, std: [variable], of the real states; histograms and distances are in units of std.
    features: function of a state [variable, y, x] that returns its features [feature].
    thickness: bounds of sit / sic.
    Lists with one entry for each state: ``extent`` and ``marginal`` (m2), ``volume`` (m3) and ``contradictions``
    (number of ocean cells in which sic and sit contradict each other), empty without their variables;
    ``coarse`` [variable * block] in standard deviations; ``features`` [feature].
    Over all states: ``at_bounds`` [lower and upper, variable], shares of cells exactly there; ``probability`` [y, x] of
    sea ice; ``histogram`` [variable, bin].
    """

    def __init__(
        self,
        variables: tuple[Variable, ...],
        grid: Grid | CurvilinearGrid,
        mean: np.ndarray,
        std: np.ndarray,
        features: Callable[[np.ndarray], np.ndarray],
        thickness: ThicknessRange,
    ):
        ids = [v.id for v in variables]
        self.variables = variables
        self.grid = grid
        self.std = std
        self.origin = mean - BINS / 2 * BIN_STD * std
        self.concentration = ids.index("sic") if "sic" in ids else None
        self.thickness = ids.index("sit") if "sit" in ids else None
        self.histogram = np.zeros((len(variables), BINS), np.int64)
        self._feature_function = features
        self._thickness_range = thickness
        self.extent: list[np.ndarray] = []
        self.marginal: list[np.ndarray] = []
        self.volume: list[np.ndarray] = []
        self.contradictions: list[int] = []
        self.coarse: list[np.ndarray] = []
        self.features: list[np.ndarray] = []
        self._at_bounds = np.zeros((2, len(variables)))
        self._cells = np.zeros(len(variables))
        self._iced = np.zeros(grid.shape)
        self._states = 0

    def add(self, state: np.ndarray, seen: np.ndarray) -> None:
        """Add a state [variable, y, x]. Cells that are not ``seen`` [variable, y, x] count in no share or histogram."""
        ocean, area = self.grid.ocean, self.grid.cell_area
        self._states += 1
        if self.concentration is not None:
            sic = state[self.concentration]
            self.extent.append(extent(sic, area, ocean))
            self.marginal.append(marginal_ice_zone(sic, area, ocean))
            self._iced += sic >= ICE_EDGE
        if self.thickness is not None:
            self.volume.append(volume(state[self.thickness], area, ocean))
        if self.concentration is not None and self.thickness is not None:
            sic, sit = (state[i][ocean] for i in (self.concentration, self.thickness))
            self.contradictions.append(int(np.count_nonzero(contradictions(sic, sit, self._thickness_range))))
        self.coarse.append((scores.coarsen(state, ocean, BLOCK) / self.std[:, None]).ravel())
        self.features.append(self._feature_function(state))
        for i, v in enumerate(self.variables):
            values = state[i][seen[i]]
            self._cells[i] += values.size
            for side, bound in enumerate((v.lower, v.upper)):
                if bound is not None:
                    self._at_bounds[side, i] += np.count_nonzero(values == np.float32(bound))
            index = ((values - self.origin[i]) / (BIN_STD * self.std[i])).astype(np.int64).clip(0, BINS - 1)
            self.histogram[i] += np.bincount(index, minlength=BINS)

    @property
    def at_bounds(self) -> np.ndarray:
        return self._at_bounds / self._cells

    @property
    def probability(self) -> np.ndarray:
        return self._iced / self._states
