# SPDX-License-Identifier: MIT
"""From CF NetCDF to prepared training data, and its reader.

A prepared file holds the wanted variables on one grid with every ocean cell filled, a flag where a value was
filled in, the split of the times into training and validation, and the statistics of the training ocean cells.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pyproj
from scipy.ndimage import distance_transform_edt

from icegen.files import replacing
from icegen.grid import Grid, ocean_from_land_mask
from icegen.variables import Variable, variables

log = logging.getLogger(__name__)

# What a source may call a unit, and the factor to ours.
UNIT_FACTORS = {
    "1": {"1": 1.0, "": 1.0, "fraction": 1.0, "%": 0.01, "percent": 0.01},
    "m": {"m": 1.0, "meter": 1.0, "metre": 1.0, "meters": 1.0, "metres": 1.0, "cm": 0.01},
    "m s-1": {"m s-1": 1.0, "m/s": 1.0, "cm s-1": 0.01, "cm/s": 0.01},
}

# Calendars whose every date is one of the standard calendar too.
CALENDARS = ("standard", "gregorian", "proleptic_gregorian", "noleap", "365_day")


@dataclass(frozen=True, eq=False)
class PreparedData:
    """Prepared training data in memory.

    state: float16 [time, variable, y, x], physical units, 0 on land.
    filled: bool [time, variable, y, x], true where the source had no value.
    year, day_of_year: int64 [time].  training: bool [time].
    mean, std: float64 [variable], over observed ocean cells of the training times.
    """

    variables: tuple[Variable, ...]
    grid: Grid
    state: np.ndarray
    filled: np.ndarray
    year: np.ndarray
    month: np.ndarray
    day_of_year: np.ndarray
    training: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    source: dict

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Physical lower and upper bound of each variable, infinite where there is none."""
        lower = [-np.inf if v.lower is None else v.lower for v in self.variables]
        upper = [np.inf if v.upper is None else v.upper for v in self.variables]
        return np.array(lower), np.array(upper)


def prepare(source: Path, out: Path, ids=("sic", "sit"), validation_years=(), progress=iter) -> Path:
    """Turn a CF NetCDF file on a projected grid into a prepared file.

    Variables are found by id or by CF standard_name, converted to our units and cut to their bounds; missing
    ocean values take the nearest value of the same time. The split is read from the source's variable ``split``
    ("t" or "v") unless ``validation_years`` names the years to validate on. ``progress`` wraps the loop over times.
    Raises ValueError for a source that does not fit; nothing is left behind then.
    """
    wanted = variables(ids)
    with _open(source) as nc:
        grid = _read_grid(nc, source)
        sources = [_find_variable(nc, v, source) for v in wanted]
        times = _read_times(nc, source)
        training = _read_split(nc, times, validation_years, source)
        with replacing(out) as partial, netCDF4.Dataset(partial, "w") as target:
            _define(target, nc, grid, wanted, times, training)
            _copy_states(target, sources, wanted, grid, training, progress)
    log.info("prepared %d times, %d of them for training", len(times), training.sum())
    return out


def load(path: Path) -> PreparedData:
    """Read a prepared file. Raises ValueError if it is not one."""
    with _open(path) as nc:
        if "icegen_prepared" not in nc.ncattrs():
            raise ValueError(f"{path} is not a prepared file; make one with: icegen prepare {path} --out prepared.nc")
        wanted = variables(nc.icegen_prepared.split())
        grid = Grid(nc["x"][:].data, nc["y"][:].data, nc["crs"].crs_wkt, nc["ocean"][:].data.astype(bool))
        shape = (len(nc.dimensions["time"]), len(wanted), *grid.shape)
        state = np.empty(shape, np.float16)
        filled = np.empty(shape, bool)
        for i, v in enumerate(wanted):
            for t in range(shape[0]):
                state[t, i] = np.ma.filled(nc[v.id][t], 0.0)
                filled[t, i] = nc[v.id + "_filled"][t]
        times = _read_times(nc, path)
        return PreparedData(
            variables=wanted,
            grid=grid,
            state=state,
            filled=filled,
            year=np.array([t.year for t in times]),
            month=np.array([t.month for t in times]),
            day_of_year=np.array([t.dayofyr for t in times]),
            training=nc["training"][:].data.astype(bool),
            mean=np.array([nc[v.id].training_mean for v in wanted]),
            std=np.array([nc[v.id].training_std for v in wanted]),
            source={name: nc.getncattr(name) for name in ("title", "source", "references") if name in nc.ncattrs()},
        )


