# SPDX-License-Identifier: MIT
"""Sea ice from CF NetCDF files of one grid, as they are or interpolated to another grid."""

import datetime
import glob
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from icegen.data.consistency import OBSERVED
from icegen.data.grid import CurvilinearGrid, Grid, same_points
from icegen.data.netcdf import (
    open_file,
    read_averaging,
    read_grid,
    read_times,
    read_values,
    refuse_repeated,
    unit_factor,
)
from icegen.data.sources.regrid import Regridding
from icegen.data.times import SPLITS, several_averagings
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
    optional: ids that the file may lack; ``lacks`` says which of them it does, and its states have NaN there.
    Raises ValueError for a file that does not fit.
    """

    thickness = OBSERVED

    def __init__(
        self,
        path: Path,
        ids: Collection[str] = ("sic", "sit"),
        target: Grid | None = None,
        like: "CFFile | None" = None,
        optional: Collection[str] = (),
    ):
        self.variables = variables(ids)
        self._nc = open_file(path)
        native: Grid | CurvilinearGrid
        native, dimensions = read_grid(self._nc, path)
        if like is not None and not same_points(native, like.native):
            raise ValueError(f"{path} has another grid than {like.path}; wanted files of one grid")
        self.path: Path = path
        self.native: Grid | CurvilinearGrid = native
        self.grid: Grid | CurvilinearGrid = native if target is None else target
        self._found = {
            v.id: _find_variable(self._nc, v, dimensions, path)
            for v in self.variables
            if v.id not in optional or _named_like(self._nc, v)
        }
        self.lacks = tuple(v.id for v in self.variables if v.id not in self._found)
        self._turn = self._direction_change(native, target, dimensions, path)
        self._regridding = None
        if target is not None:
            self._regridding = Regridding(native, target) if like is None else like._regridding
        self.times = read_times(self._nc, path)
        self.averaging = read_averaging(self._nc)
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
        if self.lacks:
            nowhere = np.full(self.native.shape, np.nan)
            fields |= dict.fromkeys(self.lacks, nowhere)
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


@dataclass(frozen=True)
class Place:
    """Where the state of a time is: an index of a file.

    number: of the date, days since 1970;  letter: of the file's split, None without one;
    lacks: ids that the file does not have.
    """

    number: float
    path: Path
    index: int
    date: Any
    averaging: float
    letter: bytes | None
    lacks: tuple[str, ...]


class CFFiles:
    """The states of several CF files as one source, in the order of time; one file is open beside the first.

    Arguments are those of `CFFile`. The grid with its ocean, and the attributes, are those of the first file.
    The same time may appear in files that average over different times, such as daily and monthly ones.
    There is a split if all files have one. If they average over different times, a month of which one file keeps a time
    from training is kept from it whole.
    interpolated: ids that some files may lack. Their values are interpolated linearly in time between those of the
        other files; before the first and after the last of these, they are constant.
    Raises ValueError for files that do not fit each other, such as two with the same time.
    """

    thickness = OBSERVED

    def __init__(
        self,
        paths: Sequence[Path],
        ids: Collection[str] = ("sic", "sit"),
        target: Grid | None = None,
        interpolated: Collection[str] = (),
    ):
        self._ids, self._target, self._interpolated = ids, target, interpolated
        self._first = self._open = CFFile(paths[0], ids, target, optional=interpolated)
        self.variables, self.grid, self.attributes = self._first.variables, self._first.grid, self._first.attributes
        self._places: list[Place] = []
        for path in paths:
            self._places += _places_of(self._file(path))
        self._places.sort(key=lambda place: (place.number, place.averaging))
        self._holders = {v.id: [p for p in self._places if v.id not in p.lacks] for v in self.variables}
        missing = [name for name, places in self._holders.items() if not places]
        if missing:
            raise ValueError(f"no file has {', '.join(missing)}; wanted at least one to interpolate from")
        self.times = [place.date for place in self._places]
        averaging = np.array([place.averaging for place in self._places])
        self.averaging: np.ndarray | None = averaging
        for t in np.flatnonzero(np.diff([place.number for place in self._places]) == 0):
            if not several_averagings(averaging[t : t + 2]):
                refuse_repeated([self.times[t]] * 2, Path(paths[0]).parent)
        letters = [place.letter for place in self._places]
        self.split = None if None in letters else np.array(letters, "S1")
        if self.split is not None and several_averagings(averaging):
            self.split = keep_months_whole(self.split, self.times)

    def read(self, t: int) -> np.ndarray:
        """The state of time ``t``: float64 [variable, y, x], NaN where there is no value."""
        place = self._places[t]
        state = self._file(place.path).read(place.index)
        for k, v in enumerate(self.variables):
            if v.id in place.lacks:
                state[k] = self._between(v.id, k, place.number)
        return state

    def _between(self, name: str, k: int, number: float) -> np.ndarray:
        """A variable's values at a time, between those of the times that have it; ``k``: its place in states."""
        places = self._holders[name]
        after = int(np.searchsorted([place.number for place in places], number))
        first, second = places[max(after - 1, 0)], places[min(after, len(places) - 1)]
        apart = second.number - first.number
        weight = (number - first.number) / apart if apart > 0 else 0.0
        values = [self._file(place.path).read(place.index)[k] for place in (first, second)]
        if weight in (0, 1):  # a gap of the other does not count
            return values[int(weight)]
        return (1 - weight) * values[0] + weight * values[1]

    def _file(self, path: Path) -> CFFile:
        """The file, opened in place of the one before."""
        if path != self._open.path:
            if self._open is not self._first:
                self._open.close()
            self._open = self._first
            if path != self._first.path:
                self._open = CFFile(path, self._ids, self._target, self._first, self._interpolated)
        return self._open


