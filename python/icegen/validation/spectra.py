# SPDX-License-Identifier: MIT
"""Power spectra in square windows of ice-covered ocean.

Coasts and the ice edge dominate the spectrum of a whole field. Therefore only windows count that are all ocean and
almost completely covered with ice. Two states are compared in the windows that both cover, since the position of the
ice differs from state to state.
"""

import copy

import numpy as np

from icegen.data.extent import ICE_EDGE

WIDTH = 800e3  # m, of a window
COVERED = 0.95  # share of a window's cells with at least 15 % ice
OVERLAP = 4  # windows start every quarter of their width


def window_size(spacing: float) -> int:
    """Cells along a window's side, even."""
    return 2 * round(WIDTH / spacing / 2)


def find_windows(ocean: np.ndarray, size: int) -> list[tuple[slice, slice]]:
    """Windows of size x size cells that are ocean throughout."""
    step = max(1, size // OVERLAP)
    found = []
    for j in range(0, ocean.shape[0] - size + 1, step):
        for i in range(0, ocean.shape[1] - size + 1, step):
            window = slice(j, j + size), slice(i, i + size)
            if ocean[window].all():
                found.append(window)
    return found


def covered(sic: np.ndarray, windows: list) -> np.ndarray:
    """Which windows are covered with ice; bool [window] of concentration [y, x]."""
    return np.array([np.mean(sic[window] >= ICE_EDGE) >= COVERED for window in windows], bool)


def ring_power(field: np.ndarray) -> np.ndarray:
    """Power [ring] of square windows [..., n, n], rings of wavenumber 1 to n/2 per window, averaged over windows.

    A plane is subtracted, and a Hann window is applied and its loss of variance corrected. The sum over rings is the
    variance, except for the corners beyond n/2.
    """
    n = field.shape[-1]
    axis = (np.arange(n) - (n - 1) / 2) / np.sqrt(n * np.sum((np.arange(n) - (n - 1) / 2) ** 2))
    field = field - field.mean((-2, -1), keepdims=True, dtype=np.float64)
    for slope in (np.broadcast_to(axis, (n, n)), np.broadcast_to(axis[:, None], (n, n))):
        field = field - slope * np.sum(field * slope, (-2, -1), keepdims=True)
    taper = np.hanning(n + 1)[:n]
    taper = np.outer(taper, taper)
    power = np.abs(np.fft.fft2(field * taper)) ** 2 / (n**2 * np.sum(taper**2))
    wavenumber = np.fft.fftfreq(n, 1 / n)
    ring = np.rint(np.hypot(wavenumber, wavenumber[:, None])).astype(int)
    power = power.reshape(-1, n, n).mean(0)
    return np.bincount(ring.ravel(), power.ravel())[1 : n // 2 + 1]


def wavelengths(size: int, spacing: float) -> np.ndarray:
    """Wavelength [ring] of the rings of a window, m."""
    return size * spacing / np.arange(1, size // 2 + 1)


def bands(size: int, spacing: float) -> dict[str, np.ndarray]:
    """Octaves from the window's width down to two cells: name (in km) to bool [ring]."""
    found = {}
    wavelength, longest = wavelengths(size, spacing), size * spacing
    while longest / 2 >= 2 * spacing * (1 - 1e-6):
        inside = (wavelength <= longest * (1 + 1e-6)) & (wavelength > longest / 2 * (1 + 1e-6))
        found[f"{longest / 1000:.3g}-{longest / 2000:.3g}"] = inside
        longest /= 2
    return found


def effective_resolution(ratio: np.ndarray, wavelength: np.ndarray) -> float:
    """The first wavelength, from large to small, at which the ratio of spectra [ring] is below 0.5, m.

    The smallest wavelength if the ratio is never below.
    """
    below = np.flatnonzero(ratio < 0.5)
    return float(wavelength[below[0]] if len(below) else wavelength[-1])


class PairedSpectra:
    """Mean spectra of pairs of states, in the windows that both cover.

    size: cells along a window's side.  windows: how many there are in all.  used: pairs of windows compared so far.
    """

    def __init__(self, ocean: np.ndarray, spacing: float, variables: int):
        self.size = window_size(spacing)
        self.windows = find_windows(ocean, self.size) if self.size >= 4 else []
        self._variables = variables
        self._used: list[int] = []  # of each pair
        self._sums: list[np.ndarray] = []  # of each pair: [state and real, variable, ring]

    @property
    def used(self) -> int:
        return sum(self._used)

    def add(
        self, state: np.ndarray, real: np.ndarray, concentration: int, seen: np.ndarray, mean: np.ndarray | None = None
    ) -> None:
        """Add a state and the real one that it is compared with, each [variable, y, x].

        concentration: index of sic.  seen: bool [y, x]; windows with a cell that is not seen, such as one in the pole
        hole, are left out.  mean: of both, [variable, y, x]; if given, spectra are those of the anomalies from it.
        """
        whole = np.array([seen[window].all() for window in self.windows], bool)
        both = whole & covered(state[concentration], self.windows) & covered(real[concentration], self.windows)
        chosen = [window for window, kept in zip(self.windows, both, strict=True) if kept]
        sums = np.zeros((2, self._variables, self.size // 2))
        if chosen:
            for i, fields in enumerate((state, real)):
                for v, field in enumerate(fields if mean is None else fields - mean):
                    sums[i, v] = len(chosen) * ring_power(np.stack([field[window] for window in chosen]))
        self._used.append(len(chosen))
        self._sums.append(sums)

    def take(self, rows: np.ndarray) -> "PairedSpectra":
        """The spectra of some of the pairs [row], of which one may count several times."""
        taken = copy.copy(self)
        taken._used, taken._sums = ([values[row] for row in rows] for values in (self._used, self._sums))
        return taken

    def power(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean power of the states and of the real ones, each [variable, ring]."""
        states, real = np.sum(self._sums, axis=0) / self.used
        return states, real