def _open(path: Path) -> netCDF4.Dataset:
    if not Path(path).exists():
        raise ValueError(f"data file {path} does not exist")
    try:
        return netCDF4.Dataset(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read as NetCDF: {error}") from None


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


def _read_times(nc: netCDF4.Dataset, path: Path) -> list:
    if "time" not in nc.variables:
        raise ValueError(f"{path} has no variable time")
    time = nc["time"]
    if "units" not in time.ncattrs():
        raise ValueError(f"{path}: time has no units; wanted such as 'days since 1970-01-01'")
    calendar = getattr(time, "calendar", "standard")
    if calendar not in CALENDARS:
        raise ValueError(f"{path}: calendar is {calendar}; wanted one of {', '.join(CALENDARS)}")
    return list(netCDF4.num2date(time[:], time.units, calendar))


def _read_split(nc: netCDF4.Dataset, times: list, validation_years, path: Path) -> np.ndarray:
    """True for training times."""
    if validation_years:
        training = np.array([t.year not in set(validation_years) for t in times])
    elif "split" in nc.variables:
        training = nc["split"][:].data.astype("S1") == b"t"
    else:
        raise ValueError(f"{path} has no variable split; name the validation years")
    for name, count in (("training", training.sum()), ("validation", (~training).sum())):
        if count == 0:
            raise ValueError(f"{path}: the {name} split is empty, of {len(times)} times")
    return training


def _define(target, nc, grid: Grid, wanted, times: list, training: np.ndarray) -> None:
    """Dimensions, coordinates and attributes of a prepared file."""
    target.Conventions = "CF-1.10"
    target.icegen_prepared = " ".join(v.id for v in wanted)
    for name in ("title", "source", "references"):
        if name in nc.ncattrs():
            target.setncattr(name, nc.getncattr(name))
    ny, nx = grid.shape
    for name, size in (("time", len(times)), ("y", ny), ("x", nx)):
        target.createDimension(name, size)
    for name, values in (("x", grid.x), ("y", grid.y)):
        axis = target.createVariable(name, "f8", (name,))
        axis.setncatts({"units": "m", "standard_name": f"projection_{name}_coordinate"})
        axis[:] = values
    target.createVariable("crs", "i4").setncatts(grid.cf_grid_mapping)
    time = target.createVariable("time", "f8", ("time",))
    time.setncatts({"units": "days since 1970-01-01", "calendar": "standard", "standard_name": "time"})
    time[:] = netCDF4.date2num(times, time.units, time.calendar)
    target.createVariable("training", "i1", ("time",))[:] = training
    target.createVariable("ocean", "i1", ("y", "x"), zlib=True)[:] = grid.ocean


def _copy_states(target, sources, wanted, grid: Grid, training, progress) -> None:
    """Stream the states, one time after the other, filling gaps and summing the training statistics."""
    ny, nx = grid.shape
    for v in wanted:
        chunks = dict(zlib=True, complevel=1, chunksizes=(1, ny, nx))
        data = target.createVariable(v.id, "f4", ("time", "y", "x"), fill_value=np.float32(9.96921e36), **chunks)
        names = {"standard_name": v.standard_name, "long_name": v.long_name, "units": v.units, "grid_mapping": "crs"}
        data.setncatts({key: text for key, text in names.items() if text})
        target.createVariable(v.id + "_filled", "i1", ("time", "y", "x"), **chunks)
    sums = np.zeros((len(wanted), 3))  # count, sum, sum of squares; float64
    for t in progress(range(len(training))):
        for i, (v, (source, factor)) in enumerate(zip(wanted, sources, strict=True)):
            values = np.ma.filled(source[t].astype(np.float64), np.nan) * factor
            missing = ~np.isfinite(values)
            if missing[grid.ocean].all():
                raise ValueError(f"{source.name} has no value on the ocean at time index {t}")
            nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
            values = np.clip(values[tuple(nearest)], v.lower, v.upper)
            target[v.id][t] = np.ma.masked_where(~grid.ocean, values)
            target[v.id + "_filled"][t] = missing & grid.ocean
            if training[t]:
                observed = values[grid.ocean & ~missing]
                sums[i] += observed.size, observed.sum(), (observed**2).sum()
    for v, (count, total, squares) in zip(wanted, sums, strict=True):
        mean = total / count
        target[v.id].training_mean = mean
        target[v.id].training_std = np.sqrt(squares / count - mean**2)
        if not target[v.id].training_std > 0:
            raise ValueError(f"{v.id} is the same everywhere in the training split: {mean}")
