# SPDX-License-Identifier: MIT
"""What scores are computed from: each state is read once, and only figures of it are kept.

Each sample has a date of the reference and is compared with the real state of that date. If there are more samples
than dates, dates get further members, and their real states count again. The floor is the score of real states of
other years: member k of a date is replaced by the k-th nearest training state of its calendar month within 4 years.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from icegen.data.consistency import ThicknessRange
from icegen.data.extent import extent
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.times import pairs_of
from icegen.data.variables import Variable
from icegen.progress import Stages, Wrap
from icegen.thinning import evenly
from icegen.validation.climate import Climate, whitened
from icegen.validation.generated import SampleKey, SampleSource
from icegen.validation.local import pools
from icegen.validation.memory import LAGS, SHARE, Memory, anomalies, products
from icegen.validation.reconstruction import Reconstruction
from icegen.validation.reference import Record, balanced_order, floor_candidates
from icegen.validation.scores import nearest_distance
from icegen.validation.spectra import PairedSpectra
from icegen.validation.tally import Tally
from icegen.validation.trio import Trio

TREND_MONTH = 9
TREND_PERIODS = ((1979, 1991), (2005, 2017))
TREND_SAMPLES = 24  # a period
MOST_TRAINING = 4000  # training states that are read
LEAST_YEARS = 4  # that are drawn as blocks; of fewer, months are
COMPARED = ("real", "generated", "floor")  # sets with a state for each sample


@dataclass
class Evidence:
    """Figures of all sets of states.

    dated: whether the model takes dates; if not, samples belong to no time, and only sets are compared.
    thickness: bounds of sit / sic that a consistent state keeps, m.
    time, member, year, month: [sample], of the samples that are compared with real states; time indexes the evaluation
        record, member counts the samples of a time from 1.
    date: [sample], which samples are members of one date.
    latent_shape: [y, x] of a latent.
    tallies: by name: ``real``, ``generated`` and ``floor`` [sample], ``training``, and ``free``, samples without date
        of a model that takes dates. Without training states there is no ``floor`` and no ``training``.
    climate: what the training states say of each calendar month; None without them.
    spectra: ``reconstruction``, ``generated`` and ``floor``, each with those of the real states; empty without sic.
        ``generated anomalies`` and ``floor anomalies`` are those of anomalies from the training states' mean.
    coefficients: of the anomalies of real, generated and the floor's states along the EOFs of the training states,
        [sample, EOF]; empty without training states.
    nearest: distance of each real and generated state to its nearest training state, in standard deviations [sample]:
        root mean square over variables and blocks of 8 x 8 cells. Empty without training states.
    nearest_pattern: the same of anomalies along EOFs, each set in units of its own variance in each band of EOFs, so
        that samples that are too smooth seem no nearer.
    outside: share of generated cells beyond the bounds before the cut to them [variable]; None if not known.
    floor_time: [sample], index of the training state that is the floor's; empty without training states.
    trend: (real, generated, year): extents in m2 of the Septembers of each period and their years; empty if a
        period has none, None if it was not computed.
    memory: pairs of samples and states that lie some days apart, by the days; empty if the record has too few of them,
        None if it was not computed.
    """

    variables: tuple[Variable, ...]
    grid: Grid | CurvilinearGrid
    dated: bool
    thickness: ThicknessRange
    time: np.ndarray
    member: np.ndarray
    year: np.ndarray
    month: np.ndarray
    date: np.ndarray
    latent_shape: tuple[int, int]
    reconstruction: Reconstruction
    climate: Climate | None = None
    tallies: dict[str, Tally] = field(default_factory=dict)
    spectra: dict[str, PairedSpectra] = field(default_factory=dict)
    coefficients: dict[str, np.ndarray] = field(default_factory=dict)
    nearest: dict[str, np.ndarray] = field(default_factory=dict)
    nearest_pattern: dict[str, np.ndarray] = field(default_factory=dict)
    outside: np.ndarray | None = None
    trend: list[tuple[np.ndarray, ...]] | None = None
    floor_time: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    memory: dict[int, Memory] | None = None

    @property
    def spacing(self) -> float:
        """Width of a cell, m, from the mean area of ocean cells."""
        return float(np.sqrt(self.grid.cell_area[self.grid.ocean].mean()))

    @property
    def concentration(self) -> int | None:
        ids = [v.id for v in self.variables]
        return ids.index("sic") if "sic" in ids else None

    @property
    def season(self) -> np.ndarray:
        """[sample]: 0 for December to February, 1 for March to May, and so on."""
        return self.month % 12 // 3

    @property
    def climate_bands(self) -> dict[str, slice]:
        """Bands of EOFs, by name; none without training states."""
        return {} if self.climate is None else self.climate.bands

    @property
    def local_widths(self) -> list[int]:
        """Widths of the blocks of local features, km."""
        cells = self.grid.shape[0] // self.latent_shape[0]
        return [round(self.spacing * cells * pool / 1000) for pool in pools(self.latent_shape)]

    def members_of_dates(self) -> np.ndarray:
        """Samples [date, member] of each date, as many as the date with fewest has."""
        rows = [np.flatnonzero(self.date == date) for date in np.unique(self.date)]
        least = min(map(len, rows))
        return np.stack([row[:least] for row in rows])

    def climate_month(self, month: np.ndarray) -> np.ndarray:
        """The month of the climate for calendar months: one for all, if the model takes no dates."""
        return month if self.dated else np.zeros_like(month)

    @property
    def sets(self) -> Trio:
        """The tallies of the generated, the real and the floor's states."""
        return Trio(self.tallies["generated"], self.tallies["real"], self.tallies.get("floor"))

    def evaluation_values(self, name: str) -> np.ndarray:
        """``extent`` or ``volume`` of the real states that samples are compared with, each once."""
        return np.array(getattr(self.tallies["real"], name))[np.unique(self.time, return_index=True)[1]]

    def record_values(self, name: str) -> np.ndarray:
        """The same of the real states that samples are compared with and of the training states, each once."""
        values = self.evaluation_values(name)
        return np.append(values, getattr(self.tallies["training"], name)) if "training" in self.tallies else values

    def resampled(self, random: np.random.Generator) -> "Evidence":
        """The evidence of years that are drawn with replacement, each with all its samples.

        A record of fewer than `LEAST_YEARS` years has its months drawn, because the days of one month are alike, and a
        record without dates its samples.
        """
        rows, date = self._draw(random)
        taken = replace(
            self, date=date, **{name: getattr(self, name)[rows] for name in ("time", "member", "year", "month")}
        )
        taken.tallies = {name: tally.take(rows if name in COMPARED else _drawn_indices(random, len(tally.features)))
                         for name, tally in self.tallies.items() if name != "training"}  # fmt: skip
        taken.tallies |= {name: tally for name, tally in self.tallies.items() if name == "training"}
        taken.spectra = {name: pairs.take(rows) if name != "reconstruction" else pairs
                         for name, pairs in self.spectra.items()}  # fmt: skip
        taken.floor_time = self.floor_time[rows] if len(self.floor_time) else self.floor_time
        for name in ("coefficients", "nearest", "nearest_pattern"):
            setattr(taken, name, {key: values[rows] for key, values in getattr(self, name).items()})
        if self.memory:
            taken.memory = {lag: pairs.take(rows) for lag, pairs in self.memory.items()}
        if self.trend:
            taken.trend = [tuple(values[rows] for values in period)
                           for period in self.trend for rows in [_drawn_blocks(random, period[2])[0]]]  # fmt: skip
        return taken

    def _draw(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Samples [sample], and their dates, of which one that is drawn twice is two."""
        rows, number = _drawn_blocks(random, self._block)
        return rows, self.date[rows] + number * (self.date.max() + 1)

    @property
    def _block(self) -> np.ndarray:
        """[sample], equal for samples that are drawn together."""
        if not self.dated:
            return np.arange(len(self.time))
        return self.year if len(np.unique(self.year)) >= LEAST_YEARS else 12 * self.year + self.month

    @property
    def count_of_blocks(self) -> int:
        """Years, months or samples that `resampled` draws."""
        return len(np.unique(self._block))

    def distinct_floors(self, members: np.ndarray) -> int:
        """Leading members [date, member] whose floors are of different states at each date."""
        return (
            min((len(np.unique(self.floor_time[rows])) for rows in members), default=0) if len(self.floor_time) else 0
        )


def gather(
    source: SampleSource, evaluation: Record, training: Record | None, samples: int, dated: bool,
    thickness: ThicknessRange, progress: Stages,
) -> Evidence:  # fmt: skip
    """Generate ``samples`` states and read the states of the evaluation record that they are compared with.

    thickness: bounds of sit / sic, m.
    dated: give the samples the dates of the record; otherwise sample without date.
    progress: returns the wrapper of a stage's loop, given the name of the stage.
    """
    data = evaluation.data
    order = balanced_order(evaluation.month)
    time, member = order[np.arange(samples) % len(order)], np.arange(samples) // len(order) + 1
    evidence = Evidence(data.variables, data.grid, dated, thickness, time, member, evaluation.year[time],
                        evaluation.month[time], time, source.latent(evaluation.state(0)).shape[1:],
                        Reconstruction(data.variables, data.grid))  # fmt: skip
    add_reconstructions(evidence, source, evaluation, progress("reconstructing"))
    if training is not None:
        add_training(evidence, source, training, progress("training states"))
    add_pairs(evidence, source, evaluation, training, progress("sampling"))
    add_patterns(evidence)
    return evidence


def add_reconstructions(evidence: Evidence, source: SampleSource, evaluation: Record, progress: Wrap) -> None:
    """The evaluation states encoded and decoded."""
    index = evidence.concentration
    if index is not None:
        evidence.spectra["reconstruction"] = new_spectra(evidence)
    varies = np.zeros(len(evidence.variables), bool)
    for t in progress(np.unique(evidence.time)):
        state, seen = evaluation.state(t), evaluation.seen(t)
        varies |= [there.any() and np.ptp(values[there]) > 0 for values, there in zip(state, seen, strict=True)]
        reconstructed = source.reconstruct(state)
        evidence.reconstruction.add(state, reconstructed, seen)
        if index is not None:
            evidence.spectra["reconstruction"].add(reconstructed, state, index, np.all(seen, axis=0))
    if not varies.all():
        name = evidence.variables[int(np.argmin(varies))].id
        raise ValueError(f"{name} is the same everywhere in each evaluation state; wanted values that differ")


def add_pairs(
    evidence: Evidence, source: SampleSource, evaluation: Record, training: Record | None, progress: Wrap
) -> None:
    """Samples, the real state that each is compared with, and the state of the floor."""
    compared = ("generated",) if training is None else ("generated", "floor")
    evidence.tallies |= {name: new_tally(evidence, source, source.latent) for name in ("real", *compared)}
    index = evidence.concentration
    if index is not None:
        evidence.spectra |= {name: new_spectra(evidence) for name in compared}
        if evidence.climate is not None:
            evidence.spectra |= {f"{name} anomalies": new_spectra(evidence) for name in compared}
    outside, floors = [], []
    for i in progress(range(len(evidence.time))):
        t = int(evidence.time[i])
        real, seen = evaluation.state(t), evaluation.seen(t)
        evidence.tallies["real"].add(real, seen)

        state, uncut = source.sample(make_key(evidence, evaluation, i))
        if uncut is not None:
            outside.append(share_outside(uncut, evidence))
        compared_states = {"generated": (state, seen)}

        if training is not None:
            other = floor_time(training, evaluation, t, int(evidence.member[i]))
            floors.append(other)
            compared_states["floor"] = training.state(other), seen & training.seen(other)

        for name, (other_state, both_seen) in compared_states.items():
            evidence.tallies[name].add(other_state, seen)
            if index is not None:
                whole = np.all(both_seen, axis=0)
                evidence.spectra[name].add(other_state, real, index, whole)
                if evidence.climate is not None:
                    mean = evidence.climate.mean(int(evidence.climate_month(evidence.month[[i]])[0]))
                    known = whole & (mean is not None)
                    evidence.spectra[f"{name} anomalies"].add(other_state, real, index, known, mean)
    evidence.outside = np.mean(outside, axis=0) if outside else None
    evidence.floor_time = np.array(floors, np.int64)


def floor_time(training: Record, evaluation: Record, t: int, member: int = 1) -> int:
    """Index of the training state that the floor has for a member of time ``t`` of the evaluation record."""
    candidates = floor_candidates(training, evaluation.year[t], evaluation.month[t], evaluation.day_of_year[t])
    return int(candidates[(member - 1) % len(candidates)])


def make_key(evidence: Evidence, evaluation: Record, i: int) -> SampleKey:
    """The member and the date of sample ``i``.

    Each sample is of a member of its own: the dates of one member follow one another, so they would be fewer
    independent states.
    """
    if not evidence.dated:
        return SampleKey(int(i) + 1)
    t = evidence.time[i]
    return SampleKey(int(i) + 1, int(evaluation.year[t]), int(evaluation.day_of_year[t]))


def add_free(evidence: Evidence, source: SampleSource, samples: int, progress: Wrap) -> None:
    """Samples without date."""
    free = evidence.tallies["free"] = new_tally(evidence, source)
    everywhere = np.broadcast_to(evidence.grid.ocean, (len(evidence.variables), *evidence.grid.shape))
    for member in progress(range(1, samples + 1)):
        free.add(source.sample(SampleKey(member))[0], everywhere)


def add_trend(
    evidence: Evidence, source: SampleSource, evaluation: Record, training: Record | None, samples: int, progress: Wrap
) -> None:
    """Extents of real and generated Septembers of two periods, of every year that the records hold."""
    index = evidence.concentration
    if index is None:
        return
    evidence.trend = []
    records = [record for record in (evaluation, training) if record is not None]
    most = min(samples, TREND_SAMPLES)
    times = [evenly_chosen(september_times(records, *period), most) for period in TREND_PERIODS]
    if not all(times):
        return
    grid = evidence.grid
    work = []  # period, record, time
    for period, held in enumerate(times):
        members = max(1, round(most / len(held)))
        work += [(period, record, t) for record, t in held for _ in range(members)]
    real: tuple[list, list] = ([], [])
    generated: tuple[list, list] = ([], [])
    years: tuple[list, list] = ([], [])
    for number, (period, record, t) in enumerate(progress(work), 1):
        key = SampleKey(number, int(record.year[t]), int(record.day_of_year[t]))
        years[period].append(record.year[t])
        real[period].append(extent(record.state(t)[index], grid.cell_area, grid.ocean))
        generated[period].append(extent(source.sample(key)[0][index], grid.cell_area, grid.ocean))
    evidence.trend = [tuple(np.array(each[period]) for each in (real, generated, years)) for period in (0, 1)]


def add_memory(evidence: Evidence, source: SampleSource, evaluation: Record, training: Record, progress: Wrap) -> None:
    """The states of some samples' members some days later; call it after `gather`."""
    followed = max(1, len(evidence.time) // SHARE)
    work = []  # lag, sample, time
    for lag, (first, second) in pairs_of(evaluation.day, LAGS).items():
        later = dict(zip(first.tolist(), second.tolist(), strict=True))
        rows = [i for i, t in enumerate(evidence.time) if int(t) in later][:followed]
        work += [(lag, i, later[int(evidence.time[i])]) for i in rows]
    after = {lag: (new_tally(evidence, source), new_tally(evidence, source)) for lag, _, _ in work}
    for lag, i, t in progress(work):
        key = SampleKey(i + 1, int(evaluation.year[t]), int(evaluation.day_of_year[t]))
        for tally, state in zip(after[lag], (source.sample(key)[0], evaluation.state(t)), strict=True):
            tally.add(state, evaluation.seen(t))
    times = evenly(len(training), MOST_TRAINING)
    about_climate = partial(anomalies, training=evidence.tallies["training"], training_month=training.month[times])
    record = about_climate(evidence.tallies["training"], training.month[times])
    pairs_known = pairs_of(training.day[times], LAGS)
    evidence.memory = {}
    for lag, tallies in after.items():
        row, time = np.array([(i, t) for of_lag, i, t in work if of_lag == lag]).T
        generated, real = (
            products(
                about_climate(evidence.tallies[name].take(row), evidence.month[row]),
                about_climate(tally, evaluation.month[time]),
            )
            for name, tally in zip(("generated", "real"), tallies, strict=True)
        )
        floor = {}
        if lag in pairs_known:
            floor = products(*({name: values[pair] for name, values in record.items()} for pair in pairs_known[lag]))
        evidence.memory[lag] = Memory(row, generated, real, floor)


def september_times(records: list[Record], first: int, last: int) -> list[tuple[Record, int]]:
    """The Septembers of a period that some records hold: record and time."""
    return [
        (record, int(t))
        for record in records
        for t in np.flatnonzero((record.month == TREND_MONTH) & (first <= record.year) & (record.year <= last))
    ]


def evenly_chosen(things: list, most: int) -> list:
    """At most ``most`` of a list, evenly spread."""
    return [things[i] for i in evenly(len(things), most)]


def add_training(evidence: Evidence, source: SampleSource, training: Record, progress: Wrap) -> None:
    """The training states; at most `MOST_TRAINING`, evenly spread."""
    tally = evidence.tallies["training"] = new_tally(evidence, source)
    climate = evidence.climate = Climate()
    times = evenly(len(training), MOST_TRAINING)
    month = evidence.climate_month(training.month[times])
    for t, m in zip(progress(times), month, strict=True):
        state = training.state(t)
        tally.add(state, training.seen(t))
        climate.add(int(m), state)
    climate.finish(np.array(tally.coarse), month)


def add_patterns(evidence: Evidence) -> None:
    """What compares states with training states: anomalies along EOFs, and the nearest."""
    climate, tallies = evidence.climate, evidence.tallies
    if climate is None:
        return
    known = tallies["training"]
    month = evidence.climate_month(evidence.month)
    evidence.coefficients = {name: climate.coefficients(tallies[name].coarse, month) for name in COMPARED}
    patterns = whitened(climate.training_coefficients, climate.bands) if climate.bands else None
    for name in ("real", "generated"):
        evidence.nearest[name] = nearest_distance(tallies[name].coarse, known.coarse)
        if patterns is not None:
            own = whitened(evidence.coefficients[name], climate.bands)
            evidence.nearest_pattern[name] = nearest_distance(own, patterns)


def new_tally(
    evidence: Evidence, source: SampleSource, latent: Callable[[np.ndarray], np.ndarray] | None = None
) -> Tally:
    """An empty tally in units of the real states' standard deviation. latent: see `Tally`."""
    r = evidence.reconstruction
    return Tally(evidence.variables, evidence.grid, r.mean, r.std, source.features, evidence.thickness, latent)


def new_spectra(evidence: Evidence) -> PairedSpectra:
    """Spectra without a pair so far."""
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


def _drawn_blocks(random: np.random.Generator, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of as many blocks as ``block`` [row] has, drawn with replacement; and for each row, the number of its draw.
    Rows of one block stay together."""
    blocks = [np.flatnonzero(block == b) for b in np.unique(block)]
    drawn = [blocks[k] for k in random.integers(len(blocks), size=len(blocks))]
    return np.concatenate(drawn), np.repeat(np.arange(len(drawn)), [len(rows) for rows in drawn])


def _drawn_indices(random: np.random.Generator, count: int) -> np.ndarray:
    """As many of the numbers below ``count``, drawn with replacement."""
    return random.integers(count, size=count)
