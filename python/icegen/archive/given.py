# SPDX-License-Identifier: MIT
"""A host's own ice on the grid of an archive."""

import datetime
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

from icegen.archive.format import Description
from icegen.data.grid import Grid, same_points
from icegen.data.netcdf import open_file
from icegen.data.sources.cf import CFFile

ROUNDING = 1e-6  # beyond the bounds, as of a host's sum over categories

Date = tuple[int | None, int | None]  # year and day of the year


def state_of(source: xr.Dataset | str | Path, archive: Description, time: int = 0) -> tuple[np.ndarray, Date]:
    """The state of a dataset or a NetCDF file, interpolated to the archive's grid, and its date.

    source: fields in the terms of CF, found by id or standard_name, on a projected grid or one with longitude and
        latitude, as `icegen prepare cf` takes them. Variables of the archive that it lacks are unknown everywhere.
    time: number of the time in the source, from 0.
    Returns float32 [variable, y, x] in the archive's units, NaN where unknown, and the date, which a dataset without
    time does not have.
    Raises ValueError for a source that does not fit.
    """
    if not isinstance(source, xr.Dataset):
        return _read(Path(source), archive, time)
    dated = "time" in source.coords
    dataset = source.squeeze()
    dataset = dataset.drop_vars([name for name in dataset.coords if name != "time" and dataset[name].ndim == 0])
    if "time" not in dataset.dims:
        when = dataset.time.values if dated else np.datetime64("2000-01-01", "ns")
        fields = [name for name in dataset.data_vars if dataset[name].ndim >= 2]
        dataset = dataset.drop_vars("time", errors="ignore")
        dataset = dataset.assign({name: dataset[name].expand_dims(time=[when]) for name in fields})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dataset.nc"
        dataset.to_netcdf(path)
        state, date = _read(path, archive, time)
    return state, date if dated else (None, None)


def _read(path: Path, archive: Description, time: int) -> tuple[np.ndarray, Date]:
    nc = open_file(path)
    names = set(nc.variables) | {getattr(v, "standard_name", "") for v in nc.variables.values()}
    nc.close()
    ids = [v.id for v in archive.variables if names & {v.id, v.standard_name} - {""}]
    if not ids:
        wanted = ", ".join(v.id for v in archive.variables)
        raise ValueError(f"{path} has none of the archive's variables; wanted one or more of {wanted}")
    grid = archive.grid
    file = CFFile(path, ids, grid if isinstance(grid, Grid) else None)
    if not same_points(file.grid, grid):
        raise ValueError(f"{path} has another grid than the archive, which is curvilinear; wanted its own grid")
    if not 0 <= time < len(file.times):
        raise ValueError(f"time is {time}; {path} has the times 0 to {len(file.times) - 1}")
    found = dict(zip(ids, file.read(time), strict=True))
    when = file.times[time]
    file.close()
    state = np.full((len(archive.variables), *grid.shape), np.nan, np.float32)
    for i, v in enumerate(archive.variables):
        if v.id not in found:
            continue
        values = found[v.id][grid.ocean]
        if not np.isfinite(values).any():
            raise ValueError(f"{path}: {v.id} has no value on the archive's ocean at time {time}")
        bounds = -np.inf if v.lower is None else v.lower, np.inf if v.upper is None else v.upper
        bad = (values < bounds[0] - ROUNDING) | (values > bounds[1] + ROUNDING)
        if bad.any():
            raise ValueError(f"{path}: {v.id} holds {values[bad][0]:g}; wanted {bounds[0]:g} to {bounds[1]:g}")
        state[i][grid.ocean] = values.clip(*bounds)
    return state, (when.year, datetime.date(when.year, when.month, when.day).timetuple().tm_yday)
