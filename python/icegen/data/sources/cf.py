# SPDX-License-Identifier: MIT
"""Sea ice from CF NetCDF files of one grid, as they are or interpolated to another grid."""

import glob
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np

from icegen.data.consistency import OBSERVED
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.netcdf import open_file, read_grid, read_times, read_values, refuse_repeated, unit_factor
from icegen.data.sources.regrid import Regridding
from icegen.data.variables import Variable, variables

# The two components of drift, and their CF names where they are along east and north.
DRIFT = {"siu": "eastward_sea_ice_velocity", "siv": "northward_sea_ice_velocity"}


@dataclass(frozen=True)
class FileVariable:
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
    like: a file of the same grid that was opened likewise, whose weights of interpolation are used.
    Raises ValueError for a file that does not fit.
    """

    thickness = OBSERVED

    def __init__(
        self,
        path: Path,
        ids: Collection[str] = ("sic", "sit"),
        target: Grid | None = None,
        like: "CFFile | None" = None,
    ):
        self.variables = variables(ids)
        self._nc = open_file(path)
        native: Grid | CurvilinearGrid
        native, dimensions = read_grid(self._nc, path)
        if like is not None and not _same_points(native, like.native):
            raise ValueError(f"{path} has another grid than {like.path}; wanted files of one grid")
        self.path: Path = path
        self.native: Grid | CurvilinearGrid = native
        self.grid: Grid | CurvilinearGrid = native if target is None else target
        self._found = {v.id: _find_variable(self._nc, v, dimensions, path) for v in self.variables}
        self._turn = self._direction_change(native, target, dimensions, path)
        self._regridding = None
        if target is not None:
            self._regridding = Regridding(native, target) if like is None else like._regridding
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

    def close(self) -> None:
        """Close the file; states can no longer be read."""
        self._nc.close()

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


class CFFiles:
    """The states of several CF files as one source, in the order of time; one file is open beside the first.

    Arguments are those of `CFFile`. The grid with its ocean, and the attributes, are those of the first file. There is
    a split if all files have one.
    Raises ValueError for files that do not fit each other, such as two with the same time.
    """

    thickness = OBSERVED

    def __init__(self, paths: Sequence[Path], ids: Collection[str] = ("sic", "sit"), target: Grid | None = None):
        self._ids, self._target = ids, target
        self._first = self._open = CFFile(paths[0], ids, target)
        self.variables, self.grid, self.attributes = self._first.variables, self._first.grid, self._first.attributes
        found, splits = [], []
        for path in paths:
            file = self._file(path)
            found += [(time, path, i) for i, time in enumerate(file.times)]
            splits.append(file.split)
        order = sorted(range(len(found)), key=lambda i: found[i][0])
        self.times = [found[i][0] for i in order]
        self._places = [found[i][1:] for i in order]
        refuse_repeated(self.times, Path(paths[0]).parent)
        known = [split for split in splits if split is not None]
        self.split = np.concatenate(known)[order] if len(known) == len(splits) else None

    def read(self, t: int) -> np.ndarray:
        """The state of time ``t``: float64 [variable, y, x], NaN where there is no value."""
        path, i = self._places[t]
        return self._file(path).read(i)

    def _file(self, path: Path) -> CFFile:
        """The file, opened in place of the one before."""
        if path != self._open.path:
            if self._open is not self._first:
                self._open.close()
            self._open = self._first if path == self._first.path else CFFile(path, self._ids, self._target, self._first)
        return self._open


def files_of(patterns: Iterable[str | Path]) -> list[Path]:
    """The files that paths and glob patterns name, each once. Raises ValueError for a pattern that names none."""
    paths: dict[Path, None] = {}
    for pattern in patterns:
        named = sorted(glob.glob(str(pattern), recursive=True)) if glob.has_magic(str(pattern)) else [str(pattern)]
        if not named:
            raise ValueError(f"no file is named like {pattern}")
        paths |= dict.fromkeys(map(Path, named))
    return list(paths)


def _same_points(a: Grid | CurvilinearGrid, b: Grid | CurvilinearGrid) -> bool:
    return a.shape == b.shape and np.allclose(a.lonlat, b.lonlat, atol=1e-3)  # degrees


def _find_variable(nc: netCDF4.Dataset, wanted: Variable, dimensions: tuple[str, ...], path: Path) -> FileVariable:
    names = [name for name in (wanted.standard_name, DRIFT.get(wanted.id)) if name]
    named = [v for name in names for v in nc.variables.values() if getattr(v, "standard_name", "") == name]
    found = nc.variables.get(wanted.id, named[0] if named else None)
    if found is None:
        raise ValueError(f"{path} has no variable {wanted.id} or standard_name {' or '.join(names) or '(none)'}")
    factor = unit_factor(found, wanted, path)
    if found.dimensions != ("time", *dimensions):
        raise ValueError(f"{path}: {found.name} has dimensions {found.dimensions}; wanted {('time', *dimensions)}")
    return FileVariable(found, factor, getattr(found, "standard_name", "") == DRIFT.get(wanted.id))
