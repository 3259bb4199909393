# SPDX-License-Identifier: MIT
"""Scores of an emulator against real states it never saw, each beside its floor.

``reference`` real states; ``samples`` generated ones; ``evidence`` looks at each state once; ``scores`` and ``spectra``
are the formulas; ``compare`` makes the table; ``report`` writes it with its pictures.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icegen.archive import Archive
from icegen.data import PreparedData
from icegen.grid import Grid
from icegen.validation.compare import Table, compare
from icegen.validation.evidence import Evidence, Progress, add_free, add_trend, gather
from icegen.validation.reference import Record, split
from icegen.validation.samples import Sampler
from icegen.validation.scores import extent

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Validation:
    """The outcome, and what it was of."""

    archive: Archive
    evaluation: Record
    training: Record | None
    sampler: Sampler
    evidence: Evidence
    table: Table


def validate(
    archive: Archive, evaluation: Record, training: Record | None, samples: int, steps: int, seed: int,
    folder: Path | None, progress: Progress,
) -> Validation:  # fmt: skip
    """Score an archive with ``samples`` states of the evaluation record's dates and as many without condition.

    folder: where samples are kept, so that a run that was cut goes on.
    Raises ValueError where archive and records do not fit each other.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; wanted at least 1")
    if len(evaluation) == 0:
        raise ValueError("all times of the reference are for training; wanted some to evaluate on")
    for record in (evaluation, training):
        if record is not None:
            _check(archive, record)
    archive.check_request([1], seed, None, None, steps)
    dated = bool(archive.metadata["condition"])
    for entry in archive.metadata["condition"]:
        values, (first, last) = getattr(evaluation, entry["id"]), entry["range"]
        if values.min() < first or values.max() > last:
            log.warning("%s of the reference is %d to %d; the archive was trained for %d to %d",
                        entry["id"], values.min(), values.max(), first, last)  # fmt: skip
    kept = folder / f"{archive.sha256[:16]}_seed{seed}_steps{steps}" if folder else None
    sampler = Sampler(archive.module, seed, steps, archive.device, kept)
    evidence = gather(sampler, evaluation, training, samples, dated, progress)
    if dated:
        add_free(evidence, sampler, samples, progress("sampling without condition"))
        add_trend(evidence, sampler, evaluation, training, samples, progress("sampling Septembers"))
    return Validation(archive, evaluation, training, sampler, evidence, compare(evidence))


def score(emulator, data: PreparedData, samples: int, steps: int, progress=iter) -> dict:
    """Scores for an archive's metadata: of ``samples`` members per validation time, numbers by group and name."""
    evaluation, training = Record(data, np.flatnonzero(data.validation)), Record(data, np.flatnonzero(data.training))
    count = len(evaluation) * samples
    sampler = Sampler(emulator, 0, steps)
    evidence = gather(sampler, evaluation, training, count, emulator.conditional, lambda name: progress)
    found = {"validation_times": len(evaluation), "samples_per_time": samples}
    for s in compare(evidence).scores:
        group = found.setdefault(s.group, {})
        group[s.id] = s.value
        group |= {f"{s.id}_{name}": x for name, x in (("real", s.real), ("floor", s.floor)) if x is not None}
    return found


def extent_climatology(data: PreparedData) -> dict:
    """Monthly extent of the training years: mean, min, max, std over years, each [12] in m2, January first."""
    ids = [v.id for v in data.variables]
    if "sic" not in ids:
        return {}
    record = Record(data, np.flatnonzero(data.training))
    area = np.array([extent(record.state(i)[ids.index("sic")], data.grid.cell_area, data.grid.ocean)
                     for i in range(len(record))])  # fmt: skip
    by_month = [area[record.month == month] for month in range(1, 13)]
    if not all(len(values) for values in by_month):
        return {}
    return {
        "units": "m2",
        "years": [int(record.year.min()), int(record.year.max())],
        **{name: [float(f(values)) for values in by_month] for name, f in
           (("mean", np.mean), ("min", np.min), ("max", np.max), ("std", np.std))},
    }  # fmt: skip


def _check(archive: Archive, record: Record) -> None:
    """Raise ValueError unless a record is of the archive's variables and grid."""
    data, grid = record.data, archive.grid
    wanted, seen = ([v.id for v in x.variables] for x in (archive, data))
    if seen != wanted:
        raise ValueError(f"the reference holds {', '.join(seen)}; this archive is of {', '.join(wanted)}")
    if data.grid.shape != grid.shape or not np.allclose(data.grid.lonlat, grid.lonlat, atol=1e-3):
        raise ValueError(f"the reference's grid is {_describe(data.grid)}; the archive's is {_describe(grid)}")
    differing = int((data.grid.ocean != grid.ocean).sum())
    if differing:
        raise ValueError(f"the reference's ocean mask differs from the archive's in {differing} cells")


def _describe(grid: Grid) -> str:
    (ny, nx), (longitude, latitude) = grid.shape, grid.lonlat
    return f"{ny} x {nx} cells from {latitude[0, 0]:.2f} N {longitude[0, 0]:.2f} E"


__all__ = ["Validation", "extent_climatology", "score", "split", "validate"]
