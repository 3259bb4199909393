# SPDX-License-Identifier: MIT
"""Drift on maps: its speed in colours, its direction as arrows."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from icegen.maps.polar import centres
from icegen.maps.style import INK

NAME = "drift"  # what is drawn of COMPONENTS
COMPONENTS = ("siu", "siv")
ARROWS = 30  # along the longer side of the grid
LONGEST = 1.6  # of an arrow at the end of the colour scale, in distances between arrows


def with_speed(fields: xr.Dataset) -> xr.Dataset:
    """Fields whose drift is also one variable: its speed, m s-1."""
    u, v = (fields[name] for name in COMPONENTS)
    speed = (u**2 + v**2) ** 0.5
    speed.attrs = {"long_name": "sea-ice drift", "units": "m s-1"}
    return fields.assign({NAME: speed})


def along_map(fields: xr.Dataset, corners: tuple[np.ndarray, np.ndarray], against: bool) -> xr.Dataset:
    """Drift [..., row, column] along the grid's axes, turned to the axes of the map.

    corners: x, y [row + 1, column + 1] of the cells on the map, m.
    against: whether the grid's x axis runs against its columns. Its y axis lies to the left of its x axis.
    """
    x, y = centres(*corners)
    along = np.gradient(x, axis=1) + 1j * np.gradient(y, axis=1)
    along = along / np.abs(along) * (-1 if against else 1)
    u, v = (fields[name] for name in COMPONENTS)
    return xr.Dataset({"u": u * along.real - v * along.imag, "v": u * along.imag + v * along.real})


def draw_arrows(panel: Axes, corners: tuple[np.ndarray, np.ndarray], u: np.ndarray, v: np.ndarray, top: float) -> None:
    """Arrows of drift along the map's axes [row, column], NaN without; ``top`` is the end of the colour scale.

    Faster ice has arrows of that length.
    """
    every = max(1, max(u.shape) // ARROWS)
    x, y = (c[every // 2 :: every, every // 2 :: every] for c in centres(*corners))
    u, v = (values[every // 2 :: every, every // 2 :: every] for values in (u, v))
    speed = np.hypot(u, v)
    moving = speed > 0  # false without a value
    shown = np.minimum(1, top / np.where(moving, speed, top))
    apart = np.median(np.hypot(np.diff(x, axis=1), np.diff(y, axis=1))) if x.shape[1] > 1 else 1.0
    panel.quiver(
        x[moving],
        y[moving],
        (u * shown)[moving],
        (v * shown)[moving],
        angles="xy",
        scale_units="xy",
        scale=top / (LONGEST * apart),
        width=0.004,
        color=INK,
        zorder=2.8,
    )


def drawable(held: list[str]) -> list[str]:
    """The names that can be drawn where some variables are held."""
    return [*held, NAME] if set(COMPONENTS) <= set(held) else held
