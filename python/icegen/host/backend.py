# SPDX-License-Identifier: MIT
"""A backend of the compiled bridge, called as the bridge calls it (icegen_backend.h), without MPI and Fortran.

It tells what a device adds to the cost and the bits of a sample; a host uses `icegen.bridge`. Only the standard library
and NumPy are imported.
"""

import ctypes
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from icegen.host.installation import bridge_folder

MESSAGE_SIZE = 1024
_text, _size, _int64s = ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int64)
_handle, _floats = ctypes.c_void_p, ctypes.POINTER(ctypes.c_float)


class _Functions(ctypes.Structure):
    _fields_ = (
        ("create", ctypes.CFUNCTYPE(
            ctypes.c_int, _text, _text, ctypes.c_int, _text, ctypes.c_int, ctypes.POINTER(_handle), _text, _size)),
        ("generate", ctypes.CFUNCTYPE(
            ctypes.c_int, _handle, ctypes.c_int64, ctypes.c_int64, _int64s, ctypes.c_int64, _int64s, ctypes.c_int64,
            ctypes.c_int, ctypes.c_int64, _floats, _size, _text, _size)),
        ("destroy", ctypes.CFUNCTYPE(None, _handle)),
        ("perturb", ctypes.CFUNCTYPE(
            ctypes.c_int, _handle, _floats, _floats, _size, ctypes.c_double, ctypes.c_int64, ctypes.c_int64, _int64s,
            ctypes.c_int64, _int64s, ctypes.c_int64, ctypes.c_int, ctypes.c_int64, _floats, _size, _text, _size)),
        ("analyse", ctypes.CFUNCTYPE(
            ctypes.c_int, _handle, _floats, _floats, _size, ctypes.c_int64, ctypes.c_int64, _int64s, ctypes.c_int64,
            _int64s, ctypes.c_int64, ctypes.c_int, ctypes.c_int64, _floats, _size, _text, _size)),
    )  # fmt: skip


class BackendError(ValueError):
    """What a backend said when it failed."""


class Backend:
    """A model of an archive in one of the backends. `close` frees it.

    archive: path, which is read without verifying it.  device: ``cpu``, ``cuda`` or ``cuda:N``.
    precision: ``float32`` or ``bfloat16``.  threads: on the CPU.  name: ``torch`` or ``aoti``.
    Raises FileNotFoundError without the compiled backend, BackendError if it refuses.
    """

    def __init__(
        self,
        archive: str | Path,
        device: str = "cpu",
        precision: str = "float32",
        threads: int = 1,
        name: str = "torch",
    ):
        self.device = device
        with zipfile.ZipFile(archive) as file:
            entry = next(n for n in file.namelist() if n.endswith("/extra/icegen.json"))
            self.metadata = json.loads(file.read(entry))
        self.shape = (len(self.metadata["variables"]), *self.metadata["grid"]["shape"])
        self._functions = _load(name)
        self._model = ctypes.c_void_p()
        kind, _, index = device.partition(":")
        self._call(
            self._functions.create, str(archive).encode(), kind.encode(), int(index or 0), precision.encode(), threads,
            ctypes.byref(self._model),
        )  # fmt: skip

    def generate(
        self,
        members: Sequence[int],
        *,
        seed: int = 0,
        condition: Sequence[int] = (),
        time: int = 1025,
        history: bool = False,
        steps: int = 0,
    ) -> np.ndarray:
        """States of members in one batch, float32 [member, variable, y, x], physical units, 0 on land.

        condition: year and day of year, or none;  time, history: of the noise, as `icegen.archive.dates` makes them;
        steps: of the sampler; 0: the archive's default.
        """
        return self._states(self._functions.generate, (), members, seed, condition, time, history, steps)

    def perturb(
        self,
        given: np.ndarray,
        weight: np.ndarray,
        level: float,
        members: Sequence[int],
        *,
        seed: int = 0,
        condition: Sequence[int] = (),
        time: int = 1025,
        history: bool = False,
        steps: int = 0,
    ) -> np.ndarray:
        """States of members near a given one, float32 [member, variable, y, x]; member 0 is the given one, completed.

        given: [variable, y, x], physical units, taken where ``weight`` (the same shape) is above 0.
        level: 0 to 1, the spread of the members over that of `generate`.  The other arguments are those of `generate`.
        """
        further = (*self._fields(given=given, weight=weight), level)
        return self._states(self._functions.perturb, further, members, seed, condition, time, history, steps)

    def analyse(
        self,
        observed: np.ndarray,
        precision: np.ndarray,
        members: Sequence[int],
        *,
        seed: int = 0,
        condition: Sequence[int] = (),
        time: int = 1025,
        history: bool = False,
        steps: int = 0,
    ) -> np.ndarray:
        """States of members that agree with observations, float32 [member, variable, y, x].

        observed: [variable, y, x], physical units, taken where ``precision`` (the same shape), one over the variance of
        its error, is above 0.  The other arguments are those of `generate`.
        """
        further = self._fields(observed=observed, precision=precision)
        return self._states(self._functions.analyse, further, members, seed, condition, time, history, steps)

    def _fields(self, **fields: np.ndarray) -> tuple[object, ...]:
        """The arguments that stand for two fields of all variables."""
        arrays = [np.ascontiguousarray(field, np.float32) for field in fields.values()]
        for name, array in zip(fields, arrays, strict=True):
            if array.shape != self.shape:
                raise ValueError(f"{name} has shape {array.shape}; wanted {self.shape}")
        return (*(array.ctypes.data_as(_floats) for array in arrays), arrays[0].size)

    def _states(
        self,
        function: Callable[..., int],
        further: tuple[object, ...],
        members: Sequence[int],
        seed: int,
        condition: Sequence[int],
        time: int,
        history: bool,
        steps: int,
    ) -> np.ndarray:
        """The states that a function of the backend makes. further: its arguments before those of `generate`."""
        numbers, seen = (np.array(values, np.int64) for values in (members, condition))
        states = np.empty((len(numbers), *self.shape), np.float32)
        self._call(
            function, self._model, *further, seed, len(numbers), numbers.ctypes.data_as(_int64s), len(seen),
            seen.ctypes.data_as(_int64s), time, int(history), steps or self.metadata["sampler"]["steps"],
            states.ctypes.data_as(_floats), states.size,
        )  # fmt: skip
        return states

    def close(self) -> None:
        """Free the model. Closing a closed one does nothing."""
        if self._model:
            self._functions.destroy(self._model)
            self._model = ctypes.c_void_p()

    def __enter__(self) -> "Backend":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _call(function: Callable[..., int], *arguments: object) -> None:
        message = ctypes.create_string_buffer(MESSAGE_SIZE)
        if function(*arguments, message, MESSAGE_SIZE) != 0:
            raise BackendError(message.value.decode(errors="replace"))


def _load(name: str) -> _Functions:
    path = bridge_folder() / "lib" / f"libicegen_backend_{name}.so"
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}: the bridge was built without backend '{name}'")
    entry = ctypes.CDLL(str(path)).icegen_backend_v2
    entry.restype = ctypes.POINTER(_Functions)
    return entry().contents
