# SPDX-License-Identifier: MIT
"""Sea ice from a CF NetCDF file, on the file's grid or interpolated to another."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np

from icegen.data.consistency import OBSERVED
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.netcdf import open_file, read_grid, read_times, read_values, unit_factor
from icegen.data.sources.regrid import Regridding
from icegen.data.variables import Variable, variables

# The two components of drift, and their CF names where they are along east and north.
DRIFT = {"siu": "eastward_sea_ice_velocity", "siv": "northward_sea_ice_velocity"}


@dataclass(frozen=True)
class Found:
    """A variable of the file, the factor to the unit of icegen, and for drift whether it is along east and north."""

    values: netCDF4.Variable
    factor: float
    geographic: bool = False

    def read(self, t: int) -> np.ndarray:
        return read_values(self.values, t, self.factor)


class CFFile:
    """The variables ``ids`` of a CF NetCDF file, found by id or by standard_name.

    The file's grid may be projected, or have 1-D or 2-D longitude and latitude. States are interpolated to the grid
    ``target``; without it, they stay on the file's grid. Drift is rotated to the grid's axes.
    Raises ValueError for a file that does not fit.
    """

    thickness = OBSERVED

    def __init__(self, path: Path, ids: Collection[str] = ("sic", "sit"), target: Grid | None = None):
        self.variables = variables(ids)
        self._nc = open_file(path)
        native, dimensions = read_grid(self._nc, path)
        self.grid: Grid | CurvilinearGrid = native if target is None else target
        self._found = {v.id: _find_variable(self._nc, v, dimensions, path) for v in self.variables}
        self._turn = self._direction_change(native, target, dimensions, path)
        self._regridding = None if target is None else Regridding(native, target)
        self.times = read_times(self._nc, path)
        known = [name for name in ("title", "source", "references") if name in self._nc.ncattrs()]
        self.attributes: dict[str, str] = {name: self._nc.getncattr(name) for name in known}
        self.split: np.ndarray | None = None
        if "split" in self._nc.variables:
            self.split = np.ma.filled(self._nc["split"][:].astype("S1"), b"")
            if self.split.shape != (len(self.times),):
                raise ValueError(f"{path}: split has shape {self.split.shape}; wanted a letter for each time")

    def read(self, t: int) -> np.ndarray:
        """The state of time ``t``: float64 [variable, y, x], NaN where there is no value."""
        fields = {name: found.read(t) for name, found in self._found.items()}
        if self._turn is not None:
            drift = (fields["siu"] + 1j * fields["siv"]) * self._turn
            fields |= {"siu": drift.real, "siv": drift.imag}
        state = np.stack([fields[v.id] for v in self.variables])
        return state if self._regridding is None else self._regridding(state)

    def _direction_change(
        self, native: Grid | CurvilinearGrid, target: Grid | None, dimensions: tuple[str, ...], path: Path
    ) -> np.ndarray | None:
        """exp(i angle) to multiply (u + i v) by, complex [y, x] on the file's grid; None if drift is not rotated.

        Rotation needs both components, so a missing one is looked up too.
        """
        components = [self._found[name] for name in DRIFT if name in self._found]
        if not components or (target is None and not any(found.geographic for found in components)):
            return None
        for wanted in variables(DRIFT):
            self._found.setdefault(wanted.id, _find_variable(self._nc, wanted, dimensions, path))
        u, v = (self._found[name] for name in DRIFT)
        if u.geographic != v.geographic:
            raise ValueError(
                f"{path}: {u.values.name} and {v.values.name} are along different axes; wanted a pair along the same"
            )
        to_geographic = 1 if u.geographic else native.x_direction
        to_grid = native.x_direction if target is None else target.x_direction_at(*native.lonlat)
        return to_geographic * np.conj(to_grid)


def _find_variable(nc: netCDF4.Dataset, wanted: Variable, dimensions: tuple[str, ...], path: Path) -> Found:
    names = [name for name in (wanted.standard_name, DRIFT.get(wanted.id)) if name]
    named = [v for name in names for v in nc.variables.values() if getattr(v, "standard_name", "") == name]
    found = nc.variables.get(wanted.id, named[0] if named else None)
    if found is None:
        raise ValueError(f"{path} has no variable {wanted.id} or standard_name {' or '.join(names) or '(none)'}")
    factor = unit_factor(found, wanted, path)
    if found.dimensions != ("time", *dimensions):
        raise ValueError(f"{path}: {found.name} has dimensions {found.dimensions}; wanted {('time', *dimensions)}")
    return Found(found, factor, getattr(found, "standard_name", "") == DRIFT.get(wanted.id))
