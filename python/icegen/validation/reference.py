# SPDX-License-Identifier: MIT
"""Real states to score against: those to evaluate on, and the training states that make floors."""

from dataclasses import dataclass

import numpy as np

from icegen.data import PreparedData

FLOOR_YEARS = 4  # how far a training state may lie from the time it stands for


@dataclass(frozen=True, eq=False)
class Record:
    """Some times of a prepared file; all arrays are [time of the record]."""

    data: PreparedData
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.times)

    def state(self, i: int) -> np.ndarray:
        """float32 [variable, y, x]."""
        return np.asarray(self.data.state[self.times[i]], np.float32)

    def seen(self, i: int) -> np.ndarray:
        """Ocean cells that the source had a value for; bool [variable, y, x]."""
        return self.data.grid.ocean & ~np.asarray(self.data.filled[self.times[i]])

    @property
    def year(self) -> np.ndarray:
        return self.data.year[self.times]

    @property
    def month(self) -> np.ndarray:
        return self.data.month[self.times]

    @property
    def day_of_year(self) -> np.ndarray:
        return self.data.day_of_year[self.times]


def split(data: PreparedData, training: PreparedData | None = None) -> tuple[Record, Record | None]:
    """Evaluation and training record of a reference.

    data: its times of training are left out of the evaluation.  training: a file whose times of training make the
    floors; ``data`` itself if none is given. The training record is None if there is no such time.
    """
    evaluation = Record(data, np.flatnonzero(~data.training))
    source = data if training is None else training
    known = Record(source, np.flatnonzero(source.training))
    return evaluation, known if len(known) else None


def balanced_order(month: np.ndarray) -> np.ndarray:
    """A permutation of times [time] of which every beginning is spread over calendar months and over the record.

    The calendar months take turns; within one, times follow the golden ratio's low-discrepancy sequence.
    """
    rank = np.empty(len(month))
    for m in np.unique(month):
        same = np.flatnonzero(month == m)
        place = (np.arange(len(same)) * 0.6180339887498949 + m * 0.41421356237309515) % 1
        rank[same[np.argsort(place)]] = np.arange(len(same))
    return np.lexsort((month, rank))


def evenly(count: int, most: int) -> np.ndarray:
    """Indices of at most ``most`` of ``count`` things, evenly spread."""
    return np.arange(count) if count <= most else np.arange(most) * count // most


def floor_candidates(training: Record, year: int, month: int, day_of_year: int) -> np.ndarray:
    """Indices of the training states that may stand for a date, the best first.

    Those of the same calendar month within 4 years; where there are none, the nearest year's; where the month was
    never trained on, any month's. The nearest year comes first (the earlier on a tie), then the nearest day.
    """
    same = np.flatnonzero(training.month == month)
    if len(same) == 0:
        same = np.arange(len(training))
    away = np.abs(training.year[same] - year)
    kept = away <= max(FLOOR_YEARS, away.min())
    day = np.abs(training.day_of_year[same] - day_of_year)
    order = np.lexsort((training.year[same], day, away))
    return same[order][kept[order]]
