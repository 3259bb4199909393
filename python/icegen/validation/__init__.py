# SPDX-License-Identifier: MIT
"""Scores of a model against real states that it was not trained on. Each score has a floor to compare with.

``reference`` reads real states and ``generated`` makes samples; ``evidence`` reads each state once and keeps figures of
it; ``scores`` and ``spectra`` hold the formulas; ``compare`` makes the table; ``pictures`` and ``report`` show it.
"""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from icegen.archive import Archive
from icegen.data.consistency import UNKNOWN
from icegen.data.prepared_file import PreparedData
from icegen.data.times import several_averagings
from icegen.model.generative_model import GenerativeModel
from icegen.progress import Stages, Wrap
from icegen.validation import pictures, reference, report
from icegen.validation.compare import Table, compare
from icegen.validation.evidence import Evidence, add_free, add_memory, add_trend, gather
from icegen.validation.generated import BridgeSampleSource, SampleSource
from icegen.validation.reference import Record
from icegen.validation.report import HEADINGS, score_texts

log = logging.getLogger(__name__)

REPLICATES = 100  # of the evidence, for the intervals of the scores


@dataclass(frozen=True, eq=False)
class Validation:
    """The outcome of a validation, and the files with it, report.html last."""

    evidence: Evidence
    table: Table
    paths: list[Path]


def validate(
    archive: Archive, reference_path: Path, out: Path, *, training: Path | None = None, samples: int, steps: int,
    seeds: Sequence[int], through: str = "archive", progress: Stages,
) -> Validation:  # fmt: skip
    """Score an archive and write the report into the folder ``out``.

    reference_path: prepared or CF file; the scores are of its times that are not for training.
    training: file whose training states give the floors; by default the reference.
    samples: number of samples with dates, and again of samples without, for each seed; some of the former are followed
        through later dates. They are kept in ``out``/samples for reuse.
    seeds: scores are means over them. The pictures show the first.
    through: "archive", or "bridge" to generate the samples with the compiled library, as in a coupled run.
    Raises ValueError if archive and files do not fit each other, before anything is generated or written.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; wanted at least 1")
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds are {list(seeds)}; wanted at least one, each once")
    for seed in seeds:
        archive.resolve([1], seed=seed, steps=steps)
    data = reference.read(reference_path, archive.variables, archive.grid)
    known_data = data if training is None else reference.read(training, archive.variables, archive.grid)
    data, known_data = (of_the_archive(archive, each) for each in (data, known_data))
    evaluation, known = reference.split(data, known_data)
    if len(evaluation) == 0:
        raise ValueError(f"all times of {reference_path} are for training; wanted some to evaluate on")
    if training is not None and known is None:
        raise ValueError(f"{training} has no times for training")
    both = 0 if known is None else int(np.isin(evaluation.day, known.day).sum())
    if both:
        raise ValueError(
            f"{both} times of {reference_path} are also training times of {training or reference_path}; wanted others"
        )
    for entry in archive.metadata["condition"]:
        values, (first, last) = getattr(evaluation, entry["id"]), entry["range"]
        if values.min() < first or values.max() > last:
            log.warning("%s of the reference is %d to %d; the archive was trained for %d to %d",
                        entry["id"], values.min(), values.max(), first, last)  # fmt: skip
    dated = bool(archive.metadata["condition"])
    evidences: list[Evidence] = []
    for seed in seeds:
        folder = Path(out) / "samples" / f"{archive.sha256[:16]}_seed{seed}_steps{steps}_{archive.precision}"
        with closing(_sample_source(archive, seed, steps, folder, through)) as source:
            evidence = gather(source, evaluation, known, samples, dated, archive.thickness or UNKNOWN, progress)
            if dated:
                add_free(evidence, source, samples, progress("sampling without date"))
                add_trend(evidence, source, evaluation, known, samples, progress("sampling Septembers"))
                if known is not None:
                    add_memory(evidence, source, evaluation, known, progress("sampling later dates"))
            if not evidences:
                drawn = pictures.draw(evidence, evaluation, known, source)
        evidences.append(evidence)
    table = compare(evidences, REPLICATES)
    years = sorted({int(year) for year in evaluation.year})
    about = {
        "archive": archive.metadata["name"],
        "sha256": archive.sha256,
        "reference": str(reference_path),
        "evaluated_on": f"{len(evaluation)} times of {', '.join(map(str, years))}",
        "training_states": f"{len(known)} of {training or reference_path}" if known else "none",
        "samples": f"{samples}, {_listed(seeds)}, {steps} steps, {archive.precision}, through the {through}",
    }
    return Validation(evidences[0], table, report.write(Path(out), about, table, evidences[0], drawn))


def of_the_archive(archive: Archive, data: PreparedData) -> PreparedData:
    """Of data that hold means over several times, those that average over as many days as the archive's states."""
    days = archive.metadata.get("averaging") or 0.0  # null or missing if the archive knows one kind of states
    if several_averagings(data.averaging):
        return data.of_averaging(days)
    if days and data.averaging is not None and not np.allclose(data.averaging, days, rtol=1 / 3):
        log.warning("the archive's states are means over %g days, those of the reference over %g days",
                    days, np.median(data.averaging))  # fmt: skip
    return data


def _listed(seeds: Sequence[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"for each of the seeds {', '.join(map(str, seeds))}"


def _sample_source(archive: Archive, seed: int, steps: int, folder: Path, through: str) -> SampleSource:
    if through == "bridge":
        return BridgeSampleSource(archive, seed, steps, folder.with_name(f"{folder.name}_bridge"))
    return SampleSource(archive.module, seed, steps, archive.device, folder, archive.precision, archive.contract)


def score(
    model: GenerativeModel,
    data: PreparedData,
    steps: int,
    samples: int = 1,
    progress: Wrap = iter,
    times: int | None = None,
    device: torch.device | str = "cpu",
) -> dict[str, Any]:
    """Scores for an archive's metadata, of ``samples`` members for each validation time: numbers by group and name.

    times: the most validation times, spread over months and years; all by default.
    device: where the model is.
    """
    evaluation, training = Record(data, np.flatnonzero(data.validation)), Record(data, np.flatnonzero(data.training))
    evaluation = Record(data, evaluation.times[np.sort(reference.balanced_order(evaluation.month)[:times])])
    count = len(evaluation) * samples
    source = SampleSource(model, 0, steps, device)
    evidence = gather(source, evaluation, training, count, model.conditional, data.thickness or UNKNOWN,
                      lambda name: progress)  # fmt: skip
    found: dict[str, Any] = {"validation_times": len(evaluation), "samples_per_time": samples}
    for s in compare([evidence]).scores:
        group = found.setdefault(s.group, {})
        group[s.id] = s.value
        group |= {f"{s.id}_{name}": x for name, x in (("real", s.real), ("floor", s.floor)) if x is not None}
    return found


__all__ = ["HEADINGS", "Validation", "score", "score_texts", "validate"]
