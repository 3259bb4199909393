# SPDX-License-Identifier: MIT
"""Prepared data as a Zarr folder: all variables of a state in one chunk, or in tiles of a large grid.

The arrays ``state`` float16 and ``filled`` bool are [time, variable, y, x]; every other array is a variable of the
header. `xarray.open_zarr` reads the folder too. A chunk has a checksum. One that is missing reads as NaN, and is
refused.
"""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from icegen.data.formats.states_on_disk import StatesOnDisk
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.variables import Variable

LARGEST_TILE = 512  # cells along an edge of a chunk
STATES = ("state", "filled")
DIMENSIONS = ("time", "variable", "y", "x")
COUNT = "filled_values"  # of each time, so that states without any need no look at their flags


class Writer:
    """Writes one folder; the header is kept in memory until the folder is complete."""

    def __init__(self, path: Path):
        self.group = _zarr().open_group(path, mode="w")
        self.header = _in_memory()

    def define(self, variables: tuple[Variable, ...], grid: Grid | CurvilinearGrid) -> None:
        """The arrays of the states; attributes of each variable are those of a number in the header."""
        for v in variables:
            self.header.createVariable(v.id, "i1").setncatts(v.cf_names | grid.cf_attributes)
            self.header[v.id][...] = 0
        self.header.createVariable(COUNT, "i4", ("time",)).long_name = "values that were filled in"
        self.counts = np.zeros(len(self.header.dimensions["time"]), np.int32)
        zarr = _zarr()
        checked = [zarr.codecs.BloscCodec(cname="lz4", clevel=3, shuffle="shuffle"), zarr.codecs.Crc32cCodec()]
        made: dict[str, Any] = {
            "shape": (len(self.counts), len(variables), *grid.shape),
            "chunks": (1, len(variables), *(min(n, LARGEST_TILE) for n in grid.shape)),
            "dimension_names": DIMENSIONS,
            "compressors": checked,
        }
        # A chunk without a filled value is not written; one of states always is.
        self.filled = self.group.create_array("filled", dtype="bool", fill_value=False, **made)
        whole = {"write_empty_chunks": True}
        self.state = self.group.create_array("state", dtype="float16", fill_value=np.nan, config=whole, **made)

    def write(self, t: int, state: np.ndarray, missing: np.ndarray) -> None:
        """Write the state of a time, float16 [variable, y, x], and where its values were missing, bool likewise."""
        self.state[t] = state
        self.counts[t] = missing.sum()
        if self.counts[t]:
            self.filled[t] = missing

    def close(self) -> None:
        """Write the header."""
        self.header[COUNT][:] = self.counts
        for name, variable in self.header.variables.items():
            values = np.ma.getdata(variable[...])
            attributes = {key: _plain(variable.getncattr(key)) for key in variable.ncattrs()}
            if values.dtype == "S1":  # Zarr has no characters
                values, attributes["characters"] = values.view(np.uint8), 1
            array = self.group.create_array(
                name,
                shape=values.shape,
                chunks=values.shape,
                dtype=values.dtype,
                attributes=attributes,
                dimension_names=variable.dimensions,
            )
            array[...] = values
        self.group.attrs.update({key: _plain(self.header.getncattr(key)) for key in self.header.ncattrs()})


class ZarrStates(StatesOnDisk):
    """States, or their flags, of a prepared Zarr folder; of a part of a state, the chunks are read that hold it.

    counts: of the values that were filled in, int32 [time]; given for flags, None for states.
    """

    def __init__(self, path: Path, name: str, counts: np.ndarray | None = None):
        self.path, self.counts = Path(path), counts
        self.array = _open(path, name)
        super().__init__(self.array.shape, self.array.dtype)

    def _state(self, t: int, *key: Any) -> np.ndarray:
        if self.counts is not None and not self.counts[t]:
            return np.broadcast_to(np.zeros((), bool), self.shape[1:])[key]
        simple = all(isinstance(part, int | slice) and getattr(part, "step", None) is None for part in key)
        try:
            values = np.asarray(self.array[(t, *key)] if simple else self.array[t][key])
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:120]
            raise ValueError(
                f"{self.path}: the state of time index {t} cannot be read, it seems damaged: {reason}"
            ) from None
        # A chunk of the file is whole or missing, and a window has at least 8 cells of it.
        if self.counts is None and np.isnan(values[..., ::8, ::8] if values.ndim > 1 else values).any():
            raise ValueError(f"{self.path}: a part of the state of time index {t} is missing; prepare it again")
        return values


def open_states(path: Path) -> tuple[ZarrStates, ZarrStates]:
    """The states, float16, and where their values were filled in, bool."""
    return ZarrStates(path, "state"), ZarrStates(path, "filled", _open(path, COUNT)[:])


def read_header(path: Path) -> netCDF4.Dataset:
    """All but the states, in memory. Raises ValueError if there is no such folder."""
    if not Path(path).exists():
        raise ValueError(f"data folder {path} does not exist")
    group = _open(path)
    header = _in_memory()
    header.setncatts(dict(group.attrs))
    for name, array in group.arrays():
        if name in STATES:
            continue
        values, attributes = np.asarray(array[...]), dict(array.attrs)
        if attributes.pop("characters", 0):
            values = values.view("S1")
        dimensions = tuple(array.metadata.dimension_names or ())
        for dimension, size in zip(dimensions, values.shape, strict=True):
            if dimension not in header.dimensions:
                header.createDimension(dimension, size)
        variable = header.createVariable(name, values.dtype.str[1:], dimensions)
        variable.setncatts(attributes)
        variable[...] = values
    return header


def _in_memory() -> netCDF4.Dataset:
    """A NetCDF dataset that is no file."""
    return netCDF4.Dataset("header", "w", memory=1)


def _plain(value: Any) -> Any:
    """An attribute as JSON has it."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _open(path: Path, name: str = "") -> Any:
    """A prepared folder, or an array of it. Raises ValueError if it cannot be read."""
    try:
        group = _zarr().open_group(path, mode="r")
        return group[name] if name else group
    except (OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"{path} cannot be read as Zarr: {reason}") from None


def _zarr() -> Any:
    """The package. Raises ValueError if it is not installed."""
    try:
        import zarr
        import zarr.codecs
    except ImportError:
        raise ValueError("a folder of Zarr needs the package zarr: pip install 'zarr>=3'") from None
    return zarr
