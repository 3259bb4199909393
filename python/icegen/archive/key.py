# SPDX-License-Identifier: MIT
"""The key of a sample: what determines a state, beside the archive and the number of its member."""

from dataclasses import dataclass
from typing import TypedDict

from icegen.archive.dates import time_of


class Key(TypedDict, total=False):
    """A key as it is asked for, see `icegen.archive.Archive.sample`. What is left out has the archive's default."""

    seed: int
    year: int | None
    day_of_year: int | None
    steps: int | None
    history: str | None
    years: str | int


@dataclass(frozen=True)
class ResolvedKey:
    """A key that an archive can honour, with its defaults filled in.

    date: year and day of year of the noise, or None and None;  condition: what the network sees, [year, day of year]
    or [].
    """

    seed: int
    date: tuple[int | None, int | None]
    condition: list[int]
    steps: int
    history: str

    @property
    def time(self) -> int:
        """The time of the date for the noise."""
        return time_of(*self.date, self.history)

    @property
    def remembers(self) -> bool:
        """Whether the noise is that of a member that lives through time."""
        return self.history == "continuous" and self.date[0] is not None
