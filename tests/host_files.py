# SPDX-License-Identifier: MIT
"""Files of hosts, small and made up: grids and restarts with ice around both poles."""

from pathlib import Path

import netCDF4
import numpy as np

from icegen.ensemble import host_grid, icepack

ROWS, COLUMNS, CATEGORIES, LAYERS = 22, 30, 5, 3


def corners() -> tuple[np.ndarray, np.ndarray]:
    """Upper right corners of cells of 12 x 4 degrees, in two parts: 80 to 64 S and 20 to 88 N; degrees [y, x]."""
    latitude = np.concatenate([np.arange(-76.0, -60.0, 4.0), np.arange(20.0, 92.0, 4.0)])
    longitude = 12.0 * np.arange(1, COLUMNS + 1)
    return tuple(np.meshgrid(longitude, latitude))


def tripole(back: float, up: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A grid whose rows north of 64 N, six, fold onto a line between two poles, at 84 E and 96 W; degrees [y, x].

    back: 0 for the upper right corners, 0.5 for the centres.  up: moves the rows of the cap towards the line; 0.5: the
    centres of the last row lie on it.
    """
    lon, lat = corners()
    lon, lat = lon - 12 * back, lat - 4 * back
    pole, cap, radius = 84.0, 6, np.tan(np.radians(90 - 64) / 2)
    width = 1 - (np.arange(1, cap + 1)[:, None] - back + up) / cap
    x, y = radius * np.cos(np.radians(lon[-cap:] - pole)), radius * width * np.sin(np.radians(lon[-cap:] - pole))
    lon[-cap:] = pole + np.degrees(np.arctan2(y, x))
    lat[-cap:] = 90 - 2 * np.degrees(np.arctan(np.hypot(x, y)))
    return lon, lat


def write_tripole(path: Path, up: float = 0.0) -> Path:
    """A grid file with TLON, TLAT and tmask of that grid; land at the poles of the fold."""
    lon, lat = tripole(0.5, up)
    ocean = np.ones(lat.shape)
    ocean[:, [6, 7, 21, 22]] = 0
    with netCDF4.Dataset(path, "w") as nc:
        nc.createDimension("nj", ROWS)
        nc.createDimension("ni", COLUMNS)
        for name, values, units in (
            ("TLON", lon, "degrees_east"),
            ("TLAT", lat, "degrees_north"),
            ("tmask", ocean, "1"),
        ):
            variable = nc.createVariable(name, "f8", ("nj", "ni"))
            variable.units = units
            variable[:] = values
    return path


def write_pop_grid(path: Path, **changes: np.ndarray) -> Path:
    """A grid file of CICE: corners in radians, and kmt with land at some longitudes."""
    lon, lat = corners()
    kmt = np.ones(lat.shape)
    kmt[:, 3:6] = 0
    fields = {"ulon": np.radians(lon), "ulat": np.radians(lat), "angle": np.zeros_like(lat), "kmt": kmt} | changes
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as nc:
        for dimension, size in zip(("nj", "ni"), fields["kmt"].shape, strict=True):
            nc.createDimension(dimension, size)
        for name, values in fields.items():
            nc.createVariable(name, "f8", ("nj", "ni"))[:] = values
    return path


def write_cice(path: Path, grid: Path, *, leave_out: str = "", categories: int = CATEGORIES, format="NETCDF4") -> Path:
    """A restart of CICE on that grid, with ice of all categories beyond 78 N and 66 S."""
    where = host_grid.read(grid)
    rng = np.random.default_rng(1)
    iced = where.ocean & ((where.latitude > 78) | (where.latitude < -66))
    bounds = icepack.category_bounds(categories)
    height = np.minimum((bounds[:-1] + bounds[1:]) / 2, bounds[:-1] + 1)
    area = iced * (0.16 + 0.02 * rng.random((categories, ROWS, COLUMNS)))
    area[1] = 0  # a category without ice
    volume = area * height[:, None, None]
    surface = np.where(area > 0, -20 + rng.random(area.shape), 0.0)
    salt = icepack.salinity(LAYERS)
    enthalpy = [icepack.ice_enthalpy(s.ravel(), LAYERS).reshape(LAYERS, *s.shape) for s in surface]
    fields = {"aicen": area, "vicen": volume, "vsnon": 0.1 * area, "Tsfcn": surface}
    for k in range(LAYERS):
        fields[f"sice{k + 1:03d}"] = np.where(area > 0, salt[k], 0)
        fields[f"qice{k + 1:03d}"] = np.where(area > 0, np.stack([q[k] for q in enthalpy]), 0)
    fields["qsno001"] = np.where(area > 0, icepack.snow_enthalpy(surface), 0)
    fields |= {name: rng.standard_normal((ROWS, COLUMNS)) for name in ("uvel", "vvel", "stressp_1", "sst")}
    fields |= {"alvl": 0.8 * (area > 0), "vlvl": 0.7 * (area > 0), "iage": 1e6 * (area > 0), "FY": 0.5 * (area > 0)}
    fields |= {"apnd": 0.1 * (area > 0), "hpnd": 0.2 * (area > 0), "ipnd": 1.0 * (surface < 0)}
    fields |= {name: np.where(area > 0, 250.0, 0.0) for name in ("smice001", "rhos001", "rsnw001")}
    fields |= {"smliq001": 0 * area, "isoice001": 0.1 * (area > 0)}
    with netCDF4.Dataset(path, "w", format=format) as nc:
        nc.setncatts({"istep1": 120, "myear": 2007, "mmonth": 9, "mday": 15, "msec": 0, "history": "made up"})
        for name, size in (("ni", COLUMNS), ("nj", ROWS), ("ncat", categories)):
            nc.createDimension(name, size)
        for name, values in fields.items():
            if name != leave_out:
                nc.createVariable(name, "f8", ("ncat", "nj", "ni")[-values.ndim :])[:] = values
    return path


def write_mds(path: Path, values: np.ndarray, fields: tuple[str, ...] = ()) -> Path:
    """A .data and a .meta of MITgcm; values: [record, y, x]. Returns the path of the .data."""
    records, rows, columns = values.shape
    names = "".join(f" '{name:8}'" for name in fields)
    listed = f" nFlds = [ {len(fields):4d} ];\n fldList = {{\n{names}\n }};\n" if fields else ""
    path.with_name(path.name + ".meta").write_text(
        f" nDims = [   2 ];\n dimList = [\n {columns:5d},    1,{columns:5d},\n {rows:5d},    1,{rows:5d}\n ];\n"
        f" dataprec = [ 'float64' ];\n nrecords = [ {records:10d} ];\n timeStepNumber = [ {10:10d} ];\n{listed}"
    )
    data = path.with_name(path.name + ".data")
    values.astype(">f8").tofile(data)
    return data


def write_mitgcm(folder: Path, categories: bool = False) -> Path:
    """A pickup of pkg/seaice with ice beyond 78 N and 66 S, and the grid beside it. Returns the path of its .data."""
    lon, lat = corners()
    ocean = np.ones(lat.shape)
    ocean[:, 3:6] = 0
    for name, field in (("XC", lon - 6), ("YC", lat - 2), ("hFacC", ocean)):
        write_mds(folder / name, field[None])
    rng = np.random.default_rng(2)
    area = 0.8 * ((ocean > 0) & ((lat > 78) | (lat < -66)))
    ice, levels = np.stack([area, 1.5 * area, 0.2 * area]), 7
    drift = 0.1 * rng.standard_normal((2, *lat.shape))
    surface = 270 + rng.random((levels, *lat.shape))
    if categories:
        fields = ("siTICES", "siAREAn", "siHEFFn", "siHSNOWn", "siUICE", "siVICE")
        values = np.concatenate(
            [surface, *(np.concatenate([field[None], np.zeros((levels - 1, *lat.shape))]) for field in ice), drift]
        )
    else:
        fields = ("siTICES", "siAREA", "siHEFF", "siHSNOW", "siHSALT", "siUICE", "siVICE")
        values = np.concatenate([surface, ice, 4 * ice[1:2], drift])
    return write_mds(folder / "pickup_seaice.0000000010", values, fields)


def write_si3(path: Path, grid: Path, leave_out: str = "", ice: float = 1.0) -> Path:
    """A restart of SI3 with two of its layers, and ice of its first and third category beyond 78 N and 66 S."""
    where = host_grid.read(grid)
    iced = ice * (where.ocean & ((where.latitude > 78) | (where.latitude < -66)))
    height = np.array([0.3, 0.8, 1.5, 2.5, 4.0])[:, None, None]
    area = 0.3 * iced * np.array([1, 0, 1, 0, 0])[:, None, None]
    volume, snow = area * height, 0.05 * area
    fields = {"a_i": area, "v_i": volume, "v_s": snow, "sv_i": 4 * volume, "szv_i_l01": 4 * volume, "oa_i": 2 * area}
    fields |= {"a_ip": 0.1 * area, "t_su": np.where(area > 0, 260.0, 273.15), "e_s_l01": 1e8 * snow}
    fields |= {f"e_i_l{k:02d}": 2e8 * volume for k in (1, 2)} | {"u_ice": 0.1 * iced, "v_ice": -0.1 * iced}
    with netCDF4.Dataset(path, "w") as nc:
        for name, size in (("time_counter", None), ("numcat", 5), ("y", ROWS), ("x", COLUMNS)):
            nc.createDimension(name, size)
        nc.createVariable("kt_ice", "f8")[:] = 480
        for name, values in fields.items():
            if name != leave_out:
                dimensions = ("time_counter", "numcat", "y", "x") if values.ndim == 3 else ("time_counter", "y", "x")
                nc.createVariable(name, "f8", dimensions)[0] = values
    return path


def write_nextsim(path: Path, grid: Path, old: bool = False, leave_out: str = "") -> Path:
    """A restart of neXtSIM-DG with ice of -9 C beyond 78 N and 66 S.

    old: in a group, with x before y, without coordinates and slopes.
    """
    where = host_grid.read(grid)
    iced = 1.0 * (where.ocean & ((where.latitude > 78) | (where.latitude < -66)))
    fields = {"cice": 0.8 * iced, "hice": 1.2 * iced, "hsnow": 0.1 * iced, "tice": np.where(iced > 0, -9.0, -1.8)}
    slopes = set() if old else {"cice", "hice", "hsnow"}
    fields |= {"mask": 1.0 * where.ocean, "u": 0.1 * iced}
    if not old:
        fields |= {"longitude": where.longitude, "latitude": where.latitude}
    with netCDF4.Dataset(path, "w") as file:
        nc = file.createGroup("data") if old else file
        sizes = {"x": COLUMNS, "y": ROWS, "z": 1} if old else {"ydim": ROWS, "xdim": COLUMNS, "dg_comp": 3}
        for name, size in sizes.items():
            nc.createDimension(name, size)
        for name, values in fields.items():
            if name == leave_out:
                continue
            if old:
                dimensions = ("x", "y", "z") if name == "tice" else ("x", "y")
                nc.createVariable(name, "f8", dimensions)[:] = values.T[..., None] if name == "tice" else values.T
            elif name in slopes:
                nc.createVariable(name, "f8", ("ydim", "xdim", "dg_comp"))[:] = values[..., None] * [1, 0.1, -0.1]
            else:
                nc.createVariable(name, "f8", ("ydim", "xdim"))[:] = values
    return path
