# SPDX-License-Identifier: MIT
"""Restarts of CICE: the ice of a member in the group's own file, over its categories and on its grid.

Area, volume and snow of the categories are replaced. Enthalpy, salinity and surface temperature belong to the ice, so
those of a category stay where it had ice; elsewhere they are the means of the cell, or those of new ice. So it is with
age, level ice, ponds and the state of snow, if the file has them. All other fields, and all cells that the archive does
not know, keep their bits.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from icegen.ensemble import categories, host_grid, icepack
from icegen.ensemble.categories import PUNY, blended
from icegen.ensemble.points import PointIce
from icegen.ensemble.restarts import edited_copy, replace_values

NEEDED = ("aicen", "vicen", "vsnon", "Tsfcn", "qice001", "sice001", "qsno001")
NOT_ZERO = ("fbrn", "fsd001")  # tracers of which new ice needs values that only the model can give
# Tracers of the ice: what weighs them in the mean of a cell, and their value where a cell had no ice: new and level.
OF_ICE = {"iage": ("vicen", 0.0), "FY": ("aicen", 1.0), "alvl": ("aicen", 1.0), "vlvl": ("vicen", 1.0)}
OF_PONDS = ("apnd", "hpnd", "ipnd", "dhs", "ffrac")  # zero on new ice
OF_SNOW = {"smice": icepack.RHO_SNOW, "smliq": 0.0, "rhos": icepack.RHO_SNOW, "rsnw": icepack.NEW_GRAIN}  # of layers
LAYERED = ("qice", "sice", "qsno", *OF_SNOW)
MISPLACED = 0.01  # part of the template's ice that may lie on land or outside of the bounds of its category
COLDEST_NEW, WARMEST_NEW = -40.0, 0.0  # surface of new ice, degrees Celsius


class CICETemplate:
    """A restart of CICE in NetCDF, read and checked, that `write` copies with other ice.

    grid: the model's grid file;  mask: the file that has ``kmt``, if ``grid`` does not.
    settings: of ``kcatbound``, ``kitd`` and ``ktherm``, as CICE has them (`settings_of` reads an ice_in).
    snow: of `icegen.ensemble.categories.SNOW_RULES`;  distribution: of its `DISTRIBUTIONS`.
    Raises ValueError if a file cannot be read, lacks fields, or does not belong to the others.
    """

    def __init__(
        self,
        path: Path,
        grid: Path,
        mask: Path | None = None,
        *,
        kcatbound: int = 0,
        kitd: int = 1,
        ktherm: int = 2,
        snow: str = "template",
        distribution: str = "exponential",
    ):
        self.path, self.ktherm, self.snow, self.distribution = path, ktherm, snow, distribution
        self.files: Sequence[Path] = [path]
        self.settings: dict[str, Any] = {
            "kcatbound": kcatbound, "kitd": kitd, "ktherm": ktherm, "snow": snow, "distribution": distribution,
        }  # fmt: skip
        self._fields, self._names = _read(path)
        count, *shape = self._fields["aicen"].shape
        self.grid = host_grid.read(grid, mask)
        inside = np.ones_like(self.grid.ocean)
        if [size + 2 for size in self.grid.ocean.shape] == shape:  # of a run with restart_ext
            self.grid, inside = self.grid.with_ghost_cells(), np.pad(inside, 1)
        self.grid.require_shape(grid, tuple(shape))
        self.bounds = icepack.category_bounds(count, kcatbound, kitd)
        self.points = self.grid.points
        self._require_ice_on_ocean(mask or grid, inside & ~self.grid.ocean)
        self._fields = {name: values[..., self.grid.ocean] for name, values in self._fields.items()}
        self._require_bounds()

    @property
    def own(self) -> tuple[np.ndarray, np.ndarray]:
        """Area and volume of the template's ice, float64 [point]."""
        area, volume = (
            np.where(self._fields["aicen"] > PUNY, self._fields[name], 0).sum(0) for name in ("aicen", "vicen")
        )
        return np.minimum(area, 1), volume

    def write(self, folder: Path, ice: PointIce, note: str) -> None:
        """Write the restart into a folder under the template's name. note: a line for its history."""
        with edited_copy(self.path, folder, note) as file:
            replace_values(file, self.grid.ocean, self.with_ice(ice))

    def with_ice(self, ice: PointIce) -> dict[str, np.ndarray]:
        """The fields that change by name, float64 [category, point]."""
        old = self._fields
        area, volume = categories.fill(ice.area, ice.volume, self.bounds)
        if ice.near_own or self.distribution == "template":
            area, volume = categories.like(area, volume, old["aicen"], old["vicen"], self.bounds)
        if self.snow == "template":
            snow = categories.snow_like(area, volume, old["aicen"], old["vsnon"])
        else:
            snow = categories.snow_by_fifth(area, volume)
        fresh = {"aicen": area, "vicen": volume, "vsnon": snow}
        new = {name: blended(old[name], values, ice.weight) for name, values in fresh.items()}
        new |= self._contents(new)
        return {name: values for name, values in new.items() if not np.array_equal(values, old[name])}

    def _contents(self, new: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What belongs to the ice and to the snow of the new categories."""
        old = self._fields
        had = (old["aicen"] > PUNY) & (old["vicen"] > PUNY)
        gets_ice, gets_snow = (new["vicen"] > 0) & ~had, (new["vsnon"] > 0) & ~(had & (old["vsnon"] > PUNY))
        iced = had.any(0)
        weights = {name: np.where(had, old[name], 0) for name in ("aicen", "vicen")}
        surface = np.where(iced, _mean(old["Tsfcn"], weights["aicen"]), self._surface_nearby)
        layers = self._names["qice"]
        fresh = dict(zip(layers, icepack.ice_enthalpy(surface, len(layers), self.ktherm), strict=True))
        salt = icepack.salinity(len(layers))
        fresh |= {name: np.full_like(surface, s) for name, s in zip(self._names["sice"], salt, strict=True)}
        fresh = {name: np.where(iced, _mean(old[name], weights["vicen"]), v) for name, v in fresh.items()}
        fresh |= {
            name: np.where(iced, _mean(old[name], weights[weight]), value)
            for name, (weight, value) in OF_ICE.items() if name in old
        }  # fmt: skip
        fresh |= {name: np.zeros_like(surface) for name in OF_PONDS if name in old}
        snow = dict.fromkeys(self._names["qsno"], icepack.snow_enthalpy(surface))
        snow |= {name: np.full_like(surface, value) for kind, value in OF_SNOW.items() for name in self._names[kind]}
        result = {name: np.where(gets_ice, values, old[name]) for name, values in ({"Tsfcn": surface} | fresh).items()}
        return result | {name: np.where(gets_snow, values, old[name]) for name, values in snow.items()}

    @cached_property
    def _surface_nearby(self) -> np.ndarray:
        """Of new ice, degrees Celsius [point]: the surface temperature of the template's nearest ice."""
        old = self._fields
        weight = np.where((old["aicen"] > PUNY) & (old["vicen"] > PUNY), old["aicen"], 0)
        iced = np.asarray(weight.any(0))
        if not iced.any():
            return np.full(iced.shape, icepack.FREEZING)
        surface = _mean(old["Tsfcn"], weight)[self.grid.nearest(iced)]
        return np.clip(surface, COLDEST_NEW, WARMEST_NEW)

    def _require_ice_on_ocean(self, mask: Path, land: np.ndarray) -> None:
        """Raise ValueError if the template does not belong to its grid."""
        area = self._fields["aicen"]
        if not np.isfinite(area[:, self.grid.ocean]).all():
            raise ValueError(f"{self.path} has values of aicen on the ocean that are not finite")
        area = np.where((area > 0) & (area < 2), area, 0)  # files may have fill values on land
        part = area[:, land].sum() / max(area.sum(), PUNY)
        if part > MISPLACED:
            raise ValueError(
                f"{self.path} has {part:.0%} of its ice on land of {mask}; wanted the grid of the template"
            )

    def _require_bounds(self) -> None:
        """Raise ValueError if the template's ice lies outside of the bounds of its categories."""
        area, volume = self._fields["aicen"], self._fields["vicen"]
        there = area > 1e-6
        thickness = np.divide(volume, area, out=np.zeros_like(area), where=there)
        slack = 1e-3
        outside = there & ((thickness < self.bounds[:-1, None] - slack) | (thickness > self.bounds[1:, None] + slack))
        if area[outside].sum() > MISPLACED * area.sum():
            k = int(np.argmax(np.where(outside, area, 0).sum(1)))
            seen = thickness[k][outside[k]]
            raise ValueError(
                f"{self.path} has ice of {seen.min():.2f} to {seen.max():.2f} m in category {k + 1}, which is of "
                f"{self.bounds[k]:.2f} to {self.bounds[k + 1]:.2f} m with kcatbound {self.settings['kcatbound']} and "
                f"kitd {self.settings['kitd']}; wanted the settings of the template's run"
            )


def settings_of(ice_in: Path) -> dict[str, int]:
    """``kcatbound``, ``kitd`` and ``ktherm`` of a namelist file of CICE, those that it has. Raises ValueError."""
    try:
        text = ice_in.read_text(errors="replace")
    except OSError as error:
        raise ValueError(f"{ice_in} cannot be read: {error.strerror}") from None
    found = re.findall(r"(?i)\b(kcatbound|kitd|ktherm)\s*=\s*(-?\d+)", re.sub("!.*", "", text))
    return {name.lower(): int(value) for name, value in found}


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """The fields of the ice, float64 [category, y, x] by name, and the names of those with layers."""
    fields = {}
    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            lacking = [name for name in NEEDED if name not in file.variables]
            if lacking:
                raise ValueError(f"{path} lacks {', '.join(lacking)}; wanted a restart of CICE in NetCDF")
            for name in NOT_ZERO:
                if name in file.variables:
                    raise ValueError(
                        f"{path} has {name}, of which new ice would need values; wanted a restart without it"
                    )
            names = {kind: sorted(n for n in file.variables if re.fullmatch(rf"{kind}\d\d\d", n)) for kind in LAYERED}
            wanted = {*NEEDED, *OF_ICE, *OF_PONDS, *(name for group in names.values() for name in group)}
            host_grid.require_whole(path, file)
            for name, variable in file.variables.items():
                values = variable[...]  # all, so that a file that was cut is found out
                if name in wanted:
                    fields[name] = np.asarray(values, np.float64)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read as NetCDF: {error}") from None
    shape = fields["aicen"].shape
    if len(shape) != 3:
        raise ValueError(f"aicen of {path} has {len(shape)} dimensions; wanted category, y and x")
    for name, values in fields.items():
        if values.shape != shape:
            raise ValueError(f"{name} of {path} has shape {values.shape}; aicen has {shape}")
    if len(names["qice"]) != len(names["sice"]):
        raise ValueError(f"{path} has {len(names['qice'])} layers of enthalpy and {len(names['sice'])} of salinity")
    return fields, names


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Over categories, [point]; 0 where there is no weight."""
    total = weights.sum(0)
    return np.divide(
        (np.where(weights > 0, values, 0) * weights).sum(0), total, out=np.zeros(total.shape), where=total > 0
    )
