# SPDX-License-Identifier: MIT
"""Generated states as CF-compliant datasets: in memory, or as a file that is filled state by state."""

import datetime
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr

from icegen.archive.format import Description
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.variables import Variable
from icegen.version import __version__

FILL = np.float32(netCDF4.default_fillvals["f4"])


@dataclass(frozen=True, eq=False)
class Origin:
    """What states were generated with.

    seed: key of the noise;  steps: of the sampler;  precision: of its networks;  history: how dates hang together;
    years: what becomes of years outside the archive's range;
    observations: digest of those that the states agree with, "none" without any.
    """

    archive: Description
    seed: int
    steps: int
    precision: str
    history: str
    years: str
    observations: str = "none"


def to_dataset(
    states: np.ndarray, origin: Origin, members: Sequence[int], year: int | None, day_of_year: int | None
) -> xr.Dataset:
    """States float32 [member, variable, y, x] as a Dataset over (realization, y, x), missing on land."""
    when = None if year is None or day_of_year is None else date(year, day_of_year)
    dataset = header(origin, members, when)
    archive = origin.archive
    sea = archive.grid.ocean
    for i, v in enumerate(archive.variables):
        field = np.where(sea, states[:, i], np.float32(np.nan))
        dataset[v.id] = (("realization", "y", "x"), field, attributes(v, archive.grid))
        dataset[v.id].encoding = {"_FillValue": FILL, "coordinates": "lat lon" + (" time" if when is not None else "")}
    return dataset


def create(path: Path, origin: Origin, members: Sequence[int], dates: Sequence[tuple]) -> netCDF4.Dataset:
    """Write a file without states and return it, open for `put`.

    dates: year and day of year of each time, or None and None once. The variables have dimensions (time, realization,
    y, x), without time where there is no date, and one compressed chunk for each state.
    """
    empty = header(origin, members, times_of(dates))
    dimensions = ("time", "realization", "y", "x") if "time" in empty.coords else ("realization", "y", "x")
    with ThreadPoolExecutor(1) as thread:  # where no interrupt arrives: one inside xarray's locks leaves them held
        thread.submit(empty.to_netcdf, path, unlimited_dims=dimensions[:-3]).result()
    file = netCDF4.Dataset(path, "a")
    file.set_fill_off()  # every state gets written
    archive = origin.archive
    for v in archive.variables:
        variable = file.createVariable(
            v.id,
            "f4",
            dimensions,
            fill_value=FILL,
            compression="zlib",
            complevel=1,
            chunksizes=(*(1,) * (len(dimensions) - 2), *archive.grid.shape),
        )
        variable.setncatts(attributes(v, archive.grid) | {"coordinates": "lat lon"})
    return file


def put(file: netCDF4.Dataset, archive: Description, time: int, realization: int, state: np.ndarray) -> None:
    """Write one state float32 [variable, y, x] to indices of a file that `create` made."""
    for v, field in zip(archive.variables, state, strict=True):
        place = (time, realization) if file[v.id].ndim == 4 else realization
        file[v.id][place] = np.where(archive.grid.ocean, field, FILL)


def header(origin: Origin, members: Sequence[int], times: np.ndarray | np.datetime64 | None) -> xr.Dataset:
    """A dataset without states: coordinates, cell areas, grid mapping, origin. ``times``: none, one, or an array."""
    archive = origin.archive
    grid = archive.grid
    lon, lat = grid.lonlat
    coordinates: dict[str, Any] = {
        "realization": ("realization", np.asarray(members, np.int32), {"standard_name": "realization", "units": "1"}),
        "lat": (("y", "x"), lat, {"standard_name": "latitude", "units": "degrees_north"}),
        "lon": (("y", "x"), lon, {"standard_name": "longitude", "units": "degrees_east"}),
    }
    if times is not None:
        axis = {"standard_name": "time"} | ({"axis": "T"} if np.ndim(times) else {})
        coordinates["time"] = (("time",) if np.ndim(times) else (), times, axis)
    coordinates |= grid.cf_coordinates
    area = {"standard_name": "cell_area", "units": "m2"} | grid.cf_grid_mapping_attribute
    data = {"cell_area": (("y", "x"), grid.cell_area, area)}
    if "crs" in coordinates:
        data["crs"] = coordinates.pop("crs")
    dataset = xr.Dataset(data, coordinates)
    name = archive.metadata["name"]
    trained_on = archive.metadata["provenance"].get("data") or "unknown data"
    dataset.attrs = {
        "Conventions": "CF-1.10",
        "title": f"Generated Arctic sea ice: {name}",
        "source": f"icegen, latent diffusion trained on: {trained_on}",
        "references": "Finn et al. 2024, doi:10.48550/arXiv.2406.18417",
        "history": f"icegen {__version__}: sampled from archive {name} with seed {origin.seed} and "
        f"{origin.steps} steps",
        "icegen_archive_sha256": archive.sha256,
        "icegen_seed": np.int64(origin.seed),
        "icegen_steps": np.int32(origin.steps),
        "icegen_precision": origin.precision,
        "icegen_history": origin.history,
        "icegen_years": origin.years,
        "icegen_observations": origin.observations,
    }
    for name, variable in dataset.variables.items():
        variable.encoding["_FillValue"] = None  # CF: none on coordinates
        if variable.ndim == 2:
            variable.encoding |= {"zlib": True, "complevel": 1}
        if name in data:  # xarray would list those of the whole dataset
            variable.encoding["coordinates"] = "lat lon" if variable.ndim == 2 else None
    if times is not None:
        dataset.time.encoding |= {"units": "days since 1970-01-01", "calendar": "standard", "dtype": "float64"}
    return dataset


def attributes(variable: Variable, grid: Grid | CurvilinearGrid) -> dict[str, str]:
    """CF attributes of one variable of a state."""
    names = {"standard_name": variable.standard_name, "long_name": variable.long_name, "units": variable.units}
    over = "sea_ice" if variable.on_ice_only else "sea"
    return {key: text for key, text in names.items() if text} | {
        "cell_methods": f"area: mean where {over}",
        "cell_measures": "area: cell_area",
        **grid.cf_grid_mapping_attribute,
    }


def times_of(dates: Sequence[tuple]) -> np.ndarray | None:
    """The times of some dates, year and day of year; None if those are None."""
    return None if dates[0] == (None, None) else np.array([date(*d) for d in dates])


def date(year: int, day_of_year: int) -> np.datetime64:
    """Midnight of a day of the year, 1 being 1 January."""
    return np.datetime64(datetime.date(year, 1, 1) + datetime.timedelta(days=day_of_year - 1), "ns")
