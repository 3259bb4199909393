# SPDX-License-Identifier: MIT
"""icegen: generated Arctic sea ice for Earth-system models.

`icegen.load()` opens an archive; its `sample()` returns states as an xarray.Dataset.
`icegen.bridge`, `icegen.plot` and `icegen.polar` are modules that are imported when they are first used.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icegen.host.installation import bridge_folder
from icegen.version import __version__

if TYPE_CHECKING:
    from icegen.archive import Archive

MODULES = {"bridge": "icegen.host.bridge", "plot": "icegen.maps.plot", "polar": "icegen.maps.polar"}


def load(
    archive: str | Path | None = None, device: str = "cpu", sha256: str | None = None, precision: str = "float32"
) -> "Archive":
    """Open an archive.

    archive: a path, or the name of an archive that comes with icegen; by default arctic_observed.
    device: ``cpu``, ``cuda`` or ``cuda:N``.
    sha256: the 64 hexadecimal digits that ``icegen info`` shows; an archive with others is refused.
    precision: of the sampler's networks, ``float32`` or ``bfloat16``, which is faster on processors that support it.
    Returns an `icegen.archive.Archive`. Raises ValueError if the file is missing or damaged, or if the device or the
    precision is not available.
    """
    from icegen import archive as archives  # torch is slow to import, and not wanted by all callers
    from icegen.archive import shipped

    return archives.load(shipped.find(archive), device, sha256, precision)


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(MODULES[name])
    raise AttributeError(f"module 'icegen' has no attribute '{name}'")


__all__ = ["__version__", "bridge_folder", "load"]
