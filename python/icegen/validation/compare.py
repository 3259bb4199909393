# SPDX-License-Identifier: MIT
"""From the evidence to the table of scores."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from icegen.thinning import evenly
from icegen.validation import scores, spectra
from icegen.validation.evidence import TREND_PERIODS, Evidence
from icegen.validation.tally import BIN_STD, Tally

SEASONS = ("DJF", "MAM", "JJA", "SON")
GROUPS = ("reconstruction", "generation", "unconditional")
QUANTITIES = {"extent": "million km2", "volume": "1000 km3"}  # both are 1e12 of the unit of a tally
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

    group: reconstruction; generation (with dates, of a model that takes them); unconditional (always without).
    id: unique within the group.
    value: of the archive.  real: the same of the real states, where ``value`` is no comparison yet.
    floor: what real but wrong states score, if there is such a thing.
    error: whether 0 is perfect, so that value over floor says something.
    """

    group: str
    id: str
    label: str
    value: float
    real: float | None = None
    floor: float | None = None
    units: str = "1"
    error: bool = False

    @property
    def over_floor(self) -> float | None:
        return self.value / self.floor if self.error and self.floor else None


@dataclass
class Table:
    """Scores, and by name what was left out and why."""

    scores: list[Score] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        group: str,
        name: str,
        label: str,
        value: float | None,
        real: float | None = None,
        floor: float | None = None,
        units: str = "1",
        error: bool = False,
    ) -> None:
        """Note a score; one that is not a number is left out."""
        if value is None or not np.isfinite(value):
            self.left_out[f"{group}: {label}"] = "too few states"
            return
        real, floor = (None if x is None or not np.isfinite(x) else float(x) for x in (real, floor))
        self.scores.append(Score(group, name, label, float(value), real, floor, units, error))


def compare(evidence: Evidence) -> Table:
    """All scores that the evidence allows."""
    table = Table()
    if "floor" not in evidence.tallies:
        table.left_out["floors, memorisation"] = "there are no training states; name a file of them"
    for part in (reconstruction, distances, marginal_ice_zone, seasons, bounds, histograms, power, memorisation, trend,
                 unconditional):  # fmt: skip
        part(evidence, table)
    table.scores.sort(key=lambda score: GROUPS.index(score.group))  # stable
    return table


def reconstruction(evidence: Evidence, table: Table) -> None:
    """RMSE, bias, gradients and exact bounds of each variable."""
    for i, v in enumerate(evidence.variables):
        for name, value in evidence.reconstruction.scores(i).items():
            units = v.units if name in ("rmse", "bias") else "1"
            table.add("reconstruction", f"{v.id}_{name}", f"{v.id}: {RECONSTRUCTION_LABELS[name]}", value, units=units)


def distances(evidence: Evidence, table: Table) -> None:
    """Frechet distance and the ice probability's RMSE."""
    real, generated, floor = evidence.three
    frechet(table, "generation", generated.features, real.features, optional(lambda t: t.features, floor))
    if evidence.concentration is None:
        table.left_out["ice probability, extent, marginal ice zone, spectra, trend"] = "the archive has no sic"
        return

    def rmse(t: Tally) -> float:
        return scores.probability_rmse(t.probability, real.probability, evidence.grid.ocean)

    table.add("generation", "ice_probability_rmse", "RMSE of the ice probability", rmse(generated),
              floor=optional(rmse, floor), error=True)  # fmt: skip


def frechet(table: Table, group: str, generated: list, real: list, floor: list | None) -> None:
    """Frechet distance of features [state][feature] to those of the real states."""
    label = "Frechet autoencoder distance"
    count, size = np.shape(generated)
    if size == 0:
        table.left_out[f"{group}: {label}"] = "the archive has no features"
        return
    if count <= size:
        table.left_out[f"{group}: {label}"] = f"{count} samples do not outnumber {size} features"
        return
    value, at_floor = (optional(lambda x: scores.frechet_distance(x, real), x) for x in (generated, floor))
    table.add(group, "faed", label, value, floor=at_floor, error=True)


