# SPDX-License-Identifier: MIT
"""Generated states as CF-compliant datasets: in memory, or as a file that is filled state by state."""

import datetime
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
import xarray as xr

import icegen
from icegen.grid import CurvilinearGrid, Grid
from icegen.variables import Variable

if TYPE_CHECKING:
    from icegen.archive import Archive

FILL = np.float32(netCDF4.default_fillvals["f4"])


def to_dataset(
    states: np.ndarray,
    archive: "Archive",
    members: Sequence[int],
    seed: int,
    year: int | None,
    day_of_year: int | None,
    steps: int,
) -> xr.Dataset:
    """States float32 [member, variable, y, x] as a Dataset over (realization, y, x), missing on land."""
    when = None if year is None or day_of_year is None else date(year, day_of_year)
    dataset = header(archive, members, seed, steps, when)
    sea = archive.grid.ocean
    for i, v in enumerate(archive.variables):
        field = np.where(sea, states[:, i], np.float32(np.nan))
        dataset[v.id] = (("realization", "y", "x"), field, attributes(v, archive.grid))
        dataset[v.id].encoding = {"_FillValue": FILL, "coordinates": "lat lon" + (" time" if when is not None else "")}
    return dataset


def create(
    path: Path, archive: "Archive", members: Sequence[int], seed: int, steps: int, dates: Sequence[tuple[int, int]]
) -> netCDF4.Dataset:
    """Write a file without states and return it, open for `put`.

    dates: year and day of year of each time. The variables have dimensions (time, realization, y, x), one compressed
    chunk for each state.
    """
    times = np.array([date(*d) for d in dates])
    empty = header(archive, members, seed, steps, times)
    with ThreadPoolExecutor(1) as thread:  # where no interrupt arrives: one inside xarray's locks leaves them held
        thread.submit(empty.to_netcdf, path, unlimited_dims=["time"]).result()
    file = netCDF4.Dataset(path, "a")
    file.set_fill_off()  # every state gets written
    for v in archive.variables:
        variable = file.createVariable(
            v.id,
            "f4",
            ("time", "realization", "y", "x"),
            fill_value=FILL,
            compression="zlib",
            complevel=1,
            chunksizes=(1, 1, *archive.grid.shape),
        )
        variable.setncatts(attributes(v, archive.grid) | {"coordinates": "lat lon"})
    return file


def put(file: netCDF4.Dataset, archive: "Archive", time: int, realization: int, state: np.ndarray) -> None:
    """Write one state float32 [variable, y, x] to indices of a file that `create` made."""
    for v, field in zip(archive.variables, state, strict=True):
        file[v.id][time, realization] = np.where(archive.grid.ocean, field, FILL)


def header(
    archive: "Archive", members: Sequence[int], seed: int, steps: int, times: np.ndarray | np.datetime64 | None
) -> xr.Dataset:
    """A dataset without states: coordinates, cell areas, grid mapping, origin. ``times``: none, one, or an array."""
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
    area = {"standard_name": "cell_area", "units": "m2"} | mapping(grid)
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
        "history": f"icegen {icegen.__version__}: sampled from archive {name} with seed {seed} and {steps} steps",
        "icegen_archive_sha256": archive.sha256,
        "icegen_seed": np.int64(seed),
        "icegen_steps": np.int32(steps),
        "icegen_precision": archive.precision,
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


def mapping(grid: Grid | CurvilinearGrid) -> dict[str, str]:
    """The CF attribute that ties a field to the grid's map; none on a curvilinear grid."""
    return {"grid_mapping": "crs"} if isinstance(grid, Grid) else {}


def attributes(variable: Variable, grid: Grid | CurvilinearGrid) -> dict[str, str]:
    """CF attributes of one variable of a state."""
    names = {"standard_name": variable.standard_name, "long_name": variable.long_name, "units": variable.units}
    over = "sea_ice" if variable.of_ice else "sea"
    return {key: text for key, text in names.items() if text} | {
        "cell_methods": f"area: mean where {over}",
        "cell_measures": "area: cell_area",
        **mapping(grid),
    }


def date(year: int, day_of_year: int) -> np.datetime64:
    """Midnight of a day of the year, 1 being 1 January."""
    return np.datetime64(datetime.date(year, 1, 1) + datetime.timedelta(days=day_of_year - 1), "ns")
