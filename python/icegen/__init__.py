# SPDX-License-Identifier: MIT
"""icegen: generated Arctic sea ice for Earth-system models.

`icegen.load(path)` opens an archive; its `sample()` returns states as an xarray.Dataset.
"""

__version__ = "0.1.0"


def load(path, device: str = "cpu"):
    """Open an archive: see `icegen.archive.load`. Raises ValueError if it cannot be honoured."""
    from icegen import archive  # libtorch is slow to import, and not wanted by all callers

    return archive.load(path, device)


def bridge_folder():
    """Folder of the compiled bridge in this installation, for CMAKE_PREFIX_PATH: lib/ and include/.

    Raises FileNotFoundError where the package was installed without it.
    """
    from pathlib import Path

    folder = Path(__file__).parent / "_bridge"
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} does not exist: icegen was installed without its bridge (no Fortran or MPI)")
    return folder
