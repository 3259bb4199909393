# SPDX-License-Identifier: MIT
"""neXtSIM on CREG025: a folder of Moorings_YYYYmMM.nc, the data of Finn et al. 2024 (doi:10.5194/tc-17-617-2023)."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from icegen.data.consistency import MODELLED
from icegen.data.grid import CurvilinearGrid
from icegen.data.netcdf import open_file, read_times, read_values, refuse_repeated, unit_factor
from icegen.data.variables import variables

NAMES = {"sic": "sic", "sit": "sit", "sid": "damage", "siu": "siu", "siv": "siv"}
SHAPE = (603, 528)
CROP = (slice(91, None), slice(8, -8))  # y, x: 512 x 512 points


class NextSIM:
    """The states in all ``Moorings_YYYYmMM.nc`` of a folder, cropped to 512 x 512 points. Land is where sit is NaN.

    Raises ValueError for a folder or a file that does not fit, before any state is read.
    """

    split: np.ndarray | None = None
    averaging: np.ndarray | None = None
    thickness = MODELLED

    def __init__(self, folder: Path, ids: Collection[str] = tuple(NAMES)):
        self.variables = variables(ids)
        self.attributes = {
            "title": "Arctic sea ice of neXtSIM coupled to OPA on CREG025",
            "source": "neXtSIM-OPA, Moorings_YYYYmMM.nc, cropped to 512 x 512 points",
            "references": "doi:10.5194/tc-17-617-2023",
        }
        if not Path(folder).is_dir():
            raise ValueError(f"folder {folder} does not exist")
        paths = sorted(p for p in Path(folder).iterdir() if re.fullmatch(r"Moorings_\d{4}m\d{2}\.nc", p.name))
        if not paths:
            raise ValueError(f"{folder} holds no file named like Moorings_1995m01.nc")
        self.times: list = []
        self._places: list[tuple[Path, int]] = []
        for path in paths:
            with open_file(path) as nc:
                self._check(nc, path)
                times = read_times(nc, path)
            self.times += times
            self._places += [(path, i) for i in range(len(times))]
        refuse_repeated(self.times, folder)
        with open_file(paths[0]) as nc:
            longitude, latitude = (read_values(nc[name], CROP) for name in ("longitude", "latitude"))
            self.grid = CurvilinearGrid(longitude, latitude, np.isfinite(read_values(nc["sit"], (0, *CROP))))
        self._path: Path | None = None
        self._nc: Any = None

    def read(self, t: int) -> np.ndarray:
        """The state of time ``t``: float64 [variable, y, x], NaN where there is no value."""
        path, i = self._places[t]
        if path != self._path:  # one file is open at a time, for each keeps much in memory
            if self._nc is not None:
                self._nc.close()
            self._path, self._nc = path, open_file(path)
        found = [(self._nc[NAMES[v.id]], unit_factor(self._nc[NAMES[v.id]], v, path)) for v in self.variables]
        return np.stack([read_values(variable, (i, *CROP), factor) for variable, factor in found])

    def _check(self, nc: netCDF4.Dataset, path: Path) -> None:
        wanted = {"sit", "latitude", "longitude", *(NAMES[v.id] for v in self.variables)}
        missing = sorted(wanted - set(nc.variables))
        if missing:
            raise ValueError(f"{path} has no variable {missing[0]}")
        for name in wanted:
            if nc[name].shape[-2:] != SHAPE:
                raise ValueError(f"{path}: {name} has shape {nc[name].shape}; wanted {SHAPE[0]} x {SHAPE[1]} points")
        for v in self.variables:
            unit_factor(nc[NAMES[v.id]], v, path)