def marginal_ice_zone(evidence: Evidence, table: Table) -> None:
    """Its mean area."""
    if evidence.concentration is None:
        return
    real, generated, floor = (optional(lambda t: np.mean(t.marginal) * 1e-12, t) for t in evidence.three)
    table.add("generation", "marginal_ice_zone", "area of the marginal ice zone", generated, real, floor, "million km2")


def seasons(evidence: Evidence, table: Table) -> None:
    """Mean and spread of extent and volume."""
    if not evidence.dated:
        table.left_out["scores by season, trend"] = "the archive takes no date"
        return
    month, season = evidence.month, evidence.month % 12 // 3
    for name, units in QUANTITIES.items():
        real, generated, floor = (optional(lambda t, name=name: np.array(getattr(t, name)) * 1e-12, t)
                                  for t in evidence.three)  # fmt: skip
        if not len(real):
            continue
        errors = [optional(lambda x, real=real: scores.monthly_error(x, real, month), x) for x in (generated, floor)]
        table.add("generation", f"{name}_monthly_error", f"{name}: RMS error of monthly means",
                  errors[0], floor=errors[1], units=units, error=True)  # fmt: skip
        for s, label in enumerate(SEASONS):
            if (season == s).any():
                means = [optional(lambda x, s=s: x[season == s].mean(), x) for x in (generated, real, floor)]
                table.add("generation", f"{name}_mean_{label}", f"{name}: mean {label}", means[0], means[1], means[2],
                          units)  # fmt: skip
        for s, label in enumerate(SEASONS):
            spread_ratio(table, f"{name}_spread_{label}", f"{name}: spread within {label} / real",
                         [x if x is None else x[season == s] for x in (real, generated, floor)],
                         evidence.member[season == s])  # fmt: skip
        spread_ratio(table, f"{name}_spread_month", f"{name}: spread within calendar months / real",
                     [real, generated, floor], evidence.member * 12 + month)  # fmt: skip


def spread_ratio(table: Table, name: str, label: str, values: list, group: np.ndarray) -> None:
    """Spreads of generated and floor over the real one, all within the same groups."""
    real, generated, floor = (optional(lambda x: scores.spread(x, group), x) for x in values)
    table.add("generation", name, label, over(generated, real), floor=optional(lambda x: over(x, real), floor))


def bounds(evidence: Evidence, table: Table) -> None:
    """Shares of cells exactly at the bounds, and beyond them before the cut."""
    real, generated, floor = (optional(lambda t: t.at_bounds, t) for t in evidence.three)
    for i, v in enumerate(evidence.variables):
        for side, (name, bound) in enumerate((("zeros", v.lower), ("ones", v.upper))):
            if bound is not None:
                shares = (optional(lambda x, i=i, side=side: x[side, i], x) for x in (generated, real, floor))
                table.add("generation", f"{v.id}_{name}", f"{v.id}: exact {name}", *shares)
    if evidence.outside is None:
        table.left_out["out of bounds before the cut"] = "a host never sees it"
        return
    for v, share in zip(evidence.variables, evidence.outside, strict=True):
        if v.lower is not None or v.upper is not None:
            table.add("generation", f"{v.id}_outside", f"{v.id}: out of bounds before the cut", share)


def histograms(evidence: Evidence, table: Table) -> None:
    """Wasserstein-1 distances of the values of cells."""
    real, generated, floor = evidence.three
    for i, v in enumerate(evidence.variables):

        def distance(t: Tally, i: int = i) -> float:
            return scores.wasserstein(t.histogram[i], real.histogram[i], BIN_STD * real.std[i])

        table.add("generation", f"{v.id}_wasserstein", f"{v.id}: Wasserstein-1 distance",
                  distance(generated), floor=optional(distance, floor), units=v.units, error=True)  # fmt: skip


