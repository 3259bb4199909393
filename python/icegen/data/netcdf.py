# SPDX-License-Identifier: MIT
"""Reading CF NetCDF: files, grids, dates, and values in the units of icegen."""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pyproj
from pyproj.exceptions import CRSError

from icegen.data.grid import CurvilinearGrid, Grid, curvilinear_grid, projected_grid
from icegen.data.variables import Variable

# Spellings of a unit in sources, and the factor to the unit of icegen.
UNIT_FACTORS = {
    "1": {"1": 1.0, "": 1.0, "fraction": 1.0, "%": 0.01, "percent": 0.01},
    "m": {"m": 1.0, "meter": 1.0, "metre": 1.0, "meters": 1.0, "metres": 1.0, "cm": 0.01},
    "m s-1": {"m s-1": 1.0, "m/s": 1.0, "cm s-1": 0.01, "cm/s": 0.01},
}

# Calendars all of whose dates exist in the standard calendar.
CALENDARS = ("standard", "gregorian", "proleptic_gregorian", "noleap", "365_day")


def open_file(path: Path) -> netCDF4.Dataset:
    """Open a file for reading. Raises ValueError if it does not exist, is not NetCDF, or is truncated."""
    if not Path(path).exists():
        raise ValueError(f"data file {path} does not exist")
    try:
        nc = netCDF4.Dataset(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read as NetCDF: {error}") from None
    # The library reads zeros beyond the end of a classic file; for HDF5 it reports the error itself.
    size, least = Path(path).stat().st_size, sum(v.size * v.dtype.itemsize for v in nc.variables.values())
    if nc.data_model.startswith("NETCDF3") and size < least:
        raise ValueError(f"{path} is truncated: it has {size} bytes, its variables at least {least}")
    return nc


def read_times(nc: netCDF4.Dataset, path: Path, repeated: bool = False) -> list:
    """The dates of the coordinate ``time``.

    repeated: whether a date may appear twice. Raises ValueError if it may not but does, or if they cannot be read.
    """
    if "time" not in nc.variables:
        raise ValueError(f"{path} has no variable time")
    time = nc["time"]
    if "units" not in time.ncattrs():
        raise ValueError(f"{path}: time has no units; wanted such as 'days since 1970-01-01'")
    calendar = getattr(time, "calendar", "standard")
    if calendar not in CALENDARS:
        raise ValueError(f"{path}: calendar is {calendar}; wanted one of {', '.join(CALENDARS)}")
    if time.ndim != 1 or np.ma.getmaskarray(time[:]).any() or not np.isfinite(time[:]).all():
        raise ValueError(f"{path}: time has dimensions {time.dimensions} or a missing value; wanted a value for each")
    try:
        dates: Any = netCDF4.num2date(time[:], time.units, calendar)  # of an array, an array
    except (ValueError, OverflowError) as error:
        wanted = f"up to {np.max(time[:])} of {time.units!r}; wanted such as 'days since 1970-01-01'"
        raise ValueError(f"{path}: time holds values {wanted}: {error}") from None
    times = list(dates)
    if not repeated:
        refuse_repeated(times, path)
    return times


def read_averaging(nc: netCDF4.Dataset) -> np.ndarray:
    """Days that the state of each time is a mean over, float64 [time]: the width of its bounds if the file has them, or
    else the median distance of the times. NaN for a file of one time without bounds."""
    time = nc["time"]
    calendar = getattr(time, "calendar", "standard")
    origin, later = netCDF4.num2date([0.0, 1.0], time.units, calendar)  # type: ignore[misc]  # an array of dates
    unit = (later - origin).total_seconds() / 86400
    bounds = nc.variables.get(getattr(time, "bounds", ""))
    if bounds is not None and bounds.shape == (len(time), 2):
        widths = np.diff(read_values(bounds, slice(None)), axis=1)[:, 0]
        if (widths > 0).all():
            return widths * unit
    distances = np.diff(np.sort(read_values(time, slice(None))))
    return np.full(len(time), np.median(distances) * unit if len(distances) else np.nan)


def refuse_repeated(times: list, path: Path) -> None:
    """Raise ValueError if there is no time, or if a time appears twice."""
    if not times:
        raise ValueError(f"{path} holds no time")
    known = set()
    for time in times:
        if time in known:
            raise ValueError(f"{path} has the time {time} twice")
        known.add(time)


def unit_factor(variable: netCDF4.Variable, wanted: Variable, path: Path) -> float:
    """The factor from a variable's unit to that of icegen. Raises ValueError for an unknown unit."""
    units = getattr(variable, "units", "")
    factors = UNIT_FACTORS[wanted.units]
    if units not in factors:
        raise ValueError(
            f"{path}: {variable.name} has units {units!r}; wanted one of {', '.join(u for u in factors if u)}"
        )
    return factors[units]


def read_values(variable: netCDF4.Variable, index: Any, factor: float = 1.0) -> np.ndarray:
    """Values times a factor, float64, NaN where missing. Raises ValueError for a damaged file."""
    try:
        return np.ma.filled(variable[index].astype(np.float64), np.nan) * factor
    except RuntimeError as error:
        path = variable.group().filepath()
        raise ValueError(f"{path}: {variable.name} cannot be read, the file seems damaged: {error}") from None


def read_grid(nc: netCDF4.Dataset, path: Path) -> tuple[Grid | CurvilinearGrid, tuple[str, ...]]:
    """The file's grid and its two dimensions. Raises ValueError if the file does not describe a grid.

    The ocean mask is the variable with standard_name sea_binary_mask, or else that of the package global-land-mask.
    """
    y, x = (_coordinate(nc, f"projection_{name}_coordinate") for name in ("y", "x"))
    projected = y is not None and x is not None
    if not projected:
        y, x = (_coordinate(nc, name) for name in ("latitude", "longitude"))
    if y is None or x is None:
        raise ValueError(
            f"{path} has no coordinates with standard_name projection_x_coordinate and projection_y_coordinate, "
            "nor longitude and latitude"
        )
    dimensions = y.dimensions if y.ndim == 2 else (*y.dimensions, *x.dimensions)
    masks = [v for v in nc.variables.values() if getattr(v, "standard_name", "") == "sea_binary_mask"]
    ocean = masks[0][:].filled(0).astype(bool) if masks and masks[0].dimensions == dimensions else None
    if projected:
        metres = [read_values(axis, slice(None), _metres(axis, path)) for axis in (x, y)]
        return projected_grid(metres[0], metres[1], _read_crs(nc, path), ocean), dimensions
    lat, lon = (read_values(axis, slice(None)) for axis in (y, x))
    if lat.ndim == lon.ndim == 1:
        lon, lat = np.meshgrid(lon, lat)
    if lat.ndim != 2 or lon.shape != lat.shape:
        raise ValueError(f"{path}: latitude has shape {lat.shape}, longitude {lon.shape}; wanted both (y, x)")
    return curvilinear_grid(lon, lat, ocean), dimensions


def _coordinate(nc: netCDF4.Dataset, standard_name: str) -> netCDF4.Variable | None:
    found = [v for v in nc.variables.values() if getattr(v, "standard_name", "") == standard_name]
    return found[0] if found else None


def _metres(axis: netCDF4.Variable, path: Path) -> float:
    metres = {"m": 1.0, "km": 1000.0}.get(getattr(axis, "units", ""))
    if metres is None:
        raise ValueError(f"{path}: {axis.name} has units {getattr(axis, 'units', '')!r}; wanted m or km")
    return metres


def _read_crs(nc: netCDF4.Dataset, path: Path) -> str:
    mappings = [v for v in nc.variables.values() if "grid_mapping_name" in v.ncattrs()]
    if not mappings:
        raise ValueError(f"{path} has no grid mapping variable; wanted one with grid_mapping_name or crs_wkt")
    attributes = {name: mappings[0].getncattr(name) for name in mappings[0].ncattrs()}
    try:
        crs = pyproj.CRS.from_cf(attributes)
    except (CRSError, KeyError) as error:
        reason = f"is not a projection that PROJ knows: {error}"
        raise ValueError(
            f"{path}: the grid mapping {mappings[0].name} {reason}; wanted that of CF, or crs_wkt"
        ) from None
    # Many files leave out the names of the CRS; an EPSG entry with the same parameters has them.
    registered = crs.to_epsg(min_confidence=50)
    return (pyproj.CRS.from_epsg(registered) if registered else crs).to_wkt()
