# SPDX-License-Identifier: MIT
"""Prepared data as one NetCDF file: a variable for each of the state's, compressed state by state."""

import os
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import DTypeLike

from icegen.data.formats.states_on_disk import StatesOnDisk
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.netcdf import read_values
from icegen.data.variables import Variable


class Writer:
    """Writes one file; the header is that file."""

    def __init__(self, path: Path):
        self.header = netCDF4.Dataset(path, "w")

    def define(self, variables: tuple[Variable, ...], grid: Grid | CurvilinearGrid) -> None:
        """The variables of the states, and a flag for each that marks the values filled in."""
        self.variables, self.ocean = variables, grid.ocean
        packed: dict[str, Any] = {"zlib": True, "complevel": 1, "chunksizes": (1, *grid.shape)}
        for v in variables:
            data = self.header.createVariable(
                v.id,
                "f4",
                ("time", "y", "x"),
                fill_value=np.float32(netCDF4.default_fillvals["f4"]),
                # Twelve bits of mantissa hold every float16, as which states are read, and compress to half the size.
                significant_digits=12,
                quantize_mode="BitRound",
                **packed,
            )
            data.setncatts(v.cf_names | grid.cf_attributes)
            self.header.createVariable(v.id + "_filled", "i1", ("time", "y", "x"), **packed)

    def write(self, t: int, state: np.ndarray, missing: np.ndarray) -> None:
        """Write the state of a time, float16 [variable, y, x], and where its values were missing, bool likewise."""
        for v, values, gaps in zip(self.variables, state, missing, strict=True):
            self.header[v.id][t] = np.ma.masked_where(~self.ocean, values)
            self.header[v.id + "_filled"][t] = gaps

    def close(self) -> None:
        """Nothing is left: what was written is in the file."""


class NetCDFStates(StatesOnDisk):
    """States of a prepared NetCDF file. Each process opens the file itself.

    names: the file's variables, in order. dtype: of the array. Values missing in the file are 0.
    """

    def __init__(self, path: Path, names: list[str], dtype: DTypeLike):
        self.path, self.names = Path(path).absolute(), names
        self._process: int | None = None
        self._nc: Any = None
        first = self._variable(0)
        super().__init__((first.shape[0], len(names), *first.shape[1:]), dtype)

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_process": None, "_nc": None}

    def _state(self, t: int, variable: Any = slice(None), *window: Any) -> np.ndarray:
        chosen = np.arange(len(self.names))[variable]
        if chosen.ndim == 0:
            return self._field(t, int(chosen))[window]
        return np.stack([self._field(t, int(i)) for i in chosen])[(slice(None), *window)]

    def _field(self, t: int, i: int) -> np.ndarray:
        return np.nan_to_num(read_values(self._variable(i), t)).astype(self.dtype)

    def _variable(self, i: int) -> netCDF4.Variable:
        if self._process != os.getpid():
            self._process, self._nc = os.getpid(), netCDF4.Dataset(self.path)
        return self._nc[self.names[i]]


def open_states(path: Path, ids: list[str]) -> tuple[NetCDFStates, NetCDFStates]:
    """The states of some variables, float16, and where their values were filled in, bool."""
    return NetCDFStates(path, ids, np.float16), NetCDFStates(path, [name + "_filled" for name in ids], bool)
