# SPDX-License-Identifier: MIT
"""What the scores are computed from: every state is looked at once and only its figures are kept.

Sample i of N has a date of the reference and stands against the real state of that date; where samples outnumber
dates, they take further members of them, and the real state counts again. The floor is what real but wrong states
would score: in place of member k of a date stands the k-th best training state of its calendar month within 4 years.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from icegen.grid import Grid
from icegen.validation.reconstruction import Reconstruction
from icegen.validation.reference import Record, balanced_order, evenly, floor_candidates
from icegen.validation.samples import Request, Sampler
from icegen.validation.scores import extent, nearest_distance
from icegen.validation.spectra import PairedSpectra
from icegen.validation.tally import Tally
from icegen.variables import Variable

TREND_MONTH = 9
TREND_PERIODS = ((1979, 1991), (2005, 2017))
TREND_SAMPLES = 24  # a period
MOST_TRAINING = 4000  # training states that are looked at

Progress = Callable[[str], Callable[[Iterable], Iterable]]


@dataclass
class Evidence:
    """Figures of all sets of states.

    dated: whether the emulator takes dates; if not, its samples are of no time, and only sets are compared.
    time, member, month: [sample], of the samples beside real states; time indexes the evaluation record.
    tallies: by name; ``real``, ``generated`` and ``floor`` [sample], ``training``, and of an emulator that takes
        dates ``free``, samples without one. Without training states there is no ``floor`` and no ``training``.
    spectra: ``generated`` and ``floor``, each over the real state beside it.
    outside: share of generated cells beyond the bounds before the cut to them [variable].
    trend: (real, generated) mean extent in m2 of the Septembers of each period; empty if one has none.
    """

    variables: tuple[Variable, ...]
    grid: Grid
    dated: bool
    time: np.ndarray
    member: np.ndarray
    month: np.ndarray
    reconstruction: Reconstruction
    tallies: dict[str, Tally] = field(default_factory=dict)
    spectra: dict[str, PairedSpectra] = field(default_factory=dict)
    outside: np.ndarray = field(default_factory=lambda: np.zeros(0))
    trend: list[tuple[float, float]] = field(default_factory=list)

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
    sampler: Sampler, evaluation: Record, training: Record | None, samples: int, dated: bool, progress: Progress
) -> Evidence:
    """Look at ``samples`` states beside those of the evaluation record.

    dated: give them the record's dates; otherwise sample without condition.
    progress: makes of a stage's name a function that wraps the stage's iterable.
    """
    data = evaluation.data
    order = balanced_order(evaluation.month)
    time, member = order[np.arange(samples) % len(order)], np.arange(samples) // len(order) + 1
    evidence = Evidence(data.variables, data.grid, dated, time, member, evaluation.month[time],
                        reconstruct(sampler, evaluation, np.unique(time), progress("reconstructing")))  # fmt: skip
    add_pairs(evidence, sampler, evaluation, training, progress("sampling"))
    if training is not None:
        add_training(evidence, sampler, training, progress("training states"))
    return evidence


def reconstruct(sampler: Sampler, evaluation: Record, times: np.ndarray, progress) -> Reconstruction:
    """Encode and decode the evaluation states ``times``."""
    found = Reconstruction(evaluation.data.variables, evaluation.data.grid)
    for t in progress(times):
        state = evaluation.state(t)
        found.add(state, sampler.reconstruct(state), evaluation.seen(t))
    return found


def add_pairs(evidence: Evidence, sampler: Sampler, evaluation: Record, training: Record | None, progress) -> None:
    """Samples beside their real states, and the floor's."""
    real, generated = new_tally(evidence, sampler), new_tally(evidence, sampler)
    evidence.tallies |= {"real": real, "generated": generated}
    if training is not None:
        evidence.tallies["floor"] = new_tally(evidence, sampler)
    count = len(evidence.variables)
    index = evidence.concentration
    if index is not None:
        evidence.spectra = {
            name: PairedSpectra(evidence.grid.ocean, evidence.spacing, count)
            for name in ("generated", "floor")
            if name in evidence.tallies
        }
    outside = []
    for i, (t, member) in progress(list(enumerate(zip(evidence.time, evidence.member, strict=True)))):
        state, seen = evaluation.state(t), evaluation.seen(t)
        date = int(evaluation.year[t]), int(evaluation.day_of_year[t])
        generated, unbounded = sampler.sample(Request(int(member), *date) if evidence.dated else Request(i + 1))
        outside.append(share_outside(unbounded, evidence))
        beside = {"generated": (generated, np.broadcast_to(evidence.grid.ocean, seen.shape))}
        if training is not None:
            candidates = floor_candidates(training, date[0], evaluation.month[t], date[1])
            chosen = candidates[(member - 1) % len(candidates)]
            beside["floor"] = training.state(chosen), training.seen(chosen)
        real.add(state, seen)
        for name, (other, other_seen) in beside.items():
            evidence.tallies[name].add(other, seen)
            if index is not None:
                evidence.spectra[name].add(other, state, index, (seen & other_seen).all(0))
    evidence.outside = np.mean(outside, axis=0)


def add_free(evidence: Evidence, sampler: Sampler, samples: int, progress) -> None:
    """Samples without condition."""
    free = evidence.tallies["free"] = new_tally(evidence, sampler)
    everywhere = np.broadcast_to(evidence.grid.ocean, (len(evidence.variables), *evidence.grid.shape))
    for member in progress(range(1, samples + 1)):
        free.add(sampler.sample(Request(member))[0], everywhere)


def add_trend(
    evidence: Evidence, sampler: Sampler, evaluation: Record, training: Record | None, samples: int, progress
):
    """Septembers of two periods, of every year that the record holds."""
    index = evidence.concentration
    if index is None:
        return
    grid, dates = evidence.grid, []
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
    areas = [([], []), ([], [])]
    for period, record, t, member in progress(dates):
        request = Request(member, int(record.year[t]), int(record.day_of_year[t]))
        for kept, state in zip(areas[period], (record.state(t), sampler.sample(request)[0]), strict=True):
            kept.append(extent(state[index], grid.cell_area, grid.ocean))
    evidence.trend = [(float(np.mean(real)), float(np.mean(generated))) for real, generated in areas]


def add_training(evidence: Evidence, sampler: Sampler, training: Record, progress) -> None:
    """The training states, evenly thinned where there are very many."""
    tally = evidence.tallies["training"] = new_tally(evidence, sampler)
    for t in progress(evenly(len(training), MOST_TRAINING)):
        tally.add(training.state(t), training.seen(t))


def new_tally(evidence: Evidence, sampler: Sampler) -> Tally:
    """An empty tally in units of the real states' standard deviation."""
    r = evidence.reconstruction
    return Tally(evidence.variables, evidence.grid, r.mean, r.std, sampler.features)


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
