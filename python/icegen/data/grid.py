# SPDX-License-Identifier: MIT
"""The horizontal grid of a sea-ice state, projected or curvilinear: positions, areas, directions, ocean mask."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyproj

FACTOR = 8  # the autoencoder halves the grid three times
EARTH_RADIUS = 6371007.2  # m, of the sphere of the ellipsoid's area


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

    def __post_init__(self) -> None:
        for name, axis in (("x", self.x), ("y", self.y)):
            steps = np.diff(axis)
            if not np.allclose(steps, steps[0], rtol=1e-4):
                raise ValueError(f"grid axis {name} is not evenly spaced: steps from {steps.min()} to {steps.max()} m")
            if steps[0] == 0:
                raise ValueError(f"grid axis {name} has steps of 0 m; wanted cells at different places")
        _check_mask(self.ocean, (len(self.y), len(self.x)))

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
        return abs(self.dx * self.dy) / np.asarray(scale)

    @property
    def x_direction(self) -> np.ndarray:
        """exp(i angle) of the x axis from east, complex128 [y, x]: (east + i north) = (u + i v) times this."""
        return self.x_direction_at(*self.lonlat)

    def x_direction_at(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """The same at any longitudes and latitudes, degrees."""
        return np.exp(-1j * np.radians(pyproj.Proj(self.crs).get_factors(longitude, latitude).meridian_convergence))

    def x_direction_near(self, cells: np.ndarray, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """exp(i angle) of the x axis of cells (int [n], row by row) from east at points nearby, complex128 [n]."""
        return self.x_direction_at(longitude, latitude)

    @cached_property
    def cf_grid_mapping(self) -> dict:
        """CF grid-mapping attributes, crs_wkt included."""
        return pyproj.CRS(self.crs).to_cf()

    @property
    def cf_grid_mapping_attribute(self) -> dict[str, str]:
        """The CF attribute that ties a variable to the grid's map."""
        return {"grid_mapping": "crs"}

    @property
    def cf_attributes(self) -> dict[str, str]:
        """CF attributes of every variable on the grid, in a file without further coordinates."""
        return self.cf_grid_mapping_attribute

    @property
    def cf_coordinates(self) -> dict[str, tuple]:
        """CF coordinate variables as name: (dimensions, values, attributes)."""
        return {
            "y": (("y",), self.y, {"standard_name": "projection_y_coordinate", "units": "m", "axis": "Y"}),
            "x": (("x",), self.x, {"standard_name": "projection_x_coordinate", "units": "m", "axis": "X"}),
            "crs": ((), np.int32(0), self.cf_grid_mapping),
        }


@dataclass(frozen=True, eq=False)
class CurvilinearGrid:
    """A logically rectangular grid on the sphere, such as a model's own.

    longitude, latitude: cell centres, degrees, float64 [y, x]; seen from above, y lies to the left of x.
    ocean: bool [y, x], true where sea ice can be.
    """

    longitude: np.ndarray
    latitude: np.ndarray
    ocean: np.ndarray

    def __post_init__(self) -> None:
        _check_mask(self.ocean, self.latitude.shape)
        if not (np.isfinite(self.longitude).all() and np.all(np.abs(self.latitude) <= 90)):
            raise ValueError("the grid has cells without a finite longitude and a latitude from -90 to 90")

    @property
    def shape(self) -> tuple[int, int]:
        return self.ocean.shape

    @cached_property
    def lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitude (-180 to 180) and latitude of the cell centres, degrees, float64 [y, x]."""
        return (self.longitude + 180) % 360 - 180, self.latitude

    @cached_property
    def cell_area(self) -> np.ndarray:
        """Area of each cell on the sphere in m2, float64 [y, x]; a corner is the mean of the four centres around it."""
        centres = _unit_vectors(*self.lonlat)
        for axis in (0, 1):  # add a row or column at each end
            inner = np.moveaxis(centres, axis, 0)
            ends = [2 * inner[:1] - inner[1:2], inner, 2 * inner[-1:] - inner[-2:-1]]
            centres = np.moveaxis(np.concatenate(ends), 0, axis)
        corners = centres[:-1, :-1] + centres[:-1, 1:] + centres[1:, :-1] + centres[1:, 1:]
        corners /= np.linalg.norm(corners, axis=-1, keepdims=True)
        a, b, c, d = corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]
        return EARTH_RADIUS**2 * (_solid_angle(a, b, c) + _solid_angle(a, c, d))

    @cached_property
    def x_direction(self) -> np.ndarray:
        """exp(i angle) of the x axis from east, complex128 [y, x]: (east + i north) = (u + i v) times this."""
        longitude, latitude = (c.ravel() for c in self.lonlat)
        return self.x_direction_near(np.arange(self.ocean.size), longitude, latitude).reshape(self.shape)

    def x_direction_near(self, cells: np.ndarray, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """exp(i angle) of the x axis of cells (int [n], row by row) from east at points nearby, complex128 [n]."""
        longitude, latitude = np.radians(longitude), np.radians(latitude)
        along = np.gradient(_unit_vectors(*self.lonlat), axis=1).reshape(-1, 3)[cells]
        east = np.stack([-np.sin(longitude), np.cos(longitude), np.zeros_like(longitude)], -1)
        north = np.stack(
            [-np.sin(latitude) * np.cos(longitude), -np.sin(latitude) * np.sin(longitude), np.cos(latitude)], -1
        )
        direction = np.sum(along * east, -1) + 1j * np.sum(along * north, -1)
        return direction / np.abs(direction)

    @property
    def cf_grid_mapping_attribute(self) -> dict[str, str]:
        """Empty, because the grid has no map."""
        return {}

    @property
    def cf_attributes(self) -> dict[str, str]:
        """CF attributes of every variable on the grid, in a file without further coordinates."""
        return {"coordinates": "lat lon"}

    @property
    def cf_coordinates(self) -> dict[str, tuple]:
        """CF coordinate variables as name: (dimensions, values, attributes)."""
        longitude, latitude = self.lonlat
        return {
            "lat": (("y", "x"), latitude, {"standard_name": "latitude", "units": "degrees_north"}),
            "lon": (("y", "x"), longitude, {"standard_name": "longitude", "units": "degrees_east"}),
        }


def ocean_from_land_mask(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Whether places are ocean, by the package global-land-mask; bool, of their shape. longitude: -180 to 180."""
    from global_land_mask import globe

    return globe.is_ocean(latitude, longitude)