def power(evidence: Evidence, table: Table) -> None:
    """Ratios of spectra per band, and the effective resolution."""
    for group, name, floor in (("reconstruction", "reconstruction", ""), ("generation", "generated", "floor")):
        pairs = [evidence.spectra.get(name), evidence.spectra.get(floor)]
        if pairs[0] is None:
            continue
        if not pairs[0].used:
            table.left_out[f"{group}: spectra"] = (
                f"no window of {spectra.WIDTH / 1000:.0f} km is all ocean and covered with ice"
            )
            continue
        size, spacing = pairs[0].size, evidence.spacing
        powers = [pair.power() if pair and pair.used else None for pair in pairs]
        for i, v in enumerate(evidence.variables):
            for band, inside in spectra.bands(size, spacing).items():
                ratios = [p and over(p[0][i, inside].sum(), p[1][i, inside].sum()) for p in powers]
                label = f"{v.id}: spectrum {band} km / real"
                table.add(group, f"{v.id}_spectrum_{band}", label, ratios[0], floor=ratios[1])
            scales = [p and spectra.effective_resolution(p[0][i] / p[1][i], spectra.wavelengths(size, spacing)) / 1000
                      for p in powers]  # fmt: skip
            table.add(group, f"{v.id}_effective_resolution", f"{v.id}: effective resolution", scales[0],
                      floor=scales[1], units="km")  # fmt: skip


def memorisation(evidence: Evidence, table: Table) -> None:
    """Distance to the nearest training state, over that of the real states."""
    if evidence.nearest:
        table.add("generation", "nearest_training", "distance to nearest training state / real",
                  over(evidence.nearest["generated"].mean(), evidence.nearest["real"].mean()))  # fmt: skip


def trend(evidence: Evidence, table: Table) -> None:
    """Ratio of the mean September extents of two periods."""
    if evidence.trend is None:
        return
    early, late = ("{}-{}".format(*period) for period in TREND_PERIODS)
    label = f"September extent, {late} / {early}"
    if not evidence.trend:
        table.left_out[label] = "the reference does not hold both periods"
        return
    (real_early, generated_early), (real_late, generated_late) = evidence.trend
    table.add("generation", "september_trend", label, over(generated_late, generated_early),
              over(real_late, real_early))  # fmt: skip


def unconditional(evidence: Evidence, table: Table) -> None:
    """Samples without condition against the whole record; the floor is what the evaluation states score."""
    real, training = evidence.tallies["real"], evidence.tallies.get("training")
    free = evidence.tallies.get("free" if evidence.dated else "generated")
    if free is None:
        return
    distinct = np.unique(evidence.time, return_index=True)[1]
    for name, units in QUANTITIES.items():
        if not getattr(free, name):
            continue
        generated = np.array(getattr(free, name)) * 1e-12
        unseen = np.array(getattr(real, name))[distinct] * 1e-12
        record = evidence.record_values(name) * 1e-12
        floor = None if training is None else unseen
        for statistic, label in ((np.mean, "mean"), (np.std, "standard deviation")):
            found = [optional(statistic, x) for x in (generated, record, floor)]
            identity = f"{name}_{statistic.__name__}"
            table.add("unconditional", identity, f"{name}: {label}", found[0], found[1], found[2], units)
            table.add("unconditional", identity + "_ratio", f"{name}: {label} / record",
                      over(found[0], found[1]), floor=found[2] and over(found[2], found[1]))  # fmt: skip
    if not evidence.dated:
        return
    known = optional(lambda t: [t.features[i] for i in evenly(len(t.features), len(free.features))], training)
    frechet(table, "unconditional", free.features, real.features, known)


def optional(function: Callable[..., Any], value: Any) -> Any:
    """The function of a value that may be missing."""
    return None if value is None else function(value)


def over(a: float, b: float) -> float:
    """a / b; NaN where b is 0 or no number."""
    return float(a / b) if b else float("nan")
