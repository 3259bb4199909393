# SPDX-License-Identifier: MIT
"""Pickups of MITgcm's pkg/seaice (pickup_seaice): the ice of a member in the group's own file.

siAREA, siHEFF and siHSNOW are replaced, or those of the thickness categories (siAREAn, siHEFFn, siHSNOWn). Salt
(siHSALT) belongs to the ice and goes with its volume. All other fields keep their bits.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from icegen.ensemble import categories, icepack
from icegen.ensemble.categories import blended
from icegen.ensemble.host_grid import HostGrid
from icegen.ensemble.points import PointIce

SINGLE = ("siAREA", "siHEFF", "siHSNOW")
BY_CATEGORY = ("siAREAn", "siHEFFn", "siHSNOWn")
LAYERED = ("siTICES", *BY_CATEGORY)
ONE_CATEGORY = np.array([0.0, icepack.ENDLESS])


@dataclass(frozen=True)
class MDSFile:
    """A file pair of MITgcm's mdsio, global.  shape: (y, x);  fields: names in order, without blanks."""

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype
    records: int
    fields: tuple[str, ...]

    def read(self) -> np.ndarray:
        """All records, float [record, y, x]."""
        wanted = self.records * self.shape[0] * self.shape[1] * self.dtype.itemsize
        try:
            content = self.path.with_suffix(".data").read_bytes()
        except OSError as error:
            raise ValueError(f"{self.path.with_suffix('.data')} cannot be read: {error.strerror}") from None
        if len(content) != wanted:
            raise ValueError(f"{self.path.with_suffix('.data')} has {len(content)} bytes; its .meta tells of {wanted}")
        return np.frombuffer(content, self.dtype).reshape(self.records, *self.shape)


class MITgcmTemplate:
    """A pickup of pkg/seaice, read and checked, that `write` copies with other ice.

    path: of its .data or .meta file;  grid: the folder of XC, YC and hFacC that the model writes.
    snow: of `icegen.ensemble.categories.SNOW_RULES`.
    Raises ValueError if a file cannot be read, lacks fields, or does not belong to the others.
    """

    def __init__(self, path: Path, grid: Path, *, snow: str = "template"):
        self._file = describe(path)
        self.files: Sequence[Path] = [self._file.path.with_suffix(s) for s in (".data", ".meta")]
        self.settings: dict[str, Any] = {"snow": snow}
        self.snow = snow
        self.grid = _grid(grid)
        self.grid.require_shape(grid, self._file.shape)
        self.points = self.grid.points
        names = BY_CATEGORY if BY_CATEGORY[0] in self._file.fields else SINGLE
        self._records = _records(self._file, names)
        self.bounds = ONE_CATEGORY if names is SINGLE else icepack.category_bounds(len(self._records[names[0]]))
        values = self._file.read()
        self._old = [values[self._records[name]][:, self.grid.ocean].astype(np.float64) for name in names]
        self._names = names
        self._values = values
        if not all(np.isfinite(field).all() for field in self._old):
            raise ValueError(f"{self.files[0]} has values of {', '.join(names)} that are not finite")

    @property
    def own(self) -> tuple[np.ndarray, np.ndarray]:
        """Area and volume of the template's ice, float64 [point]."""
        return np.minimum(self._old[0].sum(0), 1), self._old[1].sum(0)

    def write(self, folder: Path, ice: PointIce, note: str) -> None:
        """Write the pickup into a folder under the template's names. note: goes into the .meta, as a comment."""
        data, meta = (folder / path.name for path in self.files)
        values = self._values.copy()
        for name, field in self.with_ice(ice).items():
            for record, layer in zip(self._records[name], field, strict=True):
                values[record][self.grid.ocean] = layer
        values.tofile(data)
        shutil.copyfile(self.files[1], meta)
        with meta.open("a") as file:
            file.write(f" /* {note} */\n")

    def with_ice(self, ice: PointIce) -> dict[str, np.ndarray]:
        """The fields that change by name, float64 [category, point]."""
        old_area, old_volume, old_snow = self._old
        area, volume = categories.fill(ice.area, ice.volume, self.bounds)
        if ice.near_own:
            area, volume = categories.like(area, volume, old_area, old_volume, self.bounds)
        if self.snow == "template":
            snow = categories.snow_like(area, volume, old_area, old_snow)
        else:
            snow = categories.snow_by_fifth(area, volume)
        new = [blended(o, n, ice.weight) for o, n in zip(self._old, (area, volume, snow), strict=True)]
        fields = dict(zip(self._names, new, strict=True))
        if "siHSALT" in self._records:
            salt = self._values[self._records["siHSALT"]][:, self.grid.ocean].astype(np.float64)
            before, after = old_volume.sum(0), new[1].sum(0)
            usual = salt.sum() / max(before.sum(), categories.PUNY)
            per_volume = np.divide(salt[0], before, out=np.full_like(before, usual), where=before > categories.PUNY)
            fields["siHSALT"] = np.where(ice.weight > 0, per_volume * after, salt[0])[None]
        return fields


