# SPDX-License-Identifier: MIT
"""Restarts of SI3, NEMO's ice: the ice of a member in the group's own file, over its categories.

Area, volume and snow of the categories are replaced. What the file holds as contents of a cell - enthalpy, salt, age,
ponds - follows the ice to which it belongs. The layout is that of NEMO 4 and 5.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from icegen.ensemble import categories, host_grid
from icegen.ensemble.categories import PUNY, blended
from icegen.ensemble.points import PointIce
from icegen.ensemble.restarts import edited_copy, replace_values

NEEDED = ("a_i", "v_i", "v_s", "sv_i", "t_su", "e_i_l01", "e_s_l01")
WITH_VOLUME = re.compile(r"e_i_l\d\d|szv_i_l\d\d|sv_i")
WITH_AREA = re.compile(r"oa_i|a_ip|v_ip|v_il")
WITH_SNOW = re.compile(r"e_s_l\d\d")
FORMED = re.compile(r"e_[is]_l\d\d|szv_i_l\d\d|sv_i|t_su")  # new ice has them too; age and ponds are 0 in it


class SI3Template:
    """A restart of SI3 (restart_ice), whole, read and checked, that `write` copies with other ice.

    grid: the model's mesh_mask or domain_cfg;  mask: the file of ``tmask`` or ``top_level``, if not ``grid``.
    bounds: of the categories, m, from the first to the last, or the mean thickness of `bounds_of`.
    snow: of `icegen.ensemble.categories.SNOW_RULES`.
    Raises ValueError if a file cannot be read, lacks fields, has no ice, or does not belong to the others.
    """

    def __init__(
        self,
        path: Path,
        grid: Path,
        bounds: Sequence[float] | float,
        mask: Path | None = None,
        *,
        snow: str = "template",
    ):
        self.path, self.snow = path, snow
        self.files: Sequence[Path] = [path]
        self._fields = _read(path)
        count, *shape = self._fields["a_i"].shape
        self.bounds = np.asarray(bounds_of(count, bounds) if isinstance(bounds, float | int) else bounds, np.float64)
        if len(self.bounds) != count + 1:
            raise ValueError(
                f"there are {len(self.bounds)} bounds; wanted {count + 1} for the {count} categories of {path}"
            )
        self.settings: dict[str, Any] = {"bounds": self.bounds.tolist(), "snow": snow}
        self.grid = host_grid.read(grid, mask)
        self.grid.require_shape(grid, tuple(shape))
        self.points = self.grid.points
        self._fields = {name: values[..., self.grid.ocean] for name, values in self._fields.items()}
        self._nearest = self._nearest_ice()

    @property
    def own(self) -> tuple[np.ndarray, np.ndarray]:
        """Area and volume of the template's ice, float64 [point]."""
        return np.minimum(self._fields["a_i"].sum(0), 1), self._fields["v_i"].sum(0)

    def write(self, folder: Path, ice: PointIce, note: str) -> None:
        """Write the restart into a folder under the template's name. note: a line for its history."""
        with edited_copy(self.path, folder, note) as file:
            replace_values(file, self.grid.ocean, self.with_ice(ice))

    def with_ice(self, ice: PointIce) -> dict[str, np.ndarray]:
        """The fields that change by name, float64 [category, point]."""
        old = self._fields
        area, volume = categories.fill(ice.area, ice.volume, self.bounds)
        if ice.near_own:
            area, volume = categories.like(area, volume, old["a_i"], old["v_i"], self.bounds)
        if self.snow == "template":
            snow = categories.snow_like(area, volume, old["a_i"], old["v_s"])
        else:
            snow = categories.snow_by_fifth(area, volume)
        filled = {"a_i": area, "v_i": volume, "v_s": snow}
        new = {name: blended(old[name], values, ice.weight) for name, values in filled.items()}
        changed = ice.weight > 0
        for name, values in old.items():
            for pattern, of in ((WITH_VOLUME, "v_i"), (WITH_AREA, "a_i"), (WITH_SNOW, "v_s")):
                if pattern.fullmatch(name):
                    each = self._per(name, of)
                    new[name] = np.where(changed, each * new[of], values)
        gets_ice = changed & (new["a_i"] > 0) & (old["a_i"] <= PUNY)
        new["t_su"] = np.where(gets_ice, self._of_cell("t_su", "a_i", of_mean=True), old["t_su"])
        return new

    def _per(self, name: str, of: str) -> np.ndarray:
        """A content over what it belongs to, [category, point]: the category's own, else that of the cell."""
        content, amount = self._fields[name], self._fields[of]
        had = amount > PUNY
        other = self._of_cell(name, of) if FORMED.fullmatch(name) else np.zeros(content.shape[1])
        return np.divide(content, amount, out=np.broadcast_to(other, content.shape).copy(), where=had)

    def _of_cell(self, name: str, of: str, of_mean: bool = False) -> np.ndarray:
        """The same over all categories, [point], or the mean weighted with ``of``; the nearest where there is none."""
        amount = np.where(self._fields[of] > PUNY, self._fields[of], 0)
        content = np.where(amount > 0, self._fields[name], 0) * (amount if of_mean else 1)
        total = amount.sum(0)
        here = np.divide(content.sum(0), total, out=np.zeros(total.shape), where=total > 0)
        return np.where(total > 0, here, here[self._nearest])

    def _nearest_ice(self) -> np.ndarray:
        """For each point, the nearest with ice and snow: an index [point]."""
        iced = (np.minimum(self._fields["v_i"], self._fields["v_s"]) > PUNY).any(0)
        if not iced.any():
            raise ValueError(
                f"{self.path} has no ice with snow; wanted a template from which new ice takes its contents"
            )
        return self.grid.nearest(iced)


def bounds_of(count: int, mean: float, thickest: float = 99.0) -> np.ndarray:
    """Bounds of SI3's categories, m, float64 [count + 1], for its function of the expected mean (rn_himean)."""
    if not mean > 0:
        raise ValueError(f"the mean thickness of the categories is {mean} m; wanted more than 0")
    n = np.arange(count + 1)
    end = (3 * mean + 1) ** 0.05
    bounds = (count * end / ((count - n) * end + n)) ** 20 - 1
    return np.concatenate([[0.0], bounds[1:-1], [thickest]])


def _read(path: Path) -> dict[str, np.ndarray]:
    """The fields of the ice by name, float64 [category, y, x]."""
    fields = {}
    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            lacking = [name for name in NEEDED if name not in file.variables]
            if lacking:
                raise ValueError(f"{path} lacks {', '.join(lacking)}; wanted a whole restart_ice of SI3")
            host_grid.require_whole(path, file)
            for name, variable in file.variables.items():
                values = variable[...]  # all, so that a file that was cut is found out
                if name in NEEDED or any(p.fullmatch(name) for p in (WITH_VOLUME, WITH_AREA, WITH_SNOW)):
                    if values.ndim != 4 or values.shape[0] != 1:
                        raise ValueError(
                            f"{name} of {path} has shape {values.shape}; wanted one time, category, y and x"
                        )
                    fields[name] = np.asarray(values[0], np.float64)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read as NetCDF: {error}") from None
    shape = fields["a_i"].shape
    for name, values in fields.items():
        if values.shape != shape:
            raise ValueError(f"{name} of {path} has shape {values.shape}; a_i has {shape}")
    return fields
