# SPDX-License-Identifier: MIT
"""Writing files atomically: a file, or a folder, appears complete or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

FULL = 1e6  # bytes left on a disk that is full


def require_folder(path: str | Path) -> None:
    """Raise ValueError if no file can be written at ``path``. Call it before work whose result goes there."""
    folder = Path(path).parent
    if Path(path).is_dir() and Path(path).suffix != ".zarr":
        raise ValueError(f"{path} is a folder; wanted the name of a file")
    if not folder.is_dir():
        raise ValueError(f"folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"folder {folder} is not writable")


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to. It is renamed to ``path`` on success, and removed on failure.

    Raises ValueError at once if the folder does not exist or is not writable, and OSError if its disk is full.
    """
    path = Path(path)
    require_folder(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except RuntimeError as error:  # what torch and netCDF4 raise if a disk is full
        free = shutil.disk_usage(path.parent).free
        if free > FULL:
            raise
        raise OSError(f"{path} cannot be written, with {free / 1e6:.0f} MB free on its disk") from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)
