# SPDX-License-Identifier: MIT
"""Real states to score against: the evaluation states, and the training states for the floors."""

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icegen.data import formats, prepared_file
from icegen.data.grid import CurvilinearGrid, Grid, describe, require_same, same_points
from icegen.data.prepared_file import PreparedData
from icegen.data.sources.cf import CFFile
from icegen.data.times import DAYS, SPLITS
from icegen.data.variables import Variable

log = logging.getLogger(__name__)

FLOOR_YEARS = 4  # largest distance in years of a training state from the date that it replaces


@dataclass(frozen=True, eq=False)
class Record:
    """Some times of a prepared file; all arrays are [time of the record]."""

    data: PreparedData
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.times)

    def state(self, i: int) -> np.ndarray:
        """float32 [variable, y, x]."""
        return np.asarray(self.data.state[self.times[i]], np.float32)

    def seen(self, i: int) -> np.ndarray:
        """Ocean cells that the source had a value for; bool [variable, y, x]."""
        return self.data.grid.ocean & ~np.asarray(self.data.filled[self.times[i]])

    @property
    def year(self) -> np.ndarray:
        return self.data.year[self.times]

    @property
    def month(self) -> np.ndarray:
        return self.data.month[self.times]

    @property
    def day_of_year(self) -> np.ndarray:
        return self.data.day_of_year[self.times]

    @property
    def day(self) -> np.ndarray:
        """Days of a calendar in which each year has 365.25 days."""
        return self.year * DAYS + self.day_of_year


def read(path: Path, wanted: tuple[Variable, ...], grid: Grid | CurvilinearGrid) -> PreparedData:
    """The states of a prepared file, or of a CF file, which is prepared in a temporary folder.

    wanted, grid: variables and grid that the file must have. A CF file on other points is interpolated to the grid,
        which smooths it. All times of a CF file are for evaluation, except those that its split marks as training.
    Raises ValueError for a file that does not fit.
    """
    with formats.open_header(path) as nc:
        is_prepared = "icegen_prepared" in nc.ncattrs()
    if is_prepared:
        data = prepared_file.load(path)
    else:
        source = CFFile(path, [v.id for v in wanted])
        if not same_points(source.grid, grid):
            if not isinstance(grid, Grid):
                raise ValueError(
                    f"{path} is of {describe(source.grid)}; this archive is of {describe(grid)}, "
                    "curvilinear, and states are not interpolated to such a grid"
                )
            log.warning("%s is of %s; interpolated to the archive's grid", path, describe(source.grid))
            source = CFFile(path, [v.id for v in wanted], grid)
        if source.split is not None:  # other letters do not mark training
            source.split[~np.isin(source.split, list(SPLITS.values()))] = SPLITS["test"]
        with tempfile.TemporaryDirectory() as folder:
            data = prepared_file.load(prepared_file.prepare(source, Path(folder) / "prepared.nc", needs_training=False))
    if data.variables != wanted:
        seen, ids = (", ".join(v.id for v in variables) for variables in (data.variables, wanted))
        raise ValueError(f"{path} holds {seen}; this archive is of {ids}")
    require_same(data.grid, grid, str(path), "this archive")
    return data


def split(data: PreparedData, training: PreparedData) -> tuple[Record, Record | None]:
    """The times of ``data`` that are not for training, and those of ``training`` that are; None if there are none."""
    known = Record(training, np.flatnonzero(training.training))
    return Record(data, np.flatnonzero(~data.training)), known if len(known) else None


def balanced_order(month: np.ndarray) -> np.ndarray:
    """A permutation of times [time] whose first n are spread over calendar months and over the record, for every n.

    Calendar months alternate. Within a month, times follow the low-discrepancy sequence of the golden ratio.
    """
    rank = np.empty(len(month))
    for m in np.unique(month):
        same = np.flatnonzero(month == m)
        place = (np.arange(len(same)) * 0.6180339887498949 + m * 0.41421356237309515) % 1
        rank[same[np.argsort(place)]] = np.arange(len(same))
    return np.lexsort((month, rank))


def floor_candidates(training: Record, year: int, month: int, day_of_year: int) -> np.ndarray:
    """Indices of the training states that may replace a date in the floor, the best first.

    These are the states of the same calendar month within 4 years. If there are none, those of the nearest year; if the
    training states do not have that calendar month, states of any month. States of the year itself do not count, if
    there are others. The nearest year comes first, of two equally near ones the nearest day, then the earlier year.
    """
    others = training.year != year if (training.year != year).any() else np.ones(len(training), bool)
    same = np.flatnonzero((training.month == month) & others)
    if len(same) == 0:
        same = np.flatnonzero(others)
    away = np.abs(training.year[same] - year)
    kept = away <= max(FLOOR_YEARS, away.min())
    day = np.abs(training.day_of_year[same] - day_of_year)
    order = np.lexsort((training.year[same], day, away))
    return same[order][kept[order]]
