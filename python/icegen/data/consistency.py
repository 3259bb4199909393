# SPDX-License-Identifier: MIT
"""Concentration and thickness that agree: ice has area if and only if it has volume.

Sources contradict each other: a satellite sees ice where a reanalysis has none, and the reverse. `reconcile` brings
one state together. Afterwards, in every cell and exactly,

    thinnest sic <= sit <= thickest sic,

so sic = 0 if and only if sit = 0, and sit / sic, the thickness of the ice itself, lies between the two.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from icegen.data.extent import ICE_EDGE
from icegen.data.variables import Variable


@dataclass(frozen=True)
class ThicknessRange:
    """Bounds of sit / sic, m."""

    thinnest: float
    thickest: float

    def __post_init__(self) -> None:
        if not 0 < self.thinnest < self.thickest:
            raise ValueError(f"thickness is {self.thinnest} to {self.thickest} m; wanted 0 < thinnest < thickest")


# The range of the observed record (NSIDC-0051 and PIOMAS, 338 months). In 99 % of the cells in which both sources have
# ice, it is thicker than 0.09 m. PIOMAS counts in steps of 0.01 m, so values below 0.05 m are artefacts of these steps.
# Where at least half of a cell is covered, the thickest ice is 12.5 m. Thicker ice comes from cells in which one source
# has a thin cover and the other a full one.
OBSERVED = ThicknessRange(0.05, 13.0)

# The range of models, whose states are consistent by themselves. Idealised ice has ridges of 14 m.
MODELLED = ThicknessRange(0.01, 40.0)


# For states of which no range is known: only ice in one of the two variables contradicts.
UNKNOWN = ThicknessRange(1e-9, 1e9)


@dataclass(frozen=True)
class Changes:
    """What reconciling one state changed on the ocean.

    cells: number of cells with another sic or sit;
    extent: change of the area of cells with sic >= 0.15, m2;  volume: change of the ice volume, m3.
    """

    cells: int
    extent: float
    volume: float


def describe(bounds: ThicknessRange) -> str:
    """The rule in words, for the attributes of a file."""
    return (
        f"Values are rounded to float16. Where sic is 0, sit is 0. Elsewhere sit / sic lies within {bounds.thinnest:g} "
        f"to {bounds.thickest:g} m: sic is raised to sit / {bounds.thickest:g} m where it is less, then sit to "
        f"{bounds.thinnest:g} m x sic."
    )


def applies(variables: Collection[Variable]) -> bool:
    """Whether states of these variables have both concentration and thickness."""
    return {"sic", "sit"} <= {v.id for v in variables}


def reconcile(state: np.ndarray, variables: Collection[Variable], bounds: ThicknessRange) -> np.ndarray:
    """Bring the concentration and thickness of one state together.

    state: float [variable, y, x], finite, within the variables' bounds.  bounds: of sit / sic.
    Returns float16 of the same shape; all values are rounded to float16 first, so that a file or a memory that keeps
    float16 keeps the relation too.

    1. Concentration tells presence: without it, sit and all that is of the ice become 0.
    2. Thickness tells the amount: where it exceeds ``thickest`` times the concentration, the concentration is raised.
       To cut the volume instead would lose 3 % of it in some months of the observed record.
    3. Where there is concentration and too little thickness, sit becomes ``thinnest`` times the concentration.
    """
    ids = [v.id for v in variables]
    fields = dict(zip(ids, state.astype(np.float16), strict=True))
    sic, sit = fields["sic"], fields["sit"]
    present = sic > 0
    wanted = np.minimum(sit.astype(np.float64) / bounds.thickest, 1.0)
    sic = np.where(present, np.maximum(sic, _rounded(wanted, up=True)), np.float16(0))
    least = _rounded(bounds.thinnest * sic.astype(np.float64), up=True)
    most = _rounded(bounds.thickest * sic.astype(np.float64), up=False)
    fields["sic"], fields["sit"] = sic, np.clip(sit, least, most)
    for v in variables:
        if v.on_ice_only:
            fields[v.id] = np.where(present, fields[v.id], np.float16(0))
    return np.stack([fields[name] for name in ids])


def contradictions(sic: np.ndarray, sit: np.ndarray, bounds: ThicknessRange) -> np.ndarray:
    """Where concentration and thickness contradict each other: bool of their shape. NaN contradicts everything."""
    sic, sit = sic.astype(np.float64), sit.astype(np.float64)
    return ~((bounds.thinnest * sic <= sit) & (sit <= bounds.thickest * sic))


def changes(before: np.ndarray, after: np.ndarray, variables: Collection[Variable], area: np.ndarray) -> Changes:
    """What became of a state [variable, y, x]; ``area`` of the ocean in each cell, m2 [y, x]."""
    ids = [v.id for v in variables]
    sic, sit = ([x[ids.index(name)].astype(np.float64) for x in (before, after)] for name in ("sic", "sit"))
    other = (sic[0] != sic[1]) | (sit[0] != sit[1])
    covered = [x >= ICE_EDGE for x in sic]
    return Changes(
        cells=int(np.sum(other & (area > 0))),
        extent=float(np.sum(area * covered[1]) - np.sum(area * covered[0])),
        volume=float(np.sum(area * (sit[1] - sit[0]))),
    )


def _rounded(x: np.ndarray, up: bool) -> np.ndarray:
    """Float64 to the next float16 that is not less (``up``), or not more."""
    near = x.astype(np.float16)
    off = near.astype(np.float64) < x if up else near.astype(np.float64) > x
    return np.where(off, np.nextafter(near, np.float16(np.inf if up else -np.inf)), near)
