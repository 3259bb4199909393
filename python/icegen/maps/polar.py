# SPDX-License-Identifier: MIT
"""Polar maps: projection, land, graticule, scales."""

import math
from dataclasses import dataclass
from typing import Any

import cmocean
import numpy as np
import pyproj
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, to_rgba
from matplotlib.figure import FigureBase
from numpy.typing import ArrayLike

from icegen.maps.style import COAST, INK, LAND, LINES, NO_DATA

SOUTHERNMOST = 50.0  # degrees north, reached in the corners of a map or along its sides
DIFFERENCES = ("increment", "anomaly")  # ends of names, such as sic_increment, that name the scale
HALF_WIDTH = 3.2e6  # m; the corners of this square lie at 49 N


@dataclass(frozen=True)
class Style:
    """How a variable is drawn: heading, label, colours and range of the scale."""

    heading: str
    label: str
    colours: Colormap
    lower: float
    upper: float
    extend: str = "neither"


def style(name: str, values: np.ndarray, long_name: str = "", units: str = "") -> Style:
    """The style of a variable, with one scale for all its ``values``, which have any shape and NaN without data."""
    reach = float(np.nanquantile(np.abs(values), 0.995))
    if name == "sic":
        return Style("Sea-ice concentration", "Concentration", cmocean.cm.ice, 0.0, 1.0)
    if name == "sit":
        top = max(1.0, math.ceil(2 * reach) / 2)
        return Style("Effective sea-ice thickness", "Thickness (m)", cmocean.cm.dense, 0.0, top, "max")
    if name == "sid":
        return Style("Sea-ice damage", "Damage", cmocean.cm.matter, 0.0, 1.0)
    if name == "drift":
        return Style("Sea-ice drift", "Speed (m s⁻¹)", cmocean.cm.speed, 0.0, float(f"{reach:.1g}") or 1.0, "max")
    heading = (long_name or name)[:1].upper() + (long_name or name)[1:]
    difference = name.rpartition("_")[2]
    label = difference.capitalize() if difference in DIFFERENCES else name
    label += f" ({units})" if units not in ("", "1") else ""
    top = float(f"{reach:.1g}") or 1.0
    if np.nanmin(values) < 0:
        return Style(heading, label, cmocean.cm.balance, -top, top, "both")
    return Style(heading, label, cmocean.cm.matter, 0.0, top, "max")


def edges(middles: np.ndarray) -> np.ndarray:
    """Edges [n + 1] of cells with the given middles [n]."""
    inner = (middles[1:] + middles[:-1]) / 2
    return np.concatenate([[2 * middles[0] - inner[0]], inner, [2 * middles[-1] - inner[-1]]])


def corners(middles: np.ndarray) -> np.ndarray:
    """A coordinate of the cells' corners [row + 1, column + 1], midway between those of their middles [row, column]."""
    for _ in range(2):
        ends = [2 * middles[:1] - middles[1:2], middles, 2 * middles[-1:] - middles[-2:-1]]
        padded = np.concatenate(ends)
        middles = ((padded[1:] + padded[:-1]) / 2).T
    return middles


def project(lon: ArrayLike, lat: ArrayLike, inverse: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Degrees to metres in EASE-Grid 2.0 North (EPSG:6931), or back: equal areas, Greenwich downward."""
    transformer = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:6931", always_xy=True)
    return transformer.transform(lon, lat, direction="INVERSE" if inverse else "FORWARD")


def centres(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres [row, column] of the cells with corners x, y [row + 1, column + 1]."""
    return (x[1:, 1:] + x[:-1, :-1]) / 2, (y[1:, 1:] + y[:-1, :-1]) / 2


def map_half_width(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Half the side of the square map in metres: all cells with data, but none south of ``SOUTHERNMOST`` at its sides.

    values: [..., lat, lon], NaN without data;  x, y: cell corners [lat + 1, lon + 1], metres.
    """
    there = np.isfinite(values).any(axis=(0, 1))
    reach = max(np.abs(c[there]).max() for c in centres(x, y))
    return min(max(reach, HALF_WIDTH), float(abs(project(0.0, SOUTHERNMOST)[1])))


def land_image(half: float, pixels: int) -> np.ndarray:
    """Land as an image of the map, RGBA [pixels, pixels, 4], north-western corner of the array first; clear at sea."""
    from global_land_mask import globe  # takes a second and a gigabyte

    middles = (np.arange(pixels) + 0.5) / pixels * 2 * half - half
    lon, lat = project(*np.meshgrid(middles, middles[::-1]), inverse=True)
    image = np.zeros((pixels, pixels, 4), dtype=np.float32)
    image[..., :3] = to_rgba(LAND)[:3]
    image[..., 3] = globe.is_land(lat, lon)
    return image


def draw_land(panel: Axes, x: np.ndarray, y: np.ndarray, land: np.ndarray) -> None:
    """Land and its coast from a grid's own mask: bool [row, column];  x, y: cell corners [row + 1, column + 1], m."""
    x, y = centres(x, y)
    panel.contourf(x, y, land, levels=[0.5, 1.5], colors=[LAND], zorder=2)
    panel.contour(x, y, land, levels=[0.5], colors=[COAST], linewidths=0.4, zorder=2.5)


def dress_map(panel: Axes, half: float) -> None:
    """Graticule and frame."""
    panel.set_facecolor(NO_DATA)
    thin: dict[str, Any] = {"color": LINES, "linewidth": 0.35, "alpha": 0.6, "zorder": 3}
    around = np.linspace(-180, 180, 361)
    for lat in (60, 70, 80):
        panel.plot(*project(around, np.full_like(around, lat)), **thin)
    for lon in range(-180, 180, 45):
        panel.plot(*project(np.full(2, lon), np.array([40.0, 85.0 if lon % 90 else 90.0])), **thin)
    for lon, lat in ((128, 60), (-40, 70), (-40, 80)):  # on land: Siberia and Greenland
        x, y = project(lon, lat)
        panel.text(float(x), float(y), f"{lat}°N", fontsize=5, ha="center", va="center", color=INK, zorder=4)
    panel.set(xlim=(-half, half), ylim=(-half, half), xticks=[], yticks=[], aspect="equal")
    for spine in panel.spines.values():
        spine.set(edgecolor=LINES, linewidth=0.6)


def draw_bar(figure: FigureBase, mesh: QuadMesh, axes: Axes, how: Style) -> None:
    """The bar of a map's colours."""
    bar = figure.colorbar(mesh, cax=axes, orientation="horizontal", extend=how.extend)
    bar.set_label(how.label, fontsize=8, labelpad=2, color=INK)
    bar.ax.tick_params(labelsize=7.5, length=2.5, color=LINES, labelcolor=INK)
    bar.outline.set_edgecolor(LINES)
    bar.outline.set_linewidth(0.5)


def label_meridians(panel: Axes, top: bool, bottom: bool, left: bool, right: bool) -> None:
    """Name the meridians that end in the middle of an outer side."""
    style: dict[str, Any] = {"transform": panel.transAxes, "fontsize": 6, "color": LINES}
    if top:
        panel.text(0.5, 1.015, "180°", ha="center", va="bottom", **style)
    if bottom:
        panel.text(0.5, -0.015, "0°", ha="center", va="top", **style)
    if left:
        panel.text(-0.015, 0.5, "90°W", ha="right", va="center", rotation=90, **style)
    if right:
        panel.text(1.015, 0.5, "90°E", ha="left", va="center", rotation=90, **style)
