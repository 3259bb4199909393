# SPDX-License-Identifier: MIT
"""Observations of a date, summed in the cells of an archive's grid.

Each observation is a value with a random error. A cell takes the mean of its observations, weighted with their
precision (one over the variance of the error); the cell's precision is their sum. Sums are of fixed-point numbers, so
that they do not depend on the order of the observations, as in the bridge.
"""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from scipy.spatial import cKDTree

from icegen.archive.format import Description

if TYPE_CHECKING:
    from icegen.data.variables import Variable

log = logging.getLogger(__name__)

COLUMNS = ("longitude", "latitude", "variable", "value", "error")
MOST = 1_000_000
ERRORS = (0.001, 10.0)  # in the variable's unit
LARGEST = 100.0  # absolute value
UNIT = 2.0**-16  # of the fixed-point sums: a million observations stay below 2^63
LEAST = 1e-4  # precision of an observed cell
ROUNDING = 1e-6  # beyond the bounds
EARTH_RADIUS = 6371.0  # km

Table = pd.DataFrame | xr.Dataset | str | Path


@dataclass(frozen=True, eq=False)
class Observations:
    """What was observed in the cells of an archive's grid.

    value: float32 [variable, y, x], in the archive's units, 0 where nothing was observed;
    precision: float32 [variable, y, x], one over the variance of the error, 0 where nothing was observed.
    """

    value: np.ndarray
    precision: np.ndarray

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that tell observations apart."""
        return hashlib.sha256(self.value.tobytes() + self.precision.tobytes()).hexdigest()[:16]


def observations_of(source: Table, archive: Description) -> Observations:
    """The observations of a table, on the grid of an archive.

    source: a pandas.DataFrame, an xarray.Dataset of variables along one dimension, or the path of a CSV or NetCDF file,
        with the columns ``longitude`` and ``latitude`` (degrees), ``variable`` (an id of the archive, but for drift
        ``siu_east`` and ``siv_north``), ``value`` and ``error`` (its standard deviation), both in the archive's unit,
        and optionally ``radius`` (km). An observation counts for the cell that it lies in, or as the mean of all ocean
        cells within its radius. Drift needs both components at the same places with the same errors.
    Observations on land and outside of the grid are left out, with a warning.
    Raises ValueError for a table that does not fit, or of which no observation is left.
    """
    table = _read(source)
    lacking = [name for name in COLUMNS if name not in table]
    if lacking:
        raise ValueError(f"the observations lack the column {lacking[0]}; wanted {', '.join(COLUMNS)}")
    if not 0 < len(table) <= MOST:
        raise ValueError(f"there are {len(table)} observations; wanted 1 to {MOST}")
    numbers = {}
    for name in (*COLUMNS, "radius"):
        if name != "variable":
            column = pd.to_numeric(table[name], errors="coerce") if name in table else np.zeros(len(table))
            numbers[name] = np.asarray(column, np.float64)
            _require(np.isfinite(numbers[name]), name, table.get(name), "a finite number")
    _require(np.abs(numbers["latitude"]) <= 90, "latitude", numbers["latitude"], "-90 to 90")
    _require(np.abs(numbers["longitude"]) <= 360, "longitude", numbers["longitude"], "-360 to 360")
    error = numbers["error"]
    _require((error >= ERRORS[0]) & (error <= ERRORS[1]), "error", error, f"{ERRORS[0]:g} to {ERRORS[1]:g}")
    _require(numbers["radius"] >= 0, "radius", numbers["radius"], "0 or more")
    observable = _observable(archive)
    names = table["variable"].astype(str).str.strip().to_numpy()
    _require(np.isin(names, list(observable)), "variable", names, f"one of {', '.join(observable)}")

    cells, rows, left_out = _cells_of(numbers, archive)
    if len(rows) == 0:
        raise ValueError(f"all {len(table)} observations lie on land or outside of the archive's grid")
    if left_out:
        log.warning("%d of %d observations lie on land or outside of the archive's grid", left_out, len(table))
    share = 1.0 / np.bincount(rows, minlength=len(table))[rows]
    shape = (len(archive.variables), *archive.grid.shape)
    sums = np.zeros((2, shape[0], shape[1] * shape[2]), np.int64)
    for name, (own, parts) in observable.items():
        of_name = names == name
        value = _within_bounds(name, archive.variables[own], numbers["value"], of_name)
        kept = of_name[rows]
        if not kept.any():
            continue
        cell, row = cells[kept], rows[kept]
        weight = share[kept] / error[row] ** 2
        _add(sums[1, own], cell, weight)
        direction = np.ones(len(cell), np.complex128)  # of the component in the grid's axes
        if len(parts) > 1:
            x_axis = archive.grid.x_direction_near(cell, numbers["longitude"][row], numbers["latitude"][row])
            direction = x_axis.conj() * (1 if own == parts[0] else 1j)
        for part, along in zip(parts, (direction.real, direction.imag), strict=False):
            _add(sums[0, part], cell, weight * value[row] * along)
    for own, parts in observable.values():
        if not all(np.array_equal(sums[1, own], sums[1, part]) for part in parts):
            raise ValueError("siu_east and siv_north were not observed at the same places with the same errors")
    seen = sums[1] >= LEAST / UNIT
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(seen, sums[0] / sums[1], 0.0)
    precision = np.where(seen, sums[1] * UNIT, 0.0)
    return Observations(mean.astype(np.float32).reshape(shape), precision.astype(np.float32).reshape(shape))


def _read(source: Table) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, xr.Dataset):
        return _of_dataset(source)
    path = Path(source)
    if path.suffix not in (".csv", ".nc"):
        raise ValueError(f"{path} is no table of observations; wanted a file .csv or .nc")
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path, skipinitialspace=True)
        with xr.open_dataset(path, engine="netcdf4") as dataset:
            return _of_dataset(dataset)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None


def _of_dataset(dataset: xr.Dataset) -> pd.DataFrame:
    if len(dataset.sizes) != 1:
        sizes = ", ".join(map(str, dataset.sizes)) or "none"
        raise ValueError(f"the observations have the dimensions {sizes}; wanted one")
    return dataset.to_dataframe().reset_index()


def _require(good: np.ndarray, name: str, values: object, wanted: str) -> None:
    """Raise ValueError for the first value that is not good."""
    if not np.all(good):
        first = int(np.argmin(good))
        raise ValueError(f"{name} of observation {first + 1} is {np.asarray(values)[first]}; wanted {wanted}")


def _observable(archive: Description) -> dict[str, tuple[int, tuple[int, ...]]]:
    """What can be observed: the variable that it tells of, and those to whose values it adds; of drift, its components
    along the grid's axes."""
    ids = [v.id for v in archive.variables]
    found: dict[str, tuple[int, tuple[int, ...]]]
    found = {v.id: (i, (i,)) for i, v in enumerate(archive.variables) if "velocity" not in v.standard_name}
    if "siu" in ids and "siv" in ids:
        parts = ids.index("siu"), ids.index("siv")
        found |= {"siu_east": (parts[0], parts), "siv_north": (parts[1], parts)}
    return found


