# SPDX-License-Identifier: MIT
"""Prepared data as a Zarr folder: all variables of a state in one chunk, or in tiles of a large grid.

The arrays ``state`` float16 and ``filled`` bool are [time, variable, y, x]; every other array is a variable of the
header. `xarray.open_zarr` reads the folder too. Chunks of states have checksums, and one that is missing is
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

    Chunks are read and unpacked here: the package zarr hands each read to threads, which takes longer than the read.
    counts: of the values that were filled in, int32 [time]; given for flags, None for states.
    Raises ValueError for a folder whose chunks are packed otherwise.
    """

    def __init__(self, path: Path, name: str, counts: np.ndarray | None = None):
        import google_crc32c
        import numcodecs.blosc

        numcodecs.blosc.use_threads = False  # a worker has one core
        self.path, self.name, self.counts = Path(path), name, counts
        self.checksum, self.unpack = google_crc32c.value, numcodecs.blosc.decompress
        array = _open(path, name)
        if [codec.to_dict()["name"] for codec in array.metadata.codecs] != ["bytes", "blosc", "crc32c"]:
            raise ValueError(f"{path}: the chunks of {name} are not packed as icegen packs them; prepare it again")
        self.chunk = array.chunks[1:]
        super().__init__(array.shape, array.dtype)

    def _state(self, t: int, variable: Any = slice(None), *window: Any) -> np.ndarray:
        if self.counts is not None and not self.counts[t]:
            return np.broadcast_to(np.zeros((), bool), self.shape[1:])[(variable, *window)]
        tiles, inside = [], []
        for axis, part in enumerate((*window, slice(None), slice(None))[:2], start=1):
            size, edge = self.shape[axis + 1], self.chunk[axis]
            wanted = range(size)[part] if isinstance(part, slice) else range(0)
            if len(wanted) and wanted.step == 1:
                first = wanted.start // edge
                tiles.append(range(first, (wanted.stop - 1) // edge + 1))
                inside.append(slice(wanted.start - first * edge, wanted.stop - first * edge))
            else:  # an index, say, or nothing
                tiles.append(range(-(-size // edge)))
                inside.append(part)
        rows = [np.concatenate([self._tile(t, y, x) for x in tiles[1]], 2) for y in tiles[0]]
        return np.concatenate(rows, 1)[(variable, *inside)]

    def _tile(self, t: int, y: int, x: int) -> np.ndarray:
        """The chunk at a place of the tiles, [variable, y, x], without what lies beyond the grid."""
        where = self.path / self.name / "c" / str(t) / "0" / str(y) / str(x)
        try:
            content = where.read_bytes()
        except FileNotFoundError:
            if self.counts is not None:  # without a value filled in
                return self._cut(np.zeros(self.chunk, bool), y, x)
            seen = f"{self.path}: a part of the state of time index {t} is missing"
            raise ValueError(f"{seen}; prepare it again") from None
        if self.checksum(content[:-4]) != int.from_bytes(content[-4:], "little"):
            raise ValueError(f"{self.path}: the state of time index {t} cannot be read, it seems damaged: {where}")
        return self._cut(np.frombuffer(self.unpack(content[:-4]), self.dtype).reshape(self.chunk), y, x)

    def _cut(self, tile: np.ndarray, y: int, x: int) -> np.ndarray:
        return tile[:, : self.shape[2] - y * self.chunk[1], : self.shape[3] - x * self.chunk[2]]


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
