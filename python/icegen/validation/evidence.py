# SPDX-License-Identifier: MIT
"""What the scores are computed from: every state is looked at once and only its figures are kept.

Sample i of N has a date of the reference and stands against the real state of that date; where samples outnumber
dates, they take further members of them, and the real state counts again. The floor is what real but wrong states
would score: in place of member k of a date stands the k-th best training state of its calendar month within 4 years.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from icegen.data.extent import extent
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.variables import Variable
from icegen.progress import Stages, Wrap
from icegen.thinning import evenly
from icegen.validation.generated import SampleKey, Sampler
from icegen.validation.reconstruction import Reconstruction
from icegen.validation.reference import Record, balanced_order, floor_candidates
from icegen.validation.scores import nearest_distance
from icegen.validation.spectra import PairedSpectra
from icegen.validation.tally import Tally

TREND_MONTH = 9
TREND_PERIODS = ((1979, 1991), (2005, 2017))
TREND_SAMPLES = 24  # a period
MOST_TRAINING = 4000  # training states that are looked at


@dataclass
class Evidence:
    """Figures of all sets of states.

    dated: whether the model takes dates; if not, its samples are of no time, and only sets are compared.
    time, member, month: [sample], of the samples beside real states; time indexes the evaluation record.
    tallies: by name; ``real``, ``generated`` and ``floor`` [sample], ``training``, and of a model that takes
        dates ``free``, samples without one. Without training states there is no ``floor`` and no ``training``.
    spectra: ``reconstruction``, ``generated`` and ``floor``, each over the real state beside it; none without sic.
    outside: share of generated cells beyond the bounds before the cut to them [variable]; None if not known.
    trend: (real, generated) mean extent in m2 of the Septembers of each period; empty if one has none, None if it was
        not looked at.
    """

    variables: tuple[Variable, ...]
    grid: Grid | CurvilinearGrid
    dated: bool
    time: np.ndarray
    member: np.ndarray
    month: np.ndarray
    reconstruction: Reconstruction
    tallies: dict[str, Tally] = field(default_factory=dict)
    spectra: dict[str, PairedSpectra] = field(default_factory=dict)
    outside: np.ndarray | None = None
    trend: list[tuple[float, float]] | None = None

    @property
    def spacing(self) -> float:
        """Width of a cell, m, from the mean area of ocean cells."""
        return float(np.sqrt(self.grid.cell_area[self.grid.ocean].mean()))

    @property
    def concentration(self) -> int | None:
        ids = [v.id for v in self.variables]
        return ids.index("sic") if "sic" in ids else None

    @property
    def three(self) -> tuple[Tally, Tally, Tally | None]:
        """The real, the generated and the floor's states."""
        return self.tallies["real"], self.tallies["generated"], self.tallies.get("floor")

    def record_values(self, name: str) -> np.ndarray:
        """``extent`` or ``volume`` of all real states that were looked at, each once."""
        unseen = np.array(getattr(self.tallies["real"], name))[np.unique(self.time, return_index=True)[1]]
        return np.append(unseen, getattr(self.tallies["training"], name)) if "training" in self.tallies else unseen

    @cached_property
    def nearest(self) -> dict[str, np.ndarray]:
        """Distance of each real and generated state to its nearest training state, in standard deviations [sample].

        Root mean square over variables and blocks of 8 x 8 cells. Empty without training states.
        """
        if "training" not in self.tallies:
            return {}
        return {name: nearest_distance(self.tallies[name].coarse, self.tallies["training"].coarse)
                for name in ("real", "generated")}  # fmt: skip


def gather(
    sampler: Sampler, evaluation: Record, training: Record | None, samples: int, dated: bool, progress: Stages
) -> Evidence:
    """Look at ``samples`` states beside those of the evaluation record.

    dated: give them the record's dates; otherwise sample without condition.
    progress: makes of a stage's name a function that wraps the stage's iterable.
    """
    data = evaluation.data
    order = balanced_order(evaluation.month)
    time, member = order[np.arange(samples) % len(order)], np.arange(samples) // len(order) + 1
    evidence = Evidence(data.variables, data.grid, dated, time, member, evaluation.month[time],
                        Reconstruction(data.variables, data.grid))  # fmt: skip
    add_reconstructions(evidence, sampler, evaluation, progress("reconstructing"))
    add_pairs(evidence, sampler, evaluation, training, progress("sampling"))
    if training is not None:
        add_training(evidence, sampler, training, progress("training states"))
    return evidence


def add_reconstructions(evidence: Evidence, sampler: Sampler, evaluation: Record, progress: Wrap) -> None:
    """The evaluation states encoded and decoded."""
    index = evidence.concentration
    if index is not None:
        evidence.spectra["reconstruction"] = new_spectra(evidence)
    for t in progress(np.unique(evidence.time)):
        state, seen = evaluation.state(t), evaluation.seen(t)
        reconstructed = sampler.reconstruct(state)
        evidence.reconstruction.add(state, reconstructed, seen)
        if index is not None:
            evidence.spectra["reconstruction"].add(reconstructed, state, index, np.all(seen, axis=0))


