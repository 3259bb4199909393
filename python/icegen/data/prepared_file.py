# SPDX-License-Identifier: MIT
"""Prepared training data: writing it from a source, and reading it.

A prepared file, or Zarr folder (`icegen.data.formats`), holds the wanted variables on one grid with every ocean cell
filled, a flag where a value was filled in, the split of the times into training, validation and test, and the
statistics of the training ocean cells.
"""

import dataclasses
import hashlib
import logging
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
from scipy.ndimage import distance_transform_edt

from icegen.data import consistency, formats
from icegen.data.consistency import ThicknessRange
from icegen.data.extent import extent
from icegen.data.formats.states_on_disk import StatesOnDisk
from icegen.data.grid import FACTOR, CurvilinearGrid, Grid
from icegen.data.netcdf import read_grid, read_times
from icegen.data.sources import Source
from icegen.data.times import SPLITS, several_averagings
from icegen.data.variables import Variable, variables
from icegen.progress import Wrap

log = logging.getLogger(__name__)

IN_MEMORY = 4e9  # bytes of states that are read at once
BEYOND = 0.1  # of a bound, that rounding and interpolation may have made
MOST = 100.0  # of a value without bound


@dataclass(frozen=True, eq=False)
class PreparedData:
    """Prepared training data.

    state: float16 [time, variable, y, x], physical units, 0 on land.
    filled: bool [time, variable, y, x], true where the source had no value.
    year, month, day_of_year: int64 [time].  split: S1 [time], of SPLITS.
    mean, std: float64 [variable], over observed ocean cells of the training times; NaN without such times.
    thickness: the range of sit / sic in every cell with ice; None without both variables.
    sha256: of states, filled, split and, where it differs, averaging, by which models and data are matched; empty in
        files of an older icegen.
    extent: of each state, m2, float64 [time]; None without sic, and in files of an older icegen.
    averaging: days that each state is a mean over, float64 [time], NaN where unknown; None in files of an older icegen.
    """

    variables: tuple[Variable, ...]
    grid: Grid | CurvilinearGrid
    state: np.ndarray | StatesOnDisk
    filled: np.ndarray | StatesOnDisk
    year: np.ndarray
    month: np.ndarray
    day_of_year: np.ndarray
    split: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    source: dict
    thickness: ThicknessRange | None = None
    sha256: str = ""
    extent: np.ndarray | None = None
    averaging: np.ndarray | None = None

    @property
    def training(self) -> np.ndarray:
        """bool [time]."""
        return self.split == SPLITS["training"]

    @property
    def validation(self) -> np.ndarray:
        """bool [time]."""
        return self.split == SPLITS["validation"]

    @property
    def test(self) -> np.ndarray:
        """bool [time]; none in many data sets."""
        return self.split == SPLITS["test"]

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Physical lower and upper bound of each variable, infinite where there is none."""
        lower = [-np.inf if v.lower is None else v.lower for v in self.variables]
        upper = [np.inf if v.upper is None else v.upper for v in self.variables]
        return np.array(lower), np.array(upper)

    @property
    def span(self) -> np.ndarray:
        """Days that each state averages over, float64 [time]; 1 where they are unknown."""
        known = np.zeros(len(self.year)) if self.averaging is None else self.averaging
        return np.where(known > 0, known, 1.0)

    def averages_over(self, days: float) -> np.ndarray:
        """Which states are means over ``days``, to a third; bool [time], all of them for 0.

        Raises ValueError if there is no such state, or none for training although others are.
        """
        known = np.full(len(self.year), np.nan) if self.averaging is None else self.averaging
        kept = np.abs(np.log(known / days)) < np.log(4 / 3) if days else np.ones(len(known), bool)
        if not kept.any():
            seen = ", ".join(f"{x:g}" for x in np.unique(known)) or "none"
            raise ValueError(f"the data have no means over {days:g} days; theirs are over {seen}")
        if self.training.any() and not (kept & self.training).any():
            raise ValueError(f"no training state is a mean over {days:g} days; wanted some")
        return kept

    def of_averaging(self, days: float) -> "PreparedData":
        """The states for which `averages_over` holds. Mean, std and sha256 stay those of all states."""
        kept = np.flatnonzero(self.averages_over(days))
        if len(kept) == len(self.year):
            return self
        parts = ("state", "filled", "year", "month", "day_of_year", "split", "extent", "averaging")
        return dataclasses.replace(self, **{p: v[kept] for p in parts if (v := getattr(self, p)) is not None})


def by_season(data: PreparedData, times: np.ndarray) -> np.ndarray:
    """Some times of the data, int [n], in the order of the day of year, and of the year on a day."""
    return times[np.lexsort((data.year[times], data.day_of_year[times]))]


def prepare(
    source: Source,
    out: Path,
    validation_years: Collection[int] = (),
    test_years: Collection[int] = (),
    progress: Wrap = iter,
    needs_training: bool = True,
) -> Path:
    """Write the states of a source as a prepared file, or as a Zarr folder if the name ``out`` ends in .zarr.

    Values are clipped to their bounds. Missing ocean values get the nearest value of the same time. If there are both
    concentration and thickness, they are reconciled (`icegen.data.consistency`), and the file says what that changed.

    validation_years, test_years: years that are not for training; without them, the source's own split is used.
    progress: wraps the loop over times.
    needs_training: whether there must be training times. If not, and without a split, all times are for test.
    Raises ValueError for a source that does not fit, and then leaves no file.
    """
    if any(size % FACTOR for size in source.grid.shape):
        raise ValueError(f"the grid has {' x '.join(map(str, source.grid.shape))} cells; wanted multiples of {FACTOR}")
    split = _split(source, validation_years, test_years, needs_training)
    with formats.create(out) as writer:
        _define(writer.header, source, split)
        _copy_states(writer, source, split == SPLITS["training"], progress)
    counts = ", ".join(f"{np.sum(split == letter)} of {name}" for name, letter in SPLITS.items())
    log.info("prepared %d times: %s", len(split), counts)
    return out


def load(path: Path, in_memory: float = IN_MEMORY) -> PreparedData:
    """Read a prepared file or folder.

    States of more than ``in_memory`` bytes, and those of a Zarr folder, are read when they are indexed.
    Raises ValueError if it is not a prepared file.
    """
    with formats.open_header(path) as nc:
        if "icegen_prepared" not in nc.ncattrs():
            raise ValueError(f"{path} is not a prepared file; make one with: icegen prepare")
        if "split" not in nc.variables:
            raise ValueError(f"{path} was prepared by an older icegen; prepare it again")
        wanted = variables(nc.icegen_prepared.split())
        if consistency.applies(wanted) and "reconciliation" not in nc.ncattrs():
            raise ValueError(
                f"{path} was prepared by an older icegen, without reconciling sic and sit; prepare it again"
            )
        grid, _ = read_grid(nc, path)
        times = read_times(nc, path, repeated=True)  # for means over days and over months
        state: np.ndarray | StatesOnDisk
        filled: np.ndarray | StatesOnDisk
        state, filled = formats.open_states(path, [v.id for v in wanted])
        size = math.prod(state.shape) * (state.dtype.itemsize + filled.dtype.itemsize)
        if size <= in_memory and not formats.stay_on_disk(path):
            state, filled = state[:], filled[:]
        return PreparedData(
            variables=wanted,
            grid=grid,
            state=state,
            filled=filled,
            year=np.array([t.year for t in times]),
            month=np.array([t.month for t in times]),
            day_of_year=np.array([t.dayofyr for t in times]),
            split=nc["split"][:].data,
            mean=np.array([nc[v.id].training_mean for v in wanted]),
            std=np.array([nc[v.id].training_std for v in wanted]),
            source={name: nc.getncattr(name) for name in ("title", "source", "references") if name in nc.ncattrs()},
            thickness=_thickness_range(nc),
            sha256=getattr(nc, "icegen_sha256", ""),
            extent=nc["extent"][:].data if "extent" in nc.variables else None,
            averaging=nc["averaging"][:].data if "averaging" in nc.variables else None,
        )


def _thickness_range(nc: netCDF4.Dataset) -> ThicknessRange | None:
    """The range that the states were reconciled to; None if they were not."""
    if "reconciliation" not in nc.ncattrs():
        return None
    return ThicknessRange(*(float(bound) for bound in nc["sit"].thickness_range))


def _split(
    source: Source, validation_years: Collection[int], test_years: Collection[int], needs_training: bool
) -> np.ndarray:
    """The split of each time, a letter of SPLITS."""
    years = np.array([t.year for t in source.times])
    twice = set(validation_years) & set(test_years)
    if twice:
        raise ValueError(f"year {min(twice)} is named for validation and for test; wanted one of them")
    split = np.full(len(years), SPLITS["training"])
    if validation_years or test_years:
        split[np.isin(years, list(validation_years))] = SPLITS["validation"]
        split[np.isin(years, list(test_years))] = SPLITS["test"]
    elif source.split is not None:
        split = source.split
    elif not needs_training:
        split[:] = SPLITS["test"]
    else:
        raise ValueError("the source has no split of its own; name the validation years")
    unknown = set(split.tolist()) - set(SPLITS.values())
    if unknown:
        raise ValueError(f"the source's split holds {min(unknown)!r}; wanted {', '.join(map(repr, SPLITS.values()))}")
    wanted = ("training", "validation") if needs_training else ()
    for name in wanted + (("test",) if test_years else ()):
        if not np.any(split == SPLITS[name]):
            raise ValueError(f"the {name} split is empty; the {len(years)} times are of {years.min()} to {years.max()}")
    return split


def _define(target: netCDF4.Dataset, source: Source, split: np.ndarray) -> None:
    """Dimensions, coordinates and attributes of a prepared file."""
    grid = source.grid
    target.Conventions = "CF-1.10"
    target.icegen_prepared = " ".join(v.id for v in source.variables)
    target.setncatts(source.attributes)
    for name, size in zip(("time", "y", "x"), (len(split), *grid.shape), strict=True):
        target.createDimension(name, size)
    for name, (dimensions, values, attributes) in grid.cf_coordinates.items():
        coordinate = target.createVariable(name, np.asarray(values).dtype, dimensions)
        coordinate.setncatts(attributes)
        coordinate[...] = values
    time = target.createVariable("time", "f8", ("time",))
    time.setncatts({"units": "days since 1970-01-01", "calendar": "standard", "standard_name": "time"})
    time[:] = netCDF4.date2num(source.times, time.units, time.calendar)
    target.createVariable("split", "S1", ("time",))[:] = split
    if source.averaging is not None:
        target.createVariable("averaging", "f8", ("time",))[:] = source.averaging
        target["averaging"].setncatts({"units": "days", "long_name": "time that a state is a mean over"})
    target["split"].long_name = ", ".join(f"{letter.decode()}: {name}" for name, letter in SPLITS.items())
    target.createVariable("ocean", "i1", ("y", "x"), zlib=True)[:] = grid.ocean
    target["ocean"].standard_name = "sea_binary_mask"


def _define_changes(target: netCDF4.Dataset) -> None:
    """Variables over time for what reconciling concentration and thickness changes."""
    for name, dtype, units, text in (
        ("cells", "i4", "1", "ocean cells with another concentration or thickness"),
        ("extent", "f8", "m2", "change of the sea-ice extent"),
        ("volume", "f8", "m3", "change of the sea-ice volume"),
    ):
        count = target.createVariable(f"reconciled_{name}", dtype, ("time",))
        count.setncatts({"units": units, "long_name": f"{text}, where sources contradicted each other"})


def _copy_states(writer: formats.Writer, source: Source, training: np.ndarray, progress: Wrap) -> None:
    """Write the states, one time after the other, and the statistics of them that trainings and archives need."""
    target, ids = writer.header, [v.id for v in source.variables]
    writer.define(source.variables, source.grid)
    reconciles = consistency.applies(source.variables)
    if reconciles:
        _define_changes(target)
    if "sic" in ids:
        target.createVariable("extent", "f8", ("time",)).setncatts({"units": "m2", "long_name": "sea-ice extent"})
    moments = np.zeros((len(source.variables), 3))
    digest = hashlib.sha256(target["split"][:].tobytes())
    if source.averaging is not None and several_averagings(source.averaging):
        digest.update(source.averaging.tobytes())
    for t in progress(range(len(training))):
        state, missing = _filled_state(source, t)
        if reconciles:
            state = _reconciled_state(target, source, t, state)
        writer.write(t, state, missing)
        digest.update(np.where(source.grid.ocean, state, np.float16(0)).tobytes() + missing.tobytes())
        if "sic" in ids:
            sic = state[ids.index("sic")].astype(np.float32)
            target["extent"][t] = extent(sic, source.grid.cell_area, source.grid.ocean)
        if training[t]:
            moments += _moments(state, source.grid.ocean & ~missing)
    if reconciles:
        target.reconciliation = consistency.describe(source.thickness)
        target["sit"].thickness_range = [source.thickness.thinnest, source.thickness.thickest]
    _write_statistics(target, source.variables, moments)
    target.icegen_sha256 = digest.hexdigest()


def _filled_state(source: Source, t: int) -> tuple[np.ndarray, np.ndarray]:
    """The state of a time, float16 as it is read, and which ocean values were missing; each [variable, y, x].

    A missing value takes the nearest one. Values are cut to their bounds, and are 0 on land. Raises ValueError for a
    variable without any value.
    """
    ocean = source.grid.ocean
    state = source.read(t).astype(np.float64)
    missing = ~np.isfinite(state) & ocean
    for v, values, gaps in zip(source.variables, state, missing, strict=True):
        if gaps[ocean].all():
            raise ValueError(f"{v.id} has no value on the ocean at time index {t}, {source.times[t]}")
        _require_possible(values[ocean & ~gaps], v, f"{source.times[t]}")
        if gaps.any():
            nearest = distance_transform_edt(
                ~(np.isfinite(values) & ocean), return_distances=False, return_indices=True
            )
            values[...] = values[tuple(nearest)]
        values[...] = np.where(ocean, np.clip(values, v.lower, v.upper), 0.0)
    return state.astype(np.float16), missing


def _require_possible(values: np.ndarray, variable: Variable, time: str) -> None:
    """Raise ValueError for values that are no rounding of possible ones, such as a fill value or percent."""
    lowest = -MOST if variable.lower is None else variable.lower - BEYOND
    highest = MOST if variable.upper is None else variable.upper + BEYOND
    bad = values[(values < lowest) | (values > highest)]
    if len(bad):
        wanted = f"{lowest + BEYOND if variable.lower is not None else lowest:g} to "
        wanted += f"{highest - BEYOND if variable.upper is not None else highest:g}"
        raise ValueError(f"{variable.id} holds {bad[0]:g} at {time}; wanted {wanted} {variable.units}")


def _reconciled_state(target: netCDF4.Dataset, source: Source, t: int, state: np.ndarray) -> np.ndarray:
    """The state of a time with concentration and thickness reconciled. Writes what that changed."""
    reconciled = consistency.reconcile(state, source.variables, source.thickness)
    ocean_area = source.grid.cell_area * source.grid.ocean
    changes = consistency.changes(state, reconciled, source.variables, ocean_area)
    for name, value in dataclasses.asdict(changes).items():
        target[f"reconciled_{name}"][t] = value
    return reconciled


def _moments(state: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Count, sum and sum of squares of the observed values of each variable, float64 [variable, 3]."""
    values = [field[seen].astype(np.float64) for field, seen in zip(state, observed, strict=True)]
    return np.array([(x.size, x.sum(), (x**2).sum()) for x in values])


def _write_statistics(target: netCDF4.Dataset, wanted: tuple[Variable, ...], moments: np.ndarray) -> None:
    """Mean and standard deviation of each variable; NaN without training times. moments: sums of `_moments`.

    Raises ValueError for a variable that is constant.
    """
    for v, (count, total, squares) in zip(wanted, moments, strict=True):
        if count == 0:
            target[v.id].setncatts({"training_mean": np.nan, "training_std": np.nan})
            continue
        mean = total / count
        target[v.id].setncatts({"training_mean": mean, "training_std": np.sqrt(squares / count - mean**2)})
        if not target[v.id].training_std > 0:
            raise ValueError(f"{v.id} is the same everywhere in the training split: {mean}")
