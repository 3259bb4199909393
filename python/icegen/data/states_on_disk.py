# SPDX-License-Identifier: MIT
"""States of a prepared file that are read from disk when they are indexed."""

import os
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import DTypeLike

from icegen.data.netcdf import read_values


class StatesOnDisk:
    """An array [time, variable, y, x] whose elements are read from a file when they are indexed.

    names: the file's variables, in order. dtype: of the array. Values missing in the file are 0.
    Each process opens the file itself. Raises ValueError if the file is damaged at the place that is read.
    """

    def __init__(self, path: Path, names: list[str], dtype: DTypeLike):
        self.path, self.names, self.dtype = Path(path).absolute(), names, np.dtype(dtype)
        self._process: int | None = None
        self._nc: Any = None
        first = self._variable(0)
        self.shape = (first.shape[0], len(names), *first.shape[1:])
        self.ndim = 4

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        time, *rest = key if isinstance(key, tuple) else (key,)
        times = np.arange(len(self))[time]
        if times.ndim == 0:
            return self._state(int(times), *rest)
        if len(times) == 0:
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]
        first = self._state(int(times[0]), *rest)
        states = np.empty((len(times), *first.shape), self.dtype)
        states[0] = first
        for i in range(1, len(times)):
            states[i] = self._state(int(times[i]), *rest)
        return states

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

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
