# SPDX-License-Identifier: MIT
"""States that are read from disk when they are indexed."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike


class StatesOnDisk:
    """An array [time, variable, y, x] whose elements are read when they are indexed.

    A format says how one state, or a part of it, is read (`_state`).
    Raises ValueError if the file is damaged at the place that is read.
    """

    ndim = 4

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike):
        self.shape, self.dtype = shape, np.dtype(dtype)

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

    def _state(self, t: int, variable: Any = slice(None), *window: Any) -> np.ndarray:
        """The state of time ``t``, indexed by variable and window."""
        raise NotImplementedError