def add_pairs(
    evidence: Evidence, sampler: Sampler, evaluation: Record, training: Record | None, progress: Wrap
) -> None:
    """Samples beside their real states, and the floor's."""
    compared = ("generated",) if training is None else ("generated", "floor")
    evidence.tallies |= {name: new_tally(evidence, sampler) for name in ("real", *compared)}
    index = evidence.concentration
    if index is not None:
        evidence.spectra |= {name: new_spectra(evidence) for name in compared}
    outside = []
    for i in progress(range(len(evidence.time))):
        t = int(evidence.time[i])
        real, seen = evaluation.state(t), evaluation.seen(t)
        state, unbounded = sampler.sample(make_key(evidence, evaluation, i))
        if unbounded is not None:
            outside.append(share_outside(unbounded, evidence))
        evidence.tallies["real"].add(real, seen)
        beside = {"generated": (state, seen)}
        if training is not None:
            stand_ins = floor_candidates(training, evaluation.year[t], evaluation.month[t], evaluation.day_of_year[t])
            chosen = int(stand_ins[(evidence.member[i] - 1) % len(stand_ins)])
            beside["floor"] = training.state(chosen), seen & training.seen(chosen)
        for name, (other, both_seen) in beside.items():
            evidence.tallies[name].add(other, seen)
            if index is not None:
                evidence.spectra[name].add(other, real, index, np.all(both_seen, axis=0))
    evidence.outside = np.mean(outside, axis=0) if outside else None


def make_key(evidence: Evidence, evaluation: Record, i: int) -> SampleKey:
    """What to sample beside the real state of sample ``i``."""
    if not evidence.dated:
        return SampleKey(int(i) + 1)
    t = evidence.time[i]
    return SampleKey(int(evidence.member[i]), int(evaluation.year[t]), int(evaluation.day_of_year[t]))


def add_free(evidence: Evidence, sampler: Sampler, samples: int, progress: Wrap) -> None:
    """Samples without condition."""
    free = evidence.tallies["free"] = new_tally(evidence, sampler)
    everywhere = np.broadcast_to(evidence.grid.ocean, (len(evidence.variables), *evidence.grid.shape))
    for member in progress(range(1, samples + 1)):
        free.add(sampler.sample(SampleKey(member))[0], everywhere)


def add_trend(
    evidence: Evidence, sampler: Sampler, evaluation: Record, training: Record | None, samples: int, progress: Wrap
) -> None:
    """Septembers of two periods, of every year that the record holds."""
    index = evidence.concentration
    if index is None:
        return
    grid, dates, evidence.trend = evidence.grid, [], []
    for period, (first, last) in enumerate(TREND_PERIODS):
        held = [
            (period, record, int(t))
            for record in (evaluation, training)
            if record is not None
            for t in np.flatnonzero((record.month == TREND_MONTH) & (first <= record.year) & (record.year <= last))
        ]
        most = min(samples, TREND_SAMPLES)
        held = [held[i] for i in evenly(len(held), most)]
        members = max(1, round(most / len(held))) if held else 0
        dates += [(*date, member) for date in held for member in range(1, members + 1)]
    if {period for period, *_ in dates} != {0, 1}:
        return
    areas: list[tuple[list, list]] = [([], []), ([], [])]
    for period, record, t, member in progress(dates):
        request = SampleKey(member, int(record.year[t]), int(record.day_of_year[t]))
        for kept, state in zip(areas[period], (record.state(t), sampler.sample(request)[0]), strict=True):
            kept.append(extent(state[index], grid.cell_area, grid.ocean))
    evidence.trend = [(float(np.mean(real)), float(np.mean(generated))) for real, generated in areas]


def add_training(evidence: Evidence, sampler: Sampler, training: Record, progress: Wrap) -> None:
    """The training states, evenly thinned where there are very many."""
    tally = evidence.tallies["training"] = new_tally(evidence, sampler)
    for t in progress(evenly(len(training), MOST_TRAINING)):
        tally.add(training.state(t), training.seen(t))


def new_tally(evidence: Evidence, sampler: Sampler) -> Tally:
    """An empty tally in units of the real states' standard deviation."""
    r = evidence.reconstruction
    return Tally(evidence.variables, evidence.grid, r.mean, r.std, sampler.features)


def new_spectra(evidence: Evidence) -> PairedSpectra:
    """Spectra of no pair yet."""
    return PairedSpectra(evidence.grid.ocean, evidence.spacing, len(evidence.variables))


def share_outside(state: np.ndarray, evidence: Evidence) -> np.ndarray:
    """Share of ocean cells beyond the bounds, [variable] of [variable, y, x]; 0 for a variable without bounds."""
    ocean = evidence.grid.ocean
    shares = np.zeros(len(evidence.variables))
    for i, v in enumerate(evidence.variables):
        values = state[i][ocean]
        below = values < (-np.inf if v.lower is None else v.lower)
        above = values > (np.inf if v.upper is None else v.upper)
        shares[i] = np.mean(below | above)
    return shares
