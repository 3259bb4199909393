# SPDX-License-Identifier: MIT
"""Published figures of neXtSIM-OPA (CREG025, 12.5 km, 1995 to 2018), with which idealised states are compared.

Means and standard deviations are over all ocean cells and times; the figures of one thickness field are of a 1 January.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from icegen.data.formats.states_on_disk import StatesOnDisk
from icegen.data.grid import Grid

# id: mean, standard deviation
MOMENTS = {
    "sic": (0.492, 0.475),
    "sit": (0.876, 1.054),
    "sid": (0.368, 0.431),
    "siu": (-0.0025, 0.0621),
    "siv": (-0.0079, 0.0653),
}


@dataclass(frozen=True)
class Target:
    """A figure of the states, the value it aims at, and the range in which it should be."""

    name: str
    value: float
    target: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        return self.low <= self.value <= self.high


def figures(
    state: np.ndarray | StatesOnDisk, grid: Grid, month: np.ndarray, times: Sequence[int], ids: list[str]
) -> list[Target]:
    """The figures of some ``times`` of states [time, variable, y, x] on a projected grid.

    Figures of one thickness field are means over the times in January. They are left out if there is no such time, or
    if the grid does not resolve their scale.
    """
    moments = np.zeros((2, len(ids)))
    thickness = []
    for t in times:
        x = np.asarray(state[t])[:, grid.ocean].astype(np.float64)
        moments += np.stack([x.mean(1), (x**2).mean(1)]) / len(times)
        if month[t] == 1:
            field = np.asarray(state[t][ids.index("sit")], np.float64)
            thickness.append(thickness_figures(field, grid.ocean, grid.dx))
    rows = []
    for name, mean, square in zip(ids, *moments, strict=True):
        rows.append(_within_share(f"{name} mean", mean, MOMENTS[name][0], 0.2))
        rows.append(_within_share(f"{name} standard deviation", np.sqrt(square - mean**2), MOMENTS[name][1], 0.2))
    for same in zip(*thickness, strict=True):
        rows.append(replace(same[0], value=float(np.mean([row.value for row in same]))))
    return rows


def thickness_figures(sit: np.ndarray, ocean: np.ndarray, spacing: float) -> list[Target]:
    """The figures of one thickness field [y, x] in m, on cells of ``spacing`` metres."""
    x = sit[ocean]
    rows = [
        _within_share("January: sit mean", x.mean(), 0.865, 0.2),
        _within_share("January: sit standard deviation", x.std(), 0.939, 0.2),
        _within_points("January: share of exact zeros", np.mean(x == 0), 0.356),
        _within_points("January: share between 0 and 0.5 m", np.mean((x > 0) & (x < 0.5)), 0.096),
        _within_share("January: 99th percentile of sit", np.quantile(x, 0.99), 3.56, 0.2),
        _within_factor("January: largest sit", x.max(), 8.85, 1.5),
    ]
    for wavenumber, share in ((32, 0.099), (64, 0.058), (128, 0.025)):
        if 6400e3 / wavenumber >= 4 * spacing:  # at least four cells for each wavelength
            value = variance_share(np.where(ocean, sit, 0), spacing, 6400e3 / wavenumber)
            rows.append(_within_factor(f"January: sit variance beyond wavenumber {wavenumber}", value, share, 1.5))
    size = round(100e3 / spacing)
    if size > 1:
        rows.append(_within_share("January: loss of 100 km block means", block_loss(sit, ocean, size), 0.35, 0.2))
    return rows


def variance_share(field: np.ndarray, spacing: float, wavelength: float) -> float:
    """Share of a field's variance at wavelengths below ``wavelength`` metres, by the two-dimensional periodogram."""
    power = np.abs(np.fft.fft2(field - field.mean())) ** 2
    k = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, spacing) for n in field.shape), indexing="ij"))
    return float(power[k > 1 / wavelength].sum() / power.sum())


def block_loss(field: np.ndarray, ocean: np.ndarray, size: int) -> float:
    """RMS difference of a field from its means over blocks of ``size`` x ``size`` cells, in standard deviations."""
    ny, nx = (n // size * size for n in field.shape)
    blocks = np.where(ocean, field, 0)[:ny, :nx].reshape(ny // size, size, nx // size, size)
    sea = ocean[:ny, :nx].reshape(blocks.shape)
    means = blocks.sum((1, 3), keepdims=True) / np.maximum(sea.sum((1, 3), keepdims=True), 1)
    return float(np.sqrt(np.mean((blocks - means)[sea] ** 2)) / field[ocean].std())


def _within_share(name: str, value: float, target: float, share: float) -> Target:
    ends = sorted((target * (1 - share), target * (1 + share)))
    return Target(name, float(value), target, *ends)


def _within_points(name: str, value: float, target: float) -> Target:
    return Target(name, float(value), target, target - 0.05, target + 0.05)


def _within_factor(name: str, value: float, target: float, factor: float) -> Target:
    return Target(name, float(value), target, target / factor, target * factor)
