# SPDX-License-Identifier: MIT
"""What a date means to an archive: the condition that its network sees, and the time at which its noise is drawn."""

import datetime
from calendar import isleap

HISTORIES = ("continuous", "independent")


def condition_of(
    conditions: list[dict], year: int | None, day_of_year: int | None, years: str | int = "given"
) -> list[int]:
    """The condition of a date: [year, day of year], or [] for an archive or a request without one.

    conditions: of the archive's metadata.
    years: ``given``: the year must lie within the archive's range; ``held``: a year beyond it is taken as the range's
        first or last; a number: this year is taken, whatever the date's.
    Raises ValueError for a date that the archive cannot honour.
    """
    if year is None and day_of_year is None:
        return []
    if year is None or day_of_year is None:
        raise ValueError(f"year is {year} and day_of_year {day_of_year}; wanted both or neither")
    if not 1 <= year <= 9999:
        raise ValueError(f"year is {year}; wanted 1 to 9999")
    if not 1 <= day_of_year <= 365 + isleap(year):
        raise ValueError(f"day_of_year is {day_of_year}; wanted 1 to {365 + isleap(year)} in {year}")
    if years not in ("given", "held") and not isinstance(years, int):
        raise ValueError(f"years is {years!r}; wanted given, held, or a year")
    if not conditions:
        return []
    first, last = conditions[0]["range"]
    seen = year if isinstance(years, str) else years
    if years == "held":
        seen = min(max(year, first), last)
    if not first <= seen <= last:
        raise ValueError(f"year is {seen}; this archive takes {first} to {last}")
    return [seen, day_of_year]


def time_of(year: int | None, day_of_year: int | None, history: str) -> int:
    """The time of a date for the noise.

    With history, days in the proleptic Gregorian calendar, 1 being 1 January of year 1. Without it, 1024 year +
    day_of_year, which tells dates apart. A request without a date takes 1 January of year 1 without history.
    """
    if year is None or day_of_year is None:
        year, day_of_year, history = 1, 1, "independent"
    if history == "continuous":
        return datetime.date(year, 1, 1).toordinal() + day_of_year - 1
    return 1024 * year + day_of_year


def history_named(history: str | None, contract: int) -> str:
    """How the dates of a member hang together: as asked, or by default ``continuous`` where the archive knows it.

    Raises ValueError for what no archive, or not this one, can do.
    """
    if history is None:
        return "continuous" if contract > 1 else "independent"
    if history not in HISTORIES:
        raise ValueError(f"history is {history!r}; wanted {' or '.join(HISTORIES)}")
    if history == "continuous" and contract == 1:
        raise ValueError("history is 'continuous'; an archive of contract 1 has none, wanted 'independent'")
    return history