def ease2_north(size: int = 512, spacing: float = 12500.0) -> Grid:
    """The central ``size`` x ``size`` cells of EASE-Grid 2.0 North (EPSG:6931), y from north to south on the page."""
    x = (np.arange(size) - (size - 1) / 2) * spacing
    return projected_grid(x, -x, "EPSG:6931")


def projected_grid(x: np.ndarray, y: np.ndarray, crs: str, ocean: np.ndarray | None = None) -> Grid:
    """A projected grid, with the ocean of the package global-land-mask if none is given."""
    if ocean is None:
        ocean = ocean_from_land_mask(*Grid(x, y, crs, np.ones((len(y), len(x)), bool)).lonlat)
    return Grid(x, y, crs, ocean)


def curvilinear_grid(longitude: np.ndarray, latitude: np.ndarray, ocean: np.ndarray | None = None) -> CurvilinearGrid:
    """A curvilinear grid, with the ocean of the package global-land-mask if none is given."""
    grid = CurvilinearGrid(longitude, latitude, np.ones(latitude.shape, bool) if ocean is None else ocean)
    return grid if ocean is not None else CurvilinearGrid(longitude, latitude, ocean_from_land_mask(*grid.lonlat))


def same_points(a: Grid | CurvilinearGrid, b: Grid | CurvilinearGrid) -> bool:
    """Whether the cells of two grids have the same centres, to a thousandth of a degree."""
    return a.shape == b.shape and np.allclose(a.lonlat, b.lonlat, atol=1e-3)


def require_same(seen: Grid | CurvilinearGrid, wanted: Grid | CurvilinearGrid, name: str, wanted_by: str) -> None:
    """Raise ValueError unless two grids have the same cells and the same ocean. The names are for the message."""
    if not same_points(seen, wanted):
        raise ValueError(f"{name} is of {describe(seen)}; {wanted_by} is of {describe(wanted)}")
    differing = int((seen.ocean != wanted.ocean).sum())
    if differing:
        raise ValueError(f"the ocean of {name} differs from that of {wanted_by} in {differing} cells")


def describe(grid: Grid | CurvilinearGrid) -> str:
    """A few words that tell a grid from others."""
    (ny, nx), (longitude, latitude) = grid.shape, grid.lonlat
    return f"{ny} x {nx} cells from {latitude[0, 0]:.2f} N {longitude[0, 0]:.2f} E"


def _check_mask(ocean: np.ndarray, shape: tuple[int, int]) -> None:
    if ocean.shape != shape:
        raise ValueError(f"ocean mask has shape {ocean.shape}; wanted {shape} (y, x)")
    if not ocean.any():
        raise ValueError("the ocean mask holds no ocean cell")


def _unit_vectors(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Degrees to points of the unit sphere, float64 [..., 3]."""
    longitude, latitude = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], -1)


def _solid_angle(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Solid angle of spherical triangles of unit vectors [..., 3] (Van Oosterom and Strackee 1983)."""
    volume = np.abs(np.sum(a * np.cross(b, c), -1))
    return 2 * np.arctan2(volume, 1 + np.sum(a * b, -1) + np.sum(b * c, -1) + np.sum(c * a, -1))
