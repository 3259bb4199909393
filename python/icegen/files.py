# SPDX-License-Identifier: MIT
"""Files that are whole or not there."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to; it takes the name ``path`` on success, else goes away.

    Raises ValueError at once when the folder is not there or not writable.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"folder {path.parent} is not writable")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
