# SPDX-License-Identifier: MIT
"""How prepared data lie on disk: one module for each format, both with one interface.

A NetCDF file is the default. A Zarr folder, whose name ends in .zarr, suits many states: a crop of one is read without
the rest of the record, and several processes read at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import netCDF4
import numpy as np

from icegen.data.formats import netcdf_file, zarr_folder
from icegen.data.formats.states_on_disk import StatesOnDisk
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.netcdf import open_file
from icegen.data.variables import Variable
from icegen.files import replacing


class Writer(Protocol):
    """Prepared data that are written.

    header: coordinates, attributes, and all other variables than the states, as a NetCDF dataset.
    """

    header: netCDF4.Dataset

    def define(self, variables: tuple[Variable, ...], grid: Grid | CurvilinearGrid) -> None:
        """Make room for the states, and a variable of the header with the attributes of each of ``variables``."""

    def write(self, t: int, state: np.ndarray, missing: np.ndarray) -> None:
        """Write the state of a time, float16 [variable, y, x], and where its values were missing, bool likewise."""

    def close(self) -> None:
        """Write what is left."""


@contextmanager
def create(path: Path) -> Iterator[Writer]:
    """Yield a writer of the format that the name asks for. Only complete data appear under ``path``.

    Raises ValueError for a Zarr folder that exists: it may hold much.
    """
    if _is_zarr(path) and Path(path).exists():
        raise ValueError(f"{path} exists; move it away")
    with replacing(path) as partial:
        writer: Writer = zarr_folder.Writer(partial) if _is_zarr(path) else netcdf_file.Writer(partial)
        try:
            yield writer
            writer.close()
        finally:
            writer.header.close()


def open_header(path: Path) -> netCDF4.Dataset:
    """All but the states. Raises ValueError if there is no such file, or none that can be read."""
    return zarr_folder.read_header(path) if _is_zarr(path) else open_file(path)


def open_states(path: Path, ids: list[str]) -> tuple[StatesOnDisk, StatesOnDisk]:
    """The states of some variables, float16, and where their values were filled in, bool; both read when indexed."""
    if _is_zarr(path):
        return zarr_folder.open_states(path)
    return netcdf_file.open_states(path, ids)


def stay_on_disk(path: Path) -> bool:
    """Whether states are left on disk however few they are: those of a format that many processes read fast."""
    return _is_zarr(path)


def _is_zarr(path: Path) -> bool:
    return Path(path).suffix == ".zarr"