def _add(total: np.ndarray, cells: np.ndarray, terms: np.ndarray) -> None:
    """Add to the fixed-point sums int64 [cell]."""
    np.add.at(total, cells, np.rint(terms / UNIT).astype(np.int64))


def _within_bounds(name: str, v: "Variable", value: np.ndarray, of_variable: np.ndarray) -> np.ndarray:
    """The values of a variable, which rounding may bring beyond its bounds. Raises ValueError for others."""
    lower = -LARGEST if v.lower is None else max(v.lower, -LARGEST)
    upper = LARGEST if v.upper is None else min(v.upper, LARGEST)
    good = ~of_variable | ((value >= lower - ROUNDING) & (value <= upper + ROUNDING))
    _require(good, f"value ({name})", value, f"{lower:g} to {upper:g}")
    return value.clip(lower, upper)


def _cells_of(numbers: dict[str, np.ndarray], archive: Description) -> tuple[np.ndarray, np.ndarray, int]:
    """Cells of the grid, and for each the row of its observation; how many observations have none."""
    grid = archive.grid
    ocean = grid.ocean.ravel()
    centres = _unit_vectors(*(c.ravel() for c in grid.lonlat))
    points = _unit_vectors(numbers["longitude"], numbers["latitude"])
    distance, nearest = (np.asarray(found) for found in cKDTree(centres).query(points))
    half_diagonal = np.sqrt(0.5 * grid.cell_area.ravel()[nearest]) / (1000 * EARTH_RADIUS)
    inside = (distance <= half_diagonal * 1.05) & ocean[nearest]
    wide = numbers["radius"] > 0
    of_row = [[cell] if is_inside else [] for cell, is_inside in zip(nearest, inside, strict=True)]
    if wide.any():
        at_sea = np.flatnonzero(ocean)
        chord = 2 * np.sin(np.minimum(numbers["radius"][wide] / EARTH_RADIUS, np.pi) / 2)
        around = cKDTree(centres[at_sea]).query_ball_point(points[wide], chord)
        for row, found in zip(np.flatnonzero(wide), around, strict=True):
            of_row[row] = at_sea[found] if found else of_row[row]
    counts = np.array([len(found) for found in of_row])
    return np.concatenate(of_row).astype(np.int64), np.repeat(np.arange(len(counts)), counts), int((counts == 0).sum())


def _unit_vectors(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """[point, 3], from the Earth's centre."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)
