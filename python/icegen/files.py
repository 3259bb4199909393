# SPDX-License-Identifier: MIT
"""Files that are whole or not there."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def require_folder(path: str | Path) -> None:
    """Raises ValueError when a file cannot come to stand at ``path``: before the work whose result it is to hold."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise ValueError(f"folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"folder {folder} is not writable")


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to; it takes the name ``path`` on success, else goes away.

    Raises ValueError at once when the folder is not there or not writable.
    """
    path = Path(path)
    require_folder(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
