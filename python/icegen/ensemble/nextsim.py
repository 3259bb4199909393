# SPDX-License-Identifier: MIT
"""Restarts of neXtSIM-DG: the ice of a member in the group's own file.

cice, hice and hsnow, all averages over the cell, are replaced; their slopes within cells (dg_comp) become 0 there. New
ice is as warm as the nearest ice of the template. Restarts of the Lagrangian neXtSIM are of its moving mesh, which no
grid file describes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from icegen.ensemble import categories, host_grid, icepack
from icegen.ensemble.categories import PUNY, blended
from icegen.ensemble.host_grid import HostGrid
from icegen.ensemble.points import PointIce
from icegen.ensemble.restarts import edited_copy

AMOUNTS = ("cice", "hice", "hsnow")
NEEDED = (*AMOUNTS, "tice", "mask")
X, Y = ("x", "xdim"), ("y", "ydim")  # names of dimensions


class NextSIMTemplate:
    """A restart of neXtSIM-DG, read and checked, that `write` copies with other ice.

    grid: a file with the coordinates of the cells, if the restart has no longitude and latitude.
    snow: of `icegen.ensemble.categories.SNOW_RULES`.
    Raises ValueError if a file cannot be read, lacks fields, or does not belong to the others.
    """

    def __init__(self, path: Path, grid: Path | None = None, *, snow: str = "template"):
        self.path, self.snow = path, snow
        self.files: Sequence[Path] = [path]
        self.settings: dict[str, Any] = {"snow": snow}
        self._fields, coordinates = _read(path)
        ocean = self._fields.pop("mask")[0] > 0.5
        if grid is None and coordinates is None:
            raise ValueError(f"{path} has no longitude and latitude of its cells; wanted a file with them, --grid")
        where = coordinates if grid is None else host_grid.coordinates_of(grid)
        assert where is not None
        self.grid = HostGrid(*where, ocean)
        if where[1].shape != ocean.shape:
            seen, of = (" x ".join(map(str, shape)) for shape in (where[1].shape, ocean.shape))
            raise ValueError(f"{grid or path} has coordinates of {seen} cells; the template is of {of}")
        self.points = self.grid.points

    @property
    def own(self) -> tuple[np.ndarray, np.ndarray]:
        """Area and volume of the template's ice, float64 [point]."""
        area, volume = (self._fields[name][0, self.grid.ocean] for name in AMOUNTS[:2])
        return area.clip(0, 1), volume.clip(min=0)

    def write(self, folder: Path, ice: PointIce, note: str) -> None:
        """Write the restart into a folder under the template's name. note: a line for its history."""
        with edited_copy(self.path, folder, note) as file:
            group = file.groups.get("data", file)
            for name, values in self.with_ice(ice).items():
                variable = group[name]
                whole = _levels_first(variable)
                whole[:, self.grid.ocean] = values
                variable[...] = _as_stored(whole, variable)

    def with_ice(self, ice: PointIce) -> dict[str, np.ndarray]:
        """The fields that change by name, float64 [component, point]."""
        old = {name: values[:, self.grid.ocean] for name, values in self._fields.items()}
        area, volume = categories.fill(ice.area, ice.volume, np.array([0.0, icepack.ENDLESS]))
        if self.snow == "template":
            snow = categories.snow_like(area, volume, old["cice"][:1], old["hsnow"][:1])
        else:
            snow = categories.snow_by_fifth(area, volume)
        new = {}
        for name, values in zip(AMOUNTS, (area, volume, snow), strict=True):
            new[name] = np.where(ice.weight > 0, 0.0, old[name])
            new[name][0] = blended(old[name][0], values[0], ice.weight)
        had = old["cice"][0] > PUNY
        gets_ice = (new["cice"][0] > 0) & ~had
        new["tice"] = np.where(gets_ice, self._nearby(old["tice"], had), old["tice"])
        return new

    def _nearby(self, values: np.ndarray, iced: np.ndarray) -> np.ndarray:
        """Values [component, point] of the nearest point with ice; freezing where there is none."""
        if not iced.any():
            return np.full_like(values, icepack.FREEZING)
        return values[:, self.grid.nearest(iced)]


def _read(path: Path) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray] | None]:
    """The fields of the ice, float64 [component, y, x] by name, and longitude and latitude [y, x] if they are there."""
    try:
        with netCDF4.Dataset(path) as file:
            group = file.groups.get("data", file)
            lacking = [name for name in NEEDED if name not in group.variables]
            if lacking:
                raise ValueError(f"{path} lacks {', '.join(lacking)}; wanted a restart of neXtSIM-DG")
            for variable in group.variables.values():
                variable.set_auto_maskandscale(False)
                variable[...]  # all, so that a file that was cut is found out
            fields = {name: _levels_first(group[name]) for name in NEEDED}
            there = "longitude" in group.variables and "latitude" in group.variables
            coordinates = (_levels_first(group["longitude"])[0], _levels_first(group["latitude"])[0]) if there else None
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read as NetCDF: {error}") from None
    for name, values in fields.items():
        if values.shape[1:] != fields["mask"].shape[1:]:
            raise ValueError(
                f"{name} of {path} is of {values.shape[1:]} cells; its mask is of {fields['mask'].shape[1:]}"
            )
    return fields, coordinates


def _axes(variable: netCDF4.Variable) -> list[int]:
    """The axes of a variable in the order others, y, x."""
    y, x = (next((i for i, name in enumerate(variable.dimensions) if name in names), -1) for names in (Y, X))
    if min(x, y) < 0 or len(variable.dimensions) > 3:
        raise ValueError(f"{variable.name} has dimensions {variable.dimensions}; wanted x, y and one more at most")
    return [i for i in range(variable.ndim) if i not in (x, y)] + [y, x]


def _levels_first(variable: netCDF4.Variable) -> np.ndarray:
    """All values of a variable, float64 [component, y, x]."""
    values = np.asarray(variable[...], np.float64).transpose(_axes(variable))
    return values.reshape(-1, *values.shape[-2:]).copy()


def _as_stored(values: np.ndarray, variable: netCDF4.Variable) -> np.ndarray:
    """Values [component, y, x] in the order of the variable's dimensions."""
    axes = _axes(variable)
    shape = [variable.shape[i] for i in axes]
    return values.reshape(shape).transpose(np.argsort(axes))
