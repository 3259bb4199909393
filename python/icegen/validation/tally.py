# SPDX-License-Identifier: MIT
"""Figures of a set of states, which are added one by one, so that no set has to be in memory."""

import copy
from collections.abc import Callable

import numpy as np

from icegen.data.consistency import ThicknessRange, contradictions
from icegen.data.extent import ICE_EDGE, edge_length, extent, marginal_ice_zone, volume
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.variables import Variable
from icegen.validation import scores
from icegen.validation.local import Moments, local_moments

BLOCK = 8  # cells along the side of the blocks whose means are compared with training states
PER_STATE = ("extent", "marginal", "edge", "volume", "contradictions", "coarse", "features", "local", "_at_bounds",
             "_cells", "_iced", "_histograms")  # fmt: skip
BINS, BIN_STD = 4000, 0.01  # of the histograms, which cover 20 standard deviations on both sides of the mean


class Tally:
    """Sums over a set of states, and figures of each state.

    mean, std: [variable], of the real states; histograms and distances are in units of std.
    features: function of a state [variable, y, x] that returns its features [feature].
    latent: function of a state that returns its latent [z, y/f, x/f]; without it, ``local`` stays empty.
    thickness: bounds of sit / sic.
    Lists with one entry for each state: ``extent`` and ``marginal`` (m2), ``edge`` (m), ``volume`` (m3) and
    ``contradictions`` (number of ocean cells in which sic and sit contradict each other), empty without their
    variables; ``coarse`` [variable * block] in standard deviations; ``features`` [feature]; ``local``, the
    `local_moments` of its latent.
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
        latent: Callable[[np.ndarray], np.ndarray] | None = None,
    ):
        ids = [v.id for v in variables]
        self.variables = variables
        self.grid = grid
        self.std = std
        self.origin = mean - BINS / 2 * BIN_STD * std
        self.concentration = ids.index("sic") if "sic" in ids else None
        self.thickness = ids.index("sit") if "sit" in ids else None
        self._feature_function = features
        self._latent_function = latent
        self._thickness_range = thickness
        self.extent: list[np.ndarray] = []
        self.marginal: list[np.ndarray] = []
        self.edge: list[float] = []
        self.volume: list[np.ndarray] = []
        self.contradictions: list[int] = []
        self.coarse: list[np.ndarray] = []
        self.features: list[np.ndarray] = []
        self.local: list[list[Moments]] = []
        self._at_bounds: list[np.ndarray] = []
        self._cells: list[np.ndarray] = []
        self._iced: list[np.ndarray] = []  # bits
        self._histograms: list[np.ndarray] = []

    def add(self, state: np.ndarray, seen: np.ndarray) -> None:
        """Add a state [variable, y, x]. Cells that are not ``seen`` [variable, y, x] count in no share or histogram."""
        ocean, area = self.grid.ocean, self.grid.cell_area
        if self.concentration is not None:
            sic = state[self.concentration]
            self.extent.append(extent(sic, area, ocean))
            self.marginal.append(marginal_ice_zone(sic, area, ocean))
            self.edge.append(edge_length(sic, area, ocean))
            self._iced.append(np.packbits(sic >= ICE_EDGE))
        if self.thickness is not None:
            self.volume.append(volume(state[self.thickness], area, ocean))
        if self.concentration is not None and self.thickness is not None:
            sic, sit = (state[i][ocean] for i in (self.concentration, self.thickness))
            self.contradictions.append(int(np.count_nonzero(contradictions(sic, sit, self._thickness_range))))
        self.coarse.append((scores.coarsen(state, ocean, BLOCK) / self.std[:, None]).ravel().astype(np.float32))
        self.features.append(self._feature_function(state))
        if self._latent_function is not None:
            latent = self._latent_function(state)
            share = scores.block_means(ocean.astype(np.float64), ocean.shape[0] // latent.shape[1])
            self.local.append(local_moments(latent, share))
        at_bounds, histograms = np.zeros((2, len(self.variables))), np.zeros((len(self.variables), BINS), np.int32)
        for i, v in enumerate(self.variables):
            values = state[i][seen[i]]
            for side, bound in enumerate((v.lower, v.upper)):
                if bound is not None:
                    at_bounds[side, i] = np.count_nonzero(values == np.float32(bound))
            index = ((values - self.origin[i]) / (BIN_STD * self.std[i])).astype(np.int64).clip(0, BINS - 1)
            histograms[i] = np.bincount(index, minlength=BINS)
        self._at_bounds.append(at_bounds)
        self._cells.append(histograms.sum(1))
        self._histograms.append(histograms)

    def take(self, rows: np.ndarray) -> "Tally":
        """The tally of some of the states [row], of which one may count several times."""
        taken = copy.copy(self)
        for name in PER_STATE:
            values = getattr(self, name)
            setattr(taken, name, [values[row] for row in rows] if values else [])
        return taken

    @property
    def histogram(self) -> np.ndarray:
        return np.asarray(np.sum(self._histograms, axis=0, dtype=np.int64))

    @property
    def at_bounds(self) -> np.ndarray:
        return np.sum(self._at_bounds, axis=0) / np.sum(self._cells, axis=0)

    @property
    def probability(self) -> np.ndarray:
        ocean = self.grid.ocean
        iced = np.zeros(ocean.size)
        for bits in self._iced:
            iced += np.unpackbits(bits, count=ocean.size)
        return iced.reshape(ocean.shape) / len(self._iced)
