# SPDX-License-Identifier: MIT
"""How long states are remembered: the correlation of anomalies of two dates of a member, and of the record.

Anomalies are differences from the mean of the training states of the calendar month. All pairs of dates, and all blocks
of a variable, count together.
"""

from dataclasses import dataclass

import numpy as np

from icegen.validation.tally import Tally

LAGS = (1, 3, 7, 15, 30, 61, 91, 182)  # days; those of which the record has enough pairs are used
SHARE = 4  # one in so many samples is followed


@dataclass(frozen=True, eq=False)
class Memory:
    """Products of anomalies of pairs of states that lie some days apart, by quantity.

    row: [pair], the sample of the evidence that a pair begins with.
    generated, real: of these samples, see `products`.  floor: of pairs of training states.
    """

    row: np.ndarray
    generated: dict[str, np.ndarray]
    real: dict[str, np.ndarray]
    floor: dict[str, np.ndarray]

    def take(self, rows: np.ndarray) -> "Memory":
        """The pairs that begin with some of the samples [row], of which one may count several times."""
        pair_of = {int(row): pair for pair, row in enumerate(self.row)}
        kept = [(new, pair_of[int(old)]) for new, old in enumerate(rows) if int(old) in pair_of]
        row, pairs = np.array(kept, np.int64).reshape(-1, 2).T
        generated, real = ({name: values[pairs] for name, values in of.items()} for of in (self.generated, self.real))
        return Memory(row, generated, real, self.floor)


def anomalies(tally: Tally, month: np.ndarray, training: Tally, training_month: np.ndarray) -> dict[str, np.ndarray]:
    """Of the extent, the volume and the blocks of each variable of a tally, by name; [state, value].

    month, training_month: calendar month of each state. Where the training states lack one, anomalies are NaN.
    """
    found = {}
    for name, values in quantities(tally).items():
        known = quantities(training)[name]
        unknown = np.full(known.shape[1], np.nan)
        means = {m: known[training_month == m].mean(0) for m in np.unique(training_month)}
        found[name] = values - np.stack([means.get(m, unknown) for m in month])
    return found


def quantities(tally: Tally) -> dict[str, np.ndarray]:
    """Extent, volume and the blocks of each variable, by name; [state, value]."""
    found = {name: np.array(values)[:, None] for name in ("extent", "volume") if (values := getattr(tally, name))}
    coarse = np.array(tally.coarse)
    blocks = coarse.reshape(len(coarse), len(tally.variables), -1)
    return found | {v.id: blocks[:, i] for i, v in enumerate(tally.variables)}


def products(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sums over values of the products of anomalies a and b of two dates: a b, a a and b b, [pair, 3] of each quantity.

    A pair with a month that is not known has products of 0.
    """
    found = {}
    for name, a in first.items():
        b = second[name]
        sums = np.stack([(one * other).sum(1, dtype=np.float64) for one, other in ((a, b), (a, a), (b, b))], 1)
        found[name] = np.where(np.isnan(sums).any(1, keepdims=True), 0.0, sums)
    return found


def correlation(of_pairs: np.ndarray) -> float:
    """Of products [pair, 3], over all pairs together."""
    both, first, second = of_pairs.sum(0)
    return float(both / np.sqrt(first * second)) if first * second > 0 else float("nan")
