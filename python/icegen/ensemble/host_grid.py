# SPDX-License-Identifier: MIT
"""The T points and the ocean of a host, from the NetCDF files of CICE, POP, MOM, NEMO and CESM."""

from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
from scipy.spatial import cKDTree

CENTRES = (("TLON", "TLAT"), ("tlon", "tlat"), ("glamt", "gphit"), ("nav_lon", "nav_lat"), ("xc", "yc"),
           ("longitude", "latitude"), ("geolon", "geolat"), ("lon", "lat"))  # fmt: skip
CORNERS = ("ulon", "ulat")  # the upper right ones, of POP
DOUBLED = ("x", "y")  # centres, edges and corners, of MOM
MASKS = ("kmt", "tmask", "tmaskutil", "top_level", "mask", "wet")  # above 0.5: ocean


@dataclass(frozen=True, eq=False)
class HostGrid:
    """longitude, latitude: of the cells' centres, degrees, float64 [y, x];  ocean: bool [y, x]."""

    longitude: np.ndarray
    latitude: np.ndarray
    ocean: np.ndarray

    def require_shape(self, path: Path, wanted: tuple[int, ...]) -> None:
        """Raise ValueError if the grid, of this file, is not that of fields of a shape (y, x)."""
        if self.ocean.shape != wanted:
            seen, of = (" x ".join(map(str, shape)) for shape in (self.ocean.shape, wanted))
            raise ValueError(f"{path} is of {seen} cells; the template is of {of}")

    def with_ghost_cells(self) -> "HostGrid":
        """The grid with one more cell on each side, which is no ocean."""
        longitude, latitude = (np.pad(values, 1, mode="edge") for values in (self.longitude, self.latitude))
        return HostGrid(longitude, latitude, np.pad(self.ocean, 1))

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of the ocean cells, float64 [point]."""
        return self.longitude[self.ocean], self.latitude[self.ocean]

    def nearest(self, among: np.ndarray) -> np.ndarray:
        """For each point, the nearest of those where bool ``among`` [point] is true: its index, [point]."""
        lon, lat = np.radians(self.points)
        unit = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)
        return np.flatnonzero(among)[cKDTree(unit[among]).query(unit)[1]]


def read(path: Path, mask: Path | None = None) -> HostGrid:
    """The grid of a host from a NetCDF file.

    mask: a file that has the ocean, if ``path`` does not.
    Raises ValueError if a file cannot be read, or has no coordinates or no mask that we know.
    """
    fields = fields_of(path)
    longitude, latitude = _centres(path, fields)
    where = path if mask is None else mask
    masks = fields if mask is None else fields_of(mask)
    name = next((name for name in MASKS if name in masks), None)
    if name is None:
        raise ValueError(f"{where} has no mask of the ocean; wanted one of {', '.join(MASKS)}, or --mask")
    ocean = masks[name] > 0.5
    if ocean.shape != latitude.shape:
        seen, of = (" x ".join(map(str, field.shape)) for field in (ocean, latitude))
        raise ValueError(f"{name} of {where} is of {seen} cells; the coordinates of {path} are of {of}")
    if not ocean.any():
        raise ValueError(f"{name} of {where} has no ocean cell")
    if not (np.isfinite(longitude[ocean]).all() and np.all(np.abs(latitude[ocean]) <= 90)):
        raise ValueError(f"{path} has ocean cells without a finite longitude and a latitude from -90 to 90")
    return HostGrid(longitude, latitude, ocean)


def coordinates_of(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of the cells of a file, degrees, float64 [y, x]. Raises ValueError as `read`."""
    return _centres(path, fields_of(path))


def fields_of(path: Path) -> dict[str, np.ndarray]:
    """The horizontal fields of a NetCDF file by name, float64 [y, x], angles in degrees; the first of further axes."""
    names = {name for pair in (*CENTRES, CORNERS, DOUBLED) for name in pair} | set(MASKS)
    fields = {}
    try:
        with netCDF4.Dataset(path) as file:
            for name in names & set(file.variables):
                variable = file[name]
                if variable.ndim < 2:
                    continue
                values = np.ma.filled(variable[(0,) * (variable.ndim - 2)].astype(np.float64), np.nan)
                if name not in MASKS and _in_radians(getattr(variable, "units", ""), values, name):
                    values = np.degrees(values)
                fields[name] = values
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read as NetCDF: {error}") from None
    return fields


def require_whole(path: Path, file: netCDF4.Dataset) -> None:
    """Raise OSError if a file in a classic format is shorter than its data: NetCDF would read zeros."""
    wanted = sum(variable.size * variable.dtype.itemsize for variable in file.variables.values())
    seen = path.stat().st_size
    if file.data_model.startswith("NETCDF3") and seen < wanted:
        raise OSError(f"it has {seen} bytes; wanted more than {wanted} for its fields")


def centres_from_corners(longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres of cells from their upper right corners, degrees [y, x]: the mean of the four corners as vectors.

    The first row goes on as the rows do; the first column does too, unless the grid is closed along x.
    """
    lon, lat = np.radians(longitude), np.radians(latitude)
    corners = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)
    step = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=-1)
    seam = np.linalg.norm(corners[:, 0] - corners[:, -1], axis=-1)
    closed = np.median(seam) < 2 * np.median(step)
    before = corners[:, -1:] if closed else 2 * corners[:, :1] - corners[:, 1:2]
    padded = np.concatenate([before, corners], 1)
    padded = np.concatenate([2 * padded[:1] - padded[1:2], padded], 0)
    x, y, z = np.moveaxis(padded[:-1, :-1] + padded[:-1, 1:] + padded[1:, :-1] + padded[1:, 1:], -1, 0)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _centres(path: Path, fields: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    for lon, lat in CENTRES:
        if lon in fields and lat in fields:
            return fields[lon], fields[lat]
    lon, lat = CORNERS
    if lon in fields and lat in fields:
        return centres_from_corners(fields[lon], fields[lat])
    lon, lat = DOUBLED
    if lon in fields and lat in fields:
        return fields[lon][1::2, 1::2], fields[lat][1::2, 1::2]
    known = ", ".join("/".join(pair) for pair in (*CENTRES, CORNERS, DOUBLED))
    raise ValueError(f"{path} has no coordinates of cells; wanted one of {known} over y and x")


def _in_radians(units: str, values: np.ndarray, name: str) -> bool:
    if "rad" in units.lower():
        return True
    if "deg" in units.lower():
        return False
    longitudes = {lon for lon, _ in (*CENTRES, CORNERS, DOUBLED)}
    largest = 2 * np.pi if name in longitudes else np.pi / 2
    return bool(np.nanmax(np.abs(values), initial=0) <= largest * 1.001)
