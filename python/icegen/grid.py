# SPDX-License-Identifier: MIT
"""The horizontal grid of a sea-ice state: projected axes, coordinate reference system, ocean mask."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyproj

FACTOR = 8  # the autoencoder halves the grid three times


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid in a projected coordinate reference system.

    x, y: cell centres in metres, evenly spaced; ``y`` may run either way.
    crs: anything ``pyproj.CRS`` takes.
    ocean: bool [y, x], true where sea ice can be.
    """

    x: np.ndarray
    y: np.ndarray
    crs: str
    ocean: np.ndarray

    def __post_init__(self):
        if self.ocean.shape != (len(self.y), len(self.x)):
            raise ValueError(f"ocean mask has shape {self.ocean.shape}; wanted {(len(self.y), len(self.x))} (y, x)")
        for name, axis in (("x", self.x), ("y", self.y)):
            if len(axis) % FACTOR:
                raise ValueError(f"grid axis {name} has {len(axis)} cells; wanted a multiple of {FACTOR}")
            steps = np.diff(axis)
            if not np.allclose(steps, steps[0], rtol=1e-4):
                raise ValueError(f"grid axis {name} is not evenly spaced: steps from {steps.min()} to {steps.max()} m")
        if not self.ocean.any():
            raise ValueError("the ocean mask holds no ocean cell")

    @property
    def shape(self) -> tuple[int, int]:
        return self.ocean.shape

    @property
    def dx(self) -> float:
        return float(self.x[-1] - self.x[0]) / (len(self.x) - 1)

    @property
    def dy(self) -> float:
        return float(self.y[-1] - self.y[0]) / (len(self.y) - 1)

    @cached_property
    def lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitude (-180 to 180) and latitude of the cell centres, degrees, float64 [y, x]."""
        to_lonlat = pyproj.Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        return to_lonlat.transform(*np.meshgrid(self.x, self.y))

    @cached_property
    def cell_area(self) -> np.ndarray:
        """True area of each cell in m2, float64 [y, x]: dx dy over the projection's areal scale."""
        projection = pyproj.Proj(self.crs)
        scale = projection.get_factors(*self.lonlat).areal_scale
        return abs(self.dx * self.dy) / scale

    @cached_property
    def cf_grid_mapping(self) -> dict:
        """CF grid-mapping attributes, crs_wkt included."""
        return pyproj.CRS(self.crs).to_cf()


def ocean_from_land_mask(x: np.ndarray, y: np.ndarray, crs: str) -> np.ndarray:
    """Ocean at cell centres after the package global-land-mask; bool [y, x]."""
    from global_land_mask import globe

    to_lonlat = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(*np.meshgrid(x, y))
    return globe.is_ocean(lat, lon)


def ease2_north(size: int = 512, spacing: float = 12500.0) -> Grid:
    """The central ``size`` x ``size`` cells of EASE-Grid 2.0 North (EPSG:6931), y from north to south on the page."""
    x = (np.arange(size) - (size - 1) / 2) * spacing
    return Grid(x=x, y=-x, crs="EPSG:6931", ocean=ocean_from_land_mask(x, -x, "EPSG:6931"))
