# SPDX-License-Identifier: MIT
"""icegen: generated Arctic sea ice for Earth-system models.

`icegen.load()` opens an archive; its `sample()` returns states as an xarray.Dataset.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icegen.archive import Archive

__version__ = "0.1.0"


def load(
    archive: str | Path | None = None, device: str = "cpu", sha256: str | None = None, precision: str = "float32"
) -> "Archive":
    """Open an archive, given by its path or by the name of one that comes with icegen; by default arctic_observed.

    device: ``cpu``, ``cuda`` or ``cuda:N``.
    sha256: pins the archive: the 64 hexadecimal digits that ``icegen info`` shows; another one is refused.
    precision: of the sampler's networks, ``float32`` or ``bfloat16``, which is faster where the processor has it.
    Returns an `icegen.archive.Archive`. Raises ValueError if the file is missing, damaged, or cannot be honoured.
    """
    from icegen import archive as archives  # torch is slow to import, and not wanted by all callers
    from icegen import shipped

    return archives.load(shipped.find(archive), device, sha256, precision)


def bridge_folder() -> Path:
    """Folder of the compiled bridge, for CMAKE_PREFIX_PATH: lib/ and include/.

    It is in the package, or in a checkout its build/, or what ICEGEN_BUILD names. Raises FileNotFoundError where the
    package was installed without it.
    """
    import os

    package = Path(__file__).parent
    named = os.environ.get("ICEGEN_BUILD")
    folders = [Path(named)] if named else [package / "_bridge", package.parents[1] / "build"]
    for folder in folders:
        if (folder / "lib").is_dir():
            return folder
    raise FileNotFoundError(f"there is no {folders[0]}: icegen was installed without its bridge (no Fortran or MPI)")
