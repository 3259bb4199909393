# SPDX-License-Identifier: MIT
"""Archives without a model, for the bridge with the backend of tests/capi/field_backend.c: any field on any grid."""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pyproj

COMMENT = b"icegen-archive sha256:"
DATE = [{"id": "year", "range": [1979, 2100]}, {"id": "day_of_year", "range": [1, 366]}]


def projected(x: np.ndarray, y: np.ndarray) -> dict:
    """The grid of metadata on EASE-Grid 2.0 North; x, y: centres, m."""
    axes = {"x0": x[0], "dx": x[1] - x[0], "y0": y[0], "dy": y[1] - y[0]}
    return {"shape": [len(y), len(x)], **axes, "mapping": pyproj.CRS("EPSG:6931").to_cf()}


def write(
    path: Path, grid: dict, fields: dict[str, np.ndarray], ocean=None, lonlat=None, condition=DATE, **further
) -> Path:
    """Write an archive whose member m is m times `fields`, float32 [y, x] by id, and beside it what the backend reads.

    lonlat: float64 [2, y, x], degrees, of a grid whose metadata tell no projection.
    further: entries of the metadata, beside or in place of those of contract 1.
    """
    ocean = np.ones(grid["shape"], bool) if ocean is None else ocean
    metadata = {
        "format": "icegen-archive",
        "contract": 1,
        "variables": [{"id": name, "standard_name": name, "long_name": name, "units": "1"} for name in fields],
        "grid": grid,
        "condition": condition,
        "sampler": {"name": "heun", "steps": 2},
    } | further
    entries = {"icegen.json": json.dumps(metadata), "ocean.u1": ocean.astype(np.uint8).tobytes()}
    if lonlat is not None:
        entries["lonlat.f8"] = np.asarray(lonlat, "<f8").tobytes()
    pack(path, entries)
    np.stack([np.where(ocean, field, 0) for field in fields.values()]).astype(np.float32).tofile(f"{path}.f4")
    return path


def pack(path: Path, entries: dict[str, str | bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """Write these extra files as an archive with its checksum."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(f"model/extra/{name}", content)
    content = bytearray(path.read_bytes())
    content[-2:] = (len(COMMENT) + 64).to_bytes(2, "little")
    path.write_bytes(sealed(content))


def unpack(path: Path) -> dict[str, bytes]:
    """The extra files of an archive."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "/extra/" in name]
        return {Path(name).name: archive.read(name) for name in names}


def sealed(content: bytes) -> bytes:
    """The content and its checksum."""
    return bytes(content) + COMMENT + hashlib.sha256(content).hexdigest().encode()
