# SPDX-License-Identifier: MIT
"""Sea ice from a CF NetCDF file."""

from pathlib import Path

import netCDF4
import numpy as np
import pyproj

from icegen.grid import Grid, ocean_from_land_mask
from icegen.netcdf import UNIT_FACTORS, open_file, read_times
from icegen.variables import Variable, variables


class CFFile:
    """The variables ``ids`` of a CF NetCDF file, found by id or by standard_name.

    Raises ValueError for a file that does not fit.
    """

    def __init__(self, path: Path, ids=("sic", "sit")):
        self.variables = variables(ids)
        self._nc = open_file(path)
        self.grid = _read_grid(self._nc, path)
        self._found = [_find_variable(self._nc, v, path) for v in self.variables]
        self.times = read_times(self._nc, path)
        self.attributes = {
            name: self._nc.getncattr(name) for name in ("title", "source", "references") if name in self._nc.ncattrs()
        }
        self.split = self._nc["split"][:].data.astype("S1") if "split" in self._nc.variables else None

    def read(self, t: int) -> np.ndarray:
        """The state of time ``t``: float64 [variable, y, x], NaN where there is no value."""
        return np.stack([np.ma.filled(source[t].astype(np.float64), np.nan) * factor for source, factor in self._found])


def _read_grid(nc: netCDF4.Dataset, path: Path) -> Grid:
    axes = {}
    for name, standard_name in (("x", "projection_x_coordinate"), ("y", "projection_y_coordinate")):
        found = [v for v in nc.variables.values() if getattr(v, "standard_name", "") == standard_name]
        if not found:
            raise ValueError(f"{path} has no coordinate with standard_name {standard_name}; wanted a projected grid")
        metres = {"m": 1.0, "km": 1000.0}.get(getattr(found[0], "units", ""))
        if metres is None:
            raise ValueError(f"{path}: {found[0].name} has units {getattr(found[0], 'units', '')!r}; wanted m or km")
        axes[name] = found[0][:].data.astype(np.float64) * metres
    mappings = [v for v in nc.variables.values() if "grid_mapping_name" in v.ncattrs()]
    if not mappings:
        raise ValueError(f"{path} has no grid mapping variable; wanted one with grid_mapping_name or crs_wkt")
    crs = pyproj.CRS.from_cf({name: mappings[0].getncattr(name) for name in mappings[0].ncattrs()})
    # Attributes without names are common; a registered system that says the same has them.
    registered = crs.to_epsg(min_confidence=50)
    crs = (pyproj.CRS.from_epsg(registered) if registered else crs).to_wkt()
    return Grid(axes["x"], axes["y"], crs, ocean_from_land_mask(axes["x"], axes["y"], crs))


def _find_variable(nc: netCDF4.Dataset, wanted: Variable, path: Path) -> tuple[netCDF4.Variable, float]:
    """The source's variable and the factor to our unit."""
    found = nc.variables.get(wanted.id)
    if found is None:
        matches = [
            v
            for v in nc.variables.values()
            if wanted.standard_name and getattr(v, "standard_name", "") == wanted.standard_name
        ]
        if not matches:
            raise ValueError(f"{path} has no variable {wanted.id} or standard_name {wanted.standard_name}")
        found = matches[0]
    units = getattr(found, "units", "")
    factors = UNIT_FACTORS[wanted.units]
    if units not in factors:
        raise ValueError(
            f"{path}: {found.name} has units {units!r}; wanted one of {', '.join(u for u in factors if u)}"
        )
    standard = [getattr(nc.variables.get(name), "standard_name", "") for name in found.dimensions[1:]]
    if found.ndim != 3 or standard != ["projection_y_coordinate", "projection_x_coordinate"]:
        raise ValueError(f"{path}: {found.name} has dimensions {found.dimensions}; wanted (time, y, x)")
    return found, factors[units]
