# SPDX-License-Identifier: MIT
"""The file format of an archive: self-describing and checksummed. torchscript/README.md states the contract.

The file is a zip whose comment holds the SHA-256 of all bytes before it. ``icegen.json`` and the ocean mask are extra
files inside that can be read without running anything.
"""

import hashlib
import io
import json
import math
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pyproj import CRS
from pyproj.exceptions import CRSError

from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.variables import Variable
from icegen.files import replacing

FORMAT = "icegen-archive"
CONTRACT = 2  # that is written
CONTRACTS = (1, 2)  # that are read
METADATA_FILE = "icegen.json"
OCEAN_FILE = "ocean.u1"
LONLAT_FILE = "lonlat.f8"
COMMENT_PREFIX = b"icegen-archive sha256:"
COMMENT_LENGTH = len(COMMENT_PREFIX) + 64


@dataclass(frozen=True, eq=False)
class Description:
    """What an archive says of itself, read without running it."""

    metadata: dict
    grid: Grid | CurvilinearGrid
    variables: tuple[Variable, ...]
    sha256: str
    path: Path


def describe(path: str | Path) -> Description:
    """Read what an archive says of itself, after verifying its checksum, without running it."""
    return read(path)[0]


def save(
    path: str | Path,
    module: torch.jit.ScriptModule,
    metadata: dict,
    grid: Grid | CurvilinearGrid,
    entries: dict[str, bytes] | None = None,
) -> str:
    """Write an archive whole or not at all; returns its SHA-256.

    entries: content of entries beside those that every archive has, by name.
    """
    extra: dict[str, str | bytes] = dict(entries or {})
    extra[METADATA_FILE] = json.dumps(metadata, indent=1)
    extra[OCEAN_FILE] = grid.ocean.astype(np.uint8).tobytes()
    if not _known_by_formula(grid):
        extra[LONLAT_FILE] = np.stack(grid.lonlat).astype("<f8").tobytes()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(module, buffer, _extra_files=extra)
    content = bytearray(buffer.getvalue())
    content[-2:] = COMMENT_LENGTH.to_bytes(2, "little")  # the zip's end record closes with the comment's length
    digest = hashlib.sha256(content).hexdigest()
    with replacing(path) as partial:
        partial.write_bytes(bytes(content) + COMMENT_PREFIX + digest.encode())
    return digest


def require_sha256(description: Description, wanted: str) -> None:
    """Raise ValueError if an archive is not the one wanted."""
    if re.fullmatch("[0-9a-fA-F]{64}", wanted) is None:
        raise ValueError(f"sha256 is {wanted!r}; wanted 64 hexadecimal digits, as `icegen info` shows")
    if description.sha256 != wanted.lower():
        raise ValueError(f"{description.path} has the SHA-256 {description.sha256[:12]}...; wanted {wanted[:12]}...")


def _known_by_formula(grid: Grid | CurvilinearGrid) -> bool:
    """Whether the bridge finds points on the grid without its coordinates: polar Lambert azimuthal equal-area maps."""
    mapping = grid.cf_grid_mapping if isinstance(grid, Grid) else {}
    name, latitude = mapping.get("grid_mapping_name"), mapping.get("latitude_of_projection_origin", 0.0)
    return name == "lambert_azimuthal_equal_area" and abs(latitude) == 90.0


def read(path: str | Path) -> tuple[Description, bytes]:
    """Description and verified content."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"archive {path} cannot be read: {error.strerror}") from None
    comment = content[-COMMENT_LENGTH:]
    if not comment.startswith(COMMENT_PREFIX):
        raise ValueError(f"{path} is not a whole icegen archive: it does not end with its checksum")
    stated = re.sub("[^0-9a-f]", "?", comment[len(COMMENT_PREFIX) :].decode("ascii", "replace"))
    actual = hashlib.sha256(content[:-COMMENT_LENGTH]).hexdigest()
    if stated != actual:
        raise ValueError(f"{path} is damaged: its checksum is {actual[:12]}..., it says {stated[:12]}...")
    try:
        return _describe(content, actual, Path(path).absolute()), content
    except KeyError as error:
        raise ValueError(f"{path} does not follow the archive contract: it has no {error}") from None
    except (TypeError, zipfile.BadZipFile, json.JSONDecodeError, CRSError) as error:
        raise ValueError(f"{path} does not follow the archive contract: {' '.join(str(error).split())}") from None
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None


def _describe(content: bytes, sha256: str, path: Path) -> Description:
    """Interpret the header of a verified file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name.split("/extra/")[-1]: name for name in archive.namelist() if "/extra/" in name}
        metadata = json.loads(archive.read(entries[METADATA_FILE]))
        if metadata["format"] != FORMAT:
            raise ValueError(f"is of format {metadata['format']!r}; wanted {FORMAT!r}")
        if metadata["contract"] not in CONTRACTS:
            known = " and ".join(map(str, CONTRACTS))
            raise ValueError(f"follows archive contract {metadata['contract']}; this icegen reads {known}")
        _check(metadata)
        g = metadata["grid"]
        grid: Grid | CurvilinearGrid
        ny, nx = g["shape"]
        ocean = _field(archive.read(entries[OCEAN_FILE]), np.dtype(np.uint8), (ny, nx), OCEAN_FILE).astype(bool)
        if "mapping" in g:
            x, y = g["x0"] + g["dx"] * np.arange(nx), g["y0"] + g["dy"] * np.arange(ny)
            crs = g["mapping"]["crs_wkt"]
            CRS.from_wkt(crs)  # raises CRSError for what is none
            grid = Grid(x, y, crs, ocean)
        else:
            lonlat = _field(archive.read(entries[LONLAT_FILE]), np.dtype("<f8"), (2, ny, nx), LONLAT_FILE)
            grid = CurvilinearGrid(lonlat[0], lonlat[1], ocean)
    return Description(
        metadata=metadata,
        grid=grid,
        variables=tuple(Variable(**entry) for entry in metadata["variables"]),
        sha256=sha256,
        path=path,
    )


def _check(metadata: dict) -> None:
    """Raise ValueError, KeyError or TypeError for what no archive of this contract says."""
    whole = {
        f"{name} of the grid": size for name, size in zip(("rows", "columns"), metadata["grid"]["shape"], strict=True)
    }
    whole["steps of the sampler"] = metadata["sampler"]["steps"]
    for name, number in whole.items():
        if type(number) is not int or number < 1:
            raise ValueError(f"has {number!r} {name}; wanted at least 1")
    if not metadata["variables"]:
        raise ValueError("has no variable; wanted at least 1")
    conditions = [condition["id"] for condition in metadata["condition"]]
    if conditions not in ([], ["year", "day_of_year"]):
        raise ValueError(f"has the conditions {conditions}; wanted year and day_of_year, or none")


def _field(content: bytes, dtype: np.dtype, shape: tuple[int, ...], name: str) -> np.ndarray:
    """An entry with a number for each cell."""
    wanted = math.prod(shape) * dtype.itemsize
    if len(content) != wanted:
        raise ValueError(f"has {len(content)} bytes in {name}; wanted {wanted} for its grid")
    return np.frombuffer(content, dtype).reshape(shape)