def describe(path: Path) -> MDSFile:
    """What the .meta of a pair says. Raises ValueError if it cannot be read or is of one tile."""
    path = path.with_suffix("") if path.suffix in (".data", ".meta") else path
    base = path.with_name(path.name + ".x")  # so that with_suffix keeps the number of the step
    meta = base.with_suffix(".meta")
    try:
        text = meta.read_text()
    except OSError as error:
        raise ValueError(f"{meta} cannot be read: {error.strerror}; wanted a .data and its .meta") from None
    entries = {key: value.strip() for key, value in re.findall(r"(\w+)\s*=\s*[\[{](.*?)[\]}]", text, re.DOTALL)}
    try:
        sizes = [int(word) for word in entries["dimList"].replace(",", " ").split()]
        dtype = np.dtype({"float32": ">f4", "float64": ">f8"}[entries["dataprec"].strip("' ")])
        records = int(entries["nrecords"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{meta} is no .meta of MITgcm: {error}") from None
    dimensions = [sizes[i : i + 3] for i in range(0, len(sizes), 3)]
    if any(first != 1 or last != size for size, first, last in dimensions):
        raise ValueError(f"{meta} is of one tile; wanted a file of the whole grid (globalFiles or useSingleCpuIO)")
    for size, _, _ in dimensions[2:]:  # levels
        records *= size
    fields = tuple(name.strip() for name in re.findall(r"'([^']*)'", entries.get("fldList", "")))
    return MDSFile(base, (dimensions[1][0], dimensions[0][0]), dtype, records, fields)


def _records(file: MDSFile, needed: Sequence[str]) -> dict[str, list[int]]:
    """The numbers of the records of each field."""
    lacking = [name for name in needed if name not in file.fields]
    if lacking:
        raise ValueError(f"{file.path.with_suffix('.meta')} lists no {', '.join(lacking)}; wanted a pickup_seaice")
    layered = [name for name in file.fields if name in LAYERED]
    rest = file.records - (len(file.fields) - len(layered))
    levels = rest // len(layered) if layered else 0
    if levels * len(layered) != rest or (layered and levels < 1):
        raise ValueError(f"{file.path.with_suffix('.meta')} has {file.records} records for {len(file.fields)} fields")
    found, first = {}, 0
    for name in file.fields:
        count = levels if name in LAYERED else 1
        found[name] = list(range(first, first + count))
        first += count
    return found


def _grid(folder: Path) -> HostGrid:
    """From the files that MITgcm writes of its grid."""
    longitude, latitude, open_part = (describe(folder / name).read()[0] for name in ("XC", "YC", "hFacC"))
    return HostGrid(longitude.astype(np.float64), latitude.astype(np.float64), open_part > 0)
