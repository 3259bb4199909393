# SPDX-License-Identifier: MIT
"""Generated states as CF-compliant xarray datasets."""

import datetime

import numpy as np
import xarray as xr


def to_dataset(states: np.ndarray, archive, members, seed: int, year, day_of_year, steps: int) -> xr.Dataset:
    """States float32 [member, variable, y, x] as a Dataset over (realization, y, x), missing on land."""
    grid = archive.grid
    lon, lat = grid.lonlat
    sea = grid.ocean
    coordinates = {
        "realization": ("realization", np.asarray(members, np.int32), {"standard_name": "realization", "units": "1"}),
        "y": ("y", grid.y, {"standard_name": "projection_y_coordinate", "units": "m", "axis": "Y"}),
        "x": ("x", grid.x, {"standard_name": "projection_x_coordinate", "units": "m", "axis": "X"}),
        "lat": (("y", "x"), lat, {"standard_name": "latitude", "units": "degrees_north"}),
        "lon": (("y", "x"), lon, {"standard_name": "longitude", "units": "degrees_east"}),
    }
    if year is not None:
        date = datetime.datetime(year, 1, 1) + datetime.timedelta(days=day_of_year - 1)
        coordinates["time"] = ((), np.datetime64(date, "ns"), {"standard_name": "time"})
    data = {
        "crs": ((), np.int32(0), grid.cf_grid_mapping),
        "cell_area": (("y", "x"), grid.cell_area, {"standard_name": "cell_area", "units": "m2", "grid_mapping": "crs"}),
    }
    for i, v in enumerate(archive.variables):
        names = {"standard_name": v.standard_name, "long_name": v.long_name, "units": v.units}
        attributes = {key: text for key, text in names.items() if text}
        attributes |= {"grid_mapping": "crs", "cell_measures": "area: cell_area"}
        data[v.id] = (("realization", "y", "x"), np.where(sea, states[:, i], np.float32(np.nan)), attributes)
    dataset = xr.Dataset(data, coordinates)
    provenance = archive.metadata["provenance"]
    dataset.attrs = {
        "Conventions": "CF-1.10",
        "title": f"Generated Arctic sea ice: {archive.metadata['name']}",
        "source": f"icegen, latent diffusion trained on: {provenance.get('data', 'unknown data')}",
        "references": "Finn et al. 2024, doi:10.48550/arXiv.2406.18417",
        "icegen_archive_sha256": archive.sha256,
        "icegen_seed": np.int64(seed),
        "icegen_steps": np.int32(steps),
    }
    for name, variable in dataset.variables.items():
        floating = name in {v.id for v in archive.variables}
        variable.encoding["_FillValue"] = np.float32(9.96921e36) if floating else None
        if "lon" in dataset[name].coords and name not in ("lon", "lat") and variable.ndim >= 2:
            variable.encoding["coordinates"] = "lat lon" + (" time" if year is not None else "")
    return dataset