def _places_of(file: CFFile) -> list[Place]:
    """Those of a file's times. Dates are compared across calendars, so all count in the standard one."""
    units = "days since 1970-01-01"
    numbers = [netCDF4.date2num(datetime.datetime(*time.timetuple()[:6]), units, "standard") for time in file.times]
    letters = [None] * len(file.times) if file.split is None else file.split.tolist()
    found = enumerate(zip(numbers, file.times, file.averaging, letters, strict=True))
    return [
        Place(float(number), file.path, i, date, float(averaging), letter, file.lacks)
        for i, (number, date, averaging, letter) in found
    ]


def keep_months_whole(split: np.ndarray, times: list) -> np.ndarray:
    """The split S1 [time], but all times of a month for what one of them is for if that is not training."""
    kept = {}
    for letter, time in zip(split, times, strict=True):
        if letter != SPLITS["training"]:
            kept[time.year, time.month] = letter
    return np.array([kept.get((time.year, time.month), letter) for letter, time in zip(split, times, strict=True)])


def files_of(patterns: Iterable[str | Path]) -> list[Path]:
    """The files that paths and glob patterns name, each once. Raises ValueError for a pattern that names none."""
    paths: dict[Path, None] = {}
    for pattern in patterns:
        named = sorted(glob.glob(str(pattern), recursive=True)) if glob.has_magic(str(pattern)) else [str(pattern)]
        if not named:
            raise ValueError(f"no file is named like {pattern}")
        paths |= dict.fromkeys(map(Path, named))
    return list(paths)


def _named_like(nc: netCDF4.Dataset, wanted: Variable) -> netCDF4.Variable | None:
    """The variable of a file with an id or its standard_name; None if there is none."""
    names = [name for name in (wanted.standard_name, DRIFT.get(wanted.id)) if name]
    named = [v for name in names for v in nc.variables.values() if getattr(v, "standard_name", "") == name]
    return nc.variables.get(wanted.id, named[0] if named else None)


def _find_variable(nc: netCDF4.Dataset, wanted: Variable, dimensions: tuple[str, ...], path: Path) -> FileVariable:
    names = [name for name in (wanted.standard_name, DRIFT.get(wanted.id)) if name]
    found = _named_like(nc, wanted)
    if found is None:
        raise ValueError(f"{path} has no variable {wanted.id} or standard_name {' or '.join(names) or '(none)'}")
    factor = unit_factor(found, wanted, path)
    if found.dimensions != ("time", *dimensions):
        raise ValueError(f"{path}: {found.name} has dimensions {found.dimensions}; wanted {('time', *dimensions)}")
    return FileVariable(found, factor, getattr(found, "standard_name", "") == DRIFT.get(wanted.id))
