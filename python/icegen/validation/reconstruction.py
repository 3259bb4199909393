# SPDX-License-Identifier: MIT
"""How well encoded and decoded states agree with the originals."""

import numpy as np

from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.variables import Variable
from icegen.validation.scores import mean_gradient


class Reconstruction:
    """Sums over states and their reconstructions, which are added pair by pair."""

    def __init__(self, variables: tuple[Variable, ...], grid: Grid | CurvilinearGrid):
        self.variables = variables
        self.grid = grid
        n = len(variables)
        self._cells, self._values, self._squares = np.zeros(n), np.zeros(n), np.zeros(n)
        self._errors, self._squared_errors = np.zeros(n), np.zeros(n)
        self._gradients: list[list[list[float]]] = [[] for _ in variables]
        self._bounds = np.zeros(
            (2, n, 4)
        )  # [lower and upper, variable]: cells at the bound, of those still there; other cells, of those put there

    def add(self, state: np.ndarray, reconstructed: np.ndarray, seen: np.ndarray) -> None:
        """Add a state and its reconstruction. seen: the cells that count. Each is [variable, y, x]."""
        for i, v in enumerate(self.variables):
            x = state[i][seen[i]].astype(np.float64)
            self._cells[i] += x.size
            self._values[i] += x.sum()
            self._squares[i] += x @ x
            y = reconstructed[i][seen[i]].astype(np.float64)
            self._errors[i] += (y - x).sum()
            self._squared_errors[i] += (y - x) @ (y - x)
            self._gradients[i].append([mean_gradient(field[i], seen[i], 1.0) for field in (state, reconstructed)])
            for side, bound in enumerate((v.lower, v.upper)):
                if bound is not None:
                    at, put = x == bound, y == bound
                    self._bounds[side, i] += at.sum(), (at & put).sum(), (~at).sum(), (~at & put).sum()

    @property
    def mean(self) -> np.ndarray:
        """Of the states, [variable]."""
        return self._values / self._cells

    @property
    def std(self) -> np.ndarray:
        """Of the states, [variable]."""
        return np.sqrt((self._squares / self._cells - self.mean**2).clip(0))

    def scores(self, i: int) -> dict[str, float]:
        """Scores of variable ``i`` by name; only those that are defined."""
        rmse = np.sqrt(self._squared_errors[i] / self._cells[i])
        real, reconstructed = np.nanmean(self._gradients[i], axis=0)
        found = {"rmse": rmse, "bias": self._errors[i] / self._cells[i]}
        if self.std[i] > 0:
            found["rmse_over_std"] = rmse / self.std[i]
        if real > 0:
            found["gradient"] = reconstructed / real
        for name, (at, kept, others, put) in zip(("zeros", "ones"), self._bounds[:, i], strict=True):
            if at:
                found[f"{name}_kept"] = kept / at
            if others and at + others:
                found[f"false_{name}"] = put / others
        return {name: float(value) for name, value in found.items()}
