# SPDX-License-Identifier: MIT
"""From the evidence to the table of scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter

import numpy as np
from scipy import stats

from icegen.thinning import evenly
from icegen.validation import local, scores, spectra
from icegen.validation.evidence import TREND_PERIODS, Evidence
from icegen.validation.members import fair_crps, outside, spread_over_error
from icegen.validation.memory import correlation
from icegen.validation.tally import BIN_STD, Tally
from icegen.validation.trio import Trio

SEASONS = ("DJF", "MAM", "JJA", "SON")
GROUPS = ("reconstruction", "generation", "unconditional")
LEAST_REPLICATES = 20  # for an interval
QUANTITIES = {"extent": "million km2", "volume": "1000 km3"}
IN_UNITS = 1e-12  # from the m2 and m3 of a tally to the units of QUANTITIES
RECONSTRUCTION_LABELS = {
    "rmse": "RMSE",
    "rmse_over_std": "RMSE / standard deviation",
    "bias": "bias",
    "gradient": "mean gradient / real",
    "zeros_kept": "exact zeros kept",
    "false_zeros": "false zeros",
    "ones_kept": "exact ones kept",
    "false_ones": "false ones",
}


@dataclass(frozen=True)
class Score:
    """One line of the table.

    group: reconstruction; generation (with dates, if the model takes them); unconditional (without dates).
    id: unique within the group.
    value: of the archive.  real: the same figure of the real states, unless ``value`` compares with them already.
    floor: what real states of other years score; None where there is no such score.
    error: whether 0 is perfect, so that value / floor is meaningful.
    low, high: ends of the 90 % interval of ``value``; None if it was not computed.
    """

    group: str
    id: str
    label: str
    value: float
    real: float | None = None
    floor: float | None = None
    units: str = "1"
    error: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def over_floor(self) -> float | None:
        return self.value / self.floor if self.error and self.floor else None


@dataclass
class Table:
    """Scores; for each one that was left out, the reason."""

    scores: list[Score] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, group: str, name: str, label: str, figure: Trio, units: str = "1", error: bool = False) -> None:
        """Add a score; one that is not a finite number is left out."""
        if figure.generated is None or not np.isfinite(figure.generated):
            self.left_out[f"{group}: {label}"] = "too few states"
            return
        finite = Trio(*(x if x is not None and np.isfinite(x) else None for x in figure)).map(float)
        self.scores.append(Score(group, name, label, finite.generated, finite.real, finite.floor, units, error))

    def find(self, score: Score) -> Score | None:
        """The same score in this table, if it has it."""
        return next((s for s in self.scores if (s.group, s.id) == (score.group, score.id)), None)


def compare(evidences: Sequence[Evidence], replicates: int = 0) -> Table:
    """All scores that the evidence of one or several seeds allows: means over the seeds.

    replicates: how often years are drawn anew, the same for all seeds, for the 90 % intervals; 0: no intervals.
    """
    table = mean_table([table_of(evidence) for evidence in evidences])
    drawn = [
        mean_table([table_of(evidence.resampled(np.random.default_rng(i))) for evidence in evidences])
        for i in range(replicates)
    ]
    factor = widening(evidences[0].count_of_blocks)
    table.scores = [with_interval(score, drawn, factor) for score in table.scores]
    return table


def widening(blocks: int) -> float:
    """What widens an interval that comes from drawing few blocks, such as years, anew; infinite for one block.

    The replicates scatter too little by the root of (n - 1) / n, and the scatter is itself uncertain (Student's t).
    """
    if blocks < 2:
        return np.inf
    return float(stats.t.ppf(0.95, blocks - 1) / stats.norm.ppf(0.95) * np.sqrt(blocks / (blocks - 1)))


def mean_table(tables: Sequence[Table]) -> Table:
    """The mean of each score over tables; scores that one of them lacks are left out."""
    lacking: dict[str, str] = {}
    for table in tables:
        lacking |= table.left_out
    mean = Table(left_out=lacking)
    for score in tables[0].scores:
        same = [found for table in tables if (found := table.find(score))]
        if len(same) == len(tables):
            numbers = {name: _mean([getattr(s, name) for s in same]) for name in ("value", "real", "floor")}
            mean.scores.append(replace(score, **numbers))  # type: ignore[arg-type]  # as their annotations say
    return mean


def with_interval(score: Score, drawn: Sequence[Table], factor: float) -> Score:
    """The score with its interval: ``factor`` times as far around the value as replicates scatter around their mean.
    An error is at least 0."""
    values = [found.value for table in drawn if (found := table.find(score))]
    if len(values) < LEAST_REPLICATES or score.group == "reconstruction" or not np.isfinite(factor):
        return score
    low, high = score.value + factor * (np.quantile(values, (0.05, 0.95)) - np.mean(values))
    return replace(score, low=float(max(low, 0.0) if score.error else low), high=float(high))


def table_of(evidence: Evidence) -> Table:
    """The scores of the evidence of one seed."""
    table = Table()
    if "floor" not in evidence.tallies:
        table.left_out["floors, anomalies, memorisation"] = "there are no training states; name a file that holds them"
    for part in (reconstruction, features, local_features, ice_probability, marginal_ice_zone, seasons, bounds,
                 consistency, histograms, anomaly_variance, power, ensemble, memory, memorisation, trend,
                 unconditional):  # fmt: skip
        part(evidence, table)
    table.scores.sort(key=lambda score: GROUPS.index(score.group))  # keeps the order within a group
    return table


def reconstruction(evidence: Evidence, table: Table) -> None:
    """RMSE, bias, gradients and exact bounds of each variable."""
    for i, v in enumerate(evidence.variables):
        for name, value in evidence.reconstruction.scores(i).items():
            label = f"{v.id}: {RECONSTRUCTION_LABELS[name]}"
            units = v.units if name in ("rmse", "bias") else "1"
            table.add("reconstruction", f"{v.id}_{name}", label, Trio(value), units)


def features(evidence: Evidence, table: Table) -> None:
    """Frechet distance of the states' features."""
    frechet(table, "generation", evidence.sets.map(lambda tally: tally.features))


def frechet(table: Table, group: str, sets: Trio) -> None:
    """Frechet distance of features [state][feature] to those of the real states."""
    label = "Frechet autoencoder distance"
    count, size = np.shape(sets.generated)
    if size == 0:
        table.left_out[f"{group}: {label}"] = "the archive has no features"
        return
    if count <= size:  # their covariance would be singular
        table.left_out[f"{group}: {label}"] = f"{count} samples do not outnumber {size} features"
        return
    table.add(group, "faed", label, sets.against_real(scores.frechet_distance), error=True)


def local_features(evidence: Evidence, table: Table) -> None:
    """Frechet distance of latents, averaged over blocks of several sizes."""
    sets = evidence.sets.map(lambda tally: tally.local)
    found = sets.against_real(local.frechet_distances)
    for k, width in enumerate(evidence.local_widths):
        table.add("generation", f"frechet_{width}km", f"Frechet distance of latents over {width} km",
                  found.map(itemgetter(k)), error=True)  # fmt: skip


def anomaly_variance(evidence: Evidence, table: Table) -> None:
    """Variance of anomalies from the training months' means along bands of EOFs of the training states."""
    if not evidence.coefficients:
        return
    sets = Trio(*(evidence.coefficients[name] for name in ("generated", "real", "floor")))
    for name, band in evidence.climate_bands.items():
        ratios = sets.map(itemgetter((slice(None), band))).map(mean_square).against_real(over)
        table.add("generation", f"eofs_{name}", f"anomaly variance along EOFs {name} / real", ratios)


def mean_square(values: np.ndarray) -> float:
    """Of the values that are known."""
    return float(np.nanmean(np.square(values)))


def ensemble(evidence: Evidence, table: Table) -> None:
    """Whether the members of a date spread as far as they are wrong: extent, volume, and means over blocks."""
    if not evidence.dated:
        return
    members = evidence.members_of_dates()
    if members.shape[1] < 2:
        table.left_out["spread over error, ranks, CRPS"] = "dates have one member; wanted more samples than dates"
        return
    known = members[:, : evidence.distinct_floors(members)]
    for name, label, units, tell in ensemble_quantities(evidence):
        sets = evidence.sets.map(tell)
        truth = sets.real[members[:, 0]]
        floor = None if sets.floor is None or len(known.T) < 2 else sets.floor[known]
        for score, formula, of_what, error in (
            ("crps", fair_crps, "CRPS of the members of a date", True),
            ("spread_error", spread_over_error, "spread of members / error of their mean", False),
            ("outside", outside, "truth outside of all members / expected", False),
        ):
            of = partial(formula, truth=truth)
            figure = Trio(of(sets.generated[members]), floor=None if floor is None else of(floor))
            table.add("generation", f"{name}_{score}", f"{label}: {of_what}", figure, units if error else "1", error)


def ensemble_quantities(evidence: Evidence) -> list[tuple[str, str, str, Callable]]:
    """Name, label, units, and what gives a tally's values [sample, value]."""
    found: list[tuple[str, str, str, Callable]] = []
    for name, units in QUANTITIES.items():
        if getattr(evidence.tallies["real"], name):
            found.append((name, name, units, partial(column_in_units, name=name)))
    for i, v in enumerate(evidence.variables):
        found.append((f"{v.id}_blocks", f"{v.id} in blocks", v.units, partial(blocks_in_units, i=i)))
    return found


def column_in_units(tally: Tally, name: str) -> np.ndarray:
    """A quantity of QUANTITIES of each state, [sample, 1], in its units."""
    return in_units(tally, name)[:, None]


def blocks_in_units(tally: Tally, i: int) -> np.ndarray:
    """Block means of variable ``i``, [sample, block], in its units."""
    coarse = np.array(tally.coarse)
    return coarse.reshape(len(coarse), len(tally.variables), -1)[:, i] * tally.std[i]


def ice_probability(evidence: Evidence, table: Table) -> None:
    """RMSE of the probability of sea ice."""
    if evidence.concentration is None:
        table.left_out["ice probability, extent, marginal ice zone, spectra, trend"] = "the archive has no sic"
        return
    rmse = partial(scores.probability_rmse, ocean=evidence.grid.ocean)
    errors = evidence.sets.map(lambda tally: tally.probability).against_real(rmse)
    table.add("generation", "ice_probability_rmse", "RMSE of the ice probability", errors, error=True)


def marginal_ice_zone(evidence: Evidence, table: Table) -> None:
    """Mean area of the marginal ice zone, and its width: this area over the length of the ice edge."""
    if evidence.concentration is None:
        return
    areas = evidence.sets.map(lambda tally: np.mean(tally.marginal) * IN_UNITS)
    table.add("generation", "marginal_ice_zone", "area of the marginal ice zone", areas, "million km2")
    widths = evidence.sets.map(lambda tally: np.sum(tally.marginal) / max(np.sum(tally.edge), 1.0) / 1e3)
    table.add("generation", "marginal_ice_zone_width", "width of the marginal ice zone", widths, "km")


def seasons(evidence: Evidence, table: Table) -> None:
    """Means and spreads of extent and volume by season and by calendar month."""
    if not evidence.dated:
        table.left_out["scores by season, trend"] = "the archive takes no date"
        return
    for name, units in QUANTITIES.items():
        values = evidence.sets.map(partial(in_units, name=name))
        if len(values.real):
            monthly_error(evidence, table, name, units, values)
            seasonal_means(evidence, table, name, units, values)
            spreads(evidence, table, name, values)


def in_units(tally: Tally, name: str) -> np.ndarray:
    """A quantity of QUANTITIES of each state, [state], in its units."""
    return np.array(getattr(tally, name)) * IN_UNITS


def monthly_error(evidence: Evidence, table: Table, name: str, units: str, values: Trio) -> None:
    """RMS error of the means of calendar months. values: [sample]."""
    errors = values.against_real(partial(scores.monthly_error, month=evidence.month))
    table.add(
        "generation", f"{name}_monthly_error", f"{name}: RMS error of monthly means", errors, units=units, error=True
    )


def seasonal_means(evidence: Evidence, table: Table, name: str, units: str, values: Trio) -> None:
    """Mean of each season that the samples have. values: [sample]."""
    for season, label in enumerate(SEASONS):
        inside = evidence.season == season
        if inside.any():
            means = values.map(itemgetter(inside)).map(np.mean)
            table.add("generation", f"{name}_mean_{label}", f"{name}: mean {label}", means, units)


def spreads(evidence: Evidence, table: Table, name: str, values: Trio) -> None:
    """Spread within each season, and within calendar months, over that of the real states. values: [sample].

    Samples of one member number are compared with each other.
    """
    for season, label in enumerate(SEASONS):
        inside = evidence.season == season
        pooled = values.map(itemgetter(inside)).map(partial(scores.spread, group=evidence.member[inside]))
        table.add("generation", f"{name}_spread_{label}", f"{name}: spread within {label} / real",
                  pooled.against_real(over))  # fmt: skip
    by_month = partial(scores.spread, group=evidence.member * 12 + evidence.month)
    table.add("generation", f"{name}_spread_month", f"{name}: spread within calendar months / real",
              values.map(by_month).against_real(over))  # fmt: skip


def bounds(evidence: Evidence, table: Table) -> None:
    """Shares of cells exactly at the bounds, and beyond them before values are cut to the bounds."""
    shares = evidence.sets.map(lambda tally: tally.at_bounds)
    for i, v in enumerate(evidence.variables):
        for side, (name, bound) in enumerate((("zeros", v.lower), ("ones", v.upper))):
            if bound is not None:
                table.add("generation", f"{v.id}_{name}", f"{v.id}: exact {name}", shares.map(itemgetter((side, i))))
    if evidence.outside is None:
        table.left_out["out of bounds before the cut"] = "a host never sees it"
        return
    for v, share in zip(evidence.variables, evidence.outside, strict=True):
        if v.lower is not None or v.upper is not None:
            table.add("generation", f"{v.id}_outside", f"{v.id}: out of bounds before the cut", Trio(share))


def consistency(evidence: Evidence, table: Table) -> None:
    """Number of cells in which concentration and thickness contradict each other, over all states."""
    if evidence.sets.generated.contradictions:
        cells = evidence.sets.map(lambda tally: np.sum(tally.contradictions))
        table.add("generation", "contradictions", "sic and sit contradict each other", cells, "cells")


def histograms(evidence: Evidence, table: Table) -> None:
    """Wasserstein-1 distances of the values of cells."""
    for i, v in enumerate(evidence.variables):
        found = evidence.sets.against_real(partial(histogram_distance, i=i))
        table.add("generation", f"{v.id}_wasserstein", f"{v.id}: Wasserstein-1 distance", found, v.units, error=True)


def histogram_distance(tally: Tally, real: Tally, i: int) -> float:
    """Wasserstein-1 distance of the values of variable ``i``, in its units."""
    return scores.wasserstein(tally.histogram[i], real.histogram[i], BIN_STD * real.std[i])


def power(evidence: Evidence, table: Table) -> None:
    """Ratios of spectra in each band, and the effective resolution."""
    for group, name, floor in (("reconstruction", "reconstruction", ""), ("generation", "generated", "floor")):
        pairs = Trio(evidence.spectra.get(name), floor=evidence.spectra.get(floor))
        if pairs.generated is None:
            continue
        if not pairs.generated.used:
            reason = f"no window of {spectra.WIDTH / 1000:.0f} km is all ocean and covered with ice"
            table.left_out[f"{group}: spectra"] = reason
            continue
        size, spacing = pairs.generated.size, evidence.spacing
        powers = pairs.map(lambda pair: pair.power() if pair.used else None)
        wavelengths = spectra.wavelengths(size, spacing) / 1000  # km
        for i, v in enumerate(evidence.variables):
            for band, inside in spectra.bands(size, spacing).items():
                ratios = powers.map(partial(band_ratio, i=i, inside=inside))
                table.add(group, f"{v.id}_spectrum_{band}", f"{v.id}: spectrum {band} km / real", ratios)
            scales = powers.map(partial(resolved_scale, i=i, wavelengths=wavelengths))
            table.add(group, f"{v.id}_effective_resolution", f"{v.id}: effective resolution", scales, "km")
    anomaly_power(evidence, table)


def anomaly_power(evidence: Evidence, table: Table) -> None:
    """Ratios of the spectra of anomalies in each band."""
    pairs = Trio(evidence.spectra.get("generated anomalies"), floor=evidence.spectra.get("floor anomalies"))
    if pairs.generated is None or not pairs.generated.used:
        return
    powers = pairs.map(lambda pair: pair.power() if pair.used else None)
    for i, v in enumerate(evidence.variables):
        for band, inside in spectra.bands(pairs.generated.size, evidence.spacing).items():
            ratios = powers.map(partial(band_ratio, i=i, inside=inside))
            table.add("generation", f"{v.id}_anomaly_spectrum_{band}",
                      f"{v.id}: spectrum of anomalies {band} km / real", ratios)  # fmt: skip


def band_ratio(powers: tuple[np.ndarray, np.ndarray], i: int, inside: np.ndarray) -> float:
    """Power of variable ``i`` in a band over that of the real states. powers: see `PairedSpectra.power`."""
    states, real = powers
    return over(states[i, inside].sum(), real[i, inside].sum())


def resolved_scale(powers: tuple[np.ndarray, np.ndarray], i: int, wavelengths: np.ndarray) -> float:
    """Effective resolution of variable ``i``, in the unit of ``wavelengths`` [ring]."""
    states, real = powers
    return spectra.effective_resolution(states[i] / real[i], wavelengths)


def memory(evidence: Evidence, table: Table) -> None:
    """Correlation of the anomalies of two dates of a member, and of the record."""
    if evidence.memory is None:
        return
    if not evidence.memory:
        table.left_out["memory of members"] = "the reference has too few times that lie some days apart"
    for lag, pairs in evidence.memory.items():
        for name, generated in pairs.generated.items():
            figure = Trio(generated, pairs.real[name], pairs.floor.get(name)).map(correlation)
            label = f"{name}: correlation of anomalies after {lag} day{'s' * (lag > 1)}"
            table.add("generation", f"{name}_memory_{lag}d", label, figure)


def memorisation(evidence: Evidence, table: Table) -> None:
    """Mean distance to the nearest training state, over that of the real states."""
    if evidence.nearest:
        ratio = over(evidence.nearest["generated"].mean(), evidence.nearest["real"].mean())
        table.add("generation", "nearest_training", "distance to nearest training state / real", Trio(ratio))
    if evidence.nearest_pattern:
        pattern = over(evidence.nearest_pattern["generated"].mean(), evidence.nearest_pattern["real"].mean())
        table.add("generation", "nearest_pattern", "distance to nearest training pattern / real", Trio(pattern))


def trend(evidence: Evidence, table: Table) -> None:
    """Ratio of the mean September extents of two periods."""
    if evidence.trend is None:
        return
    early, late = ("{}-{}".format(*period) for period in TREND_PERIODS)
    label = f"September extent, {late} / {early}"
    if not evidence.trend:
        table.left_out[label] = "the reference does not hold both periods"
        return
    (real_early, generated_early), (real_late, generated_late) = (
        [float(np.mean(values)) for values in period[:2]] for period in evidence.trend
    )
    ratios = Trio(over(generated_late, generated_early), over(real_late, real_early))
    table.add("generation", "september_trend", label, ratios)


def unconditional(evidence: Evidence, table: Table) -> None:
    """Samples without date against the whole record; the floor is what the evaluation states score."""
    training = evidence.tallies.get("training")
    free = evidence.tallies.get("free" if evidence.dated else "generated")
    if free is None:
        return
    for name, units in QUANTITIES.items():
        if not getattr(free, name):
            continue
        floor = None if training is None else evidence.evaluation_values(name) * IN_UNITS
        values = Trio(in_units(free, name), evidence.record_values(name) * IN_UNITS, floor)
        for statistic, label in ((np.mean, "mean"), (np.std, "standard deviation")):
            figures = values.map(statistic)
            identity = f"{name}_{statistic.__name__}"
            table.add("unconditional", identity, f"{name}: {label}", figures, units)
            table.add("unconditional", f"{identity}_ratio", f"{name}: {label} / record", figures.against_real(over))
    if evidence.dated:
        known = None
        if training is not None:  # as many as there are samples
            known = [training.features[i] for i in evenly(len(training.features), len(free.features))]
        frechet(table, "unconditional", Trio(free.features, evidence.tallies["real"].features, known))


def over(a: float, b: float) -> float:
    """a / b; NaN where b is 0."""
    return float(a / b) if b else float("nan")


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
