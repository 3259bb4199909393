# SPDX-License-Identifier: MIT
"""What a date means to an archive: the condition that the network sees, and the time of the noise."""

import pytest
import torch

from icegen import archive
from icegen.archive.dates import condition_of, history_named, time_of

DATED = [{"id": "year", "range": [1979, 2017]}, {"id": "day_of_year", "range": [1, 366]}]


@pytest.mark.parametrize(
    ("date", "years", "condition"),
    [
        ((2007, 258), "given", [2007, 258]),
        ((2050, 258), "held", [2017, 258]),
        ((1, 1), "held", [1979, 1]),
        ((1990, 75), "held", [1990, 75]),
        ((2050, 366 - 1), 1996, [1996, 365]),
        ((None, None), "given", []),
    ],
)
def test_condition(date, years, condition):
    assert condition_of(DATED, *date, years) == condition
    assert condition_of([], *date, years) == []


@pytest.mark.parametrize(
    ("date", "years", "message"),
    [
        ((2018, 1), "given", "year is 2018; this archive takes 1979 to 2017"),
        ((2000, 1), 2018, "year is 2018; this archive takes 1979 to 2017"),
        ((2001, 366), "held", "day_of_year is 366; wanted 1 to 365 in 2001"),
        ((2001, 0), "given", "day_of_year is 0; wanted 1 to 365 in 2001"),
        ((0, 1), "held", "year is 0; wanted 1 to 9999"),
        ((2001, None), "given", "year is 2001 and day_of_year None; wanted both or neither"),
        ((2001, 1), "hold", "years is 'hold'; wanted given, held, or a year"),
    ],
)
def test_refused_dates(date, years, message):
    with pytest.raises(ValueError, match=message):
        condition_of(DATED, *date, years)


def test_days_are_counted_without_gaps():
    assert time_of(1, 1, "continuous") == 1
    assert time_of(2001, 1, "continuous") == time_of(2000, 366, "continuous") + 1
    assert time_of(2002, 1, "continuous") == time_of(2001, 365, "continuous") + 1
    assert time_of(2001, 75, "independent") == 1024 * 2001 + 75
    assert time_of(None, None, "continuous") == time_of(1, 1, "independent")


def test_history_of_a_contract():
    assert history_named(None, 2) == "continuous"
    assert history_named(None, 1) == "independent"
    assert history_named("independent", 2) == "independent"
    with pytest.raises(ValueError, match="history is 'continuous'; an archive of contract 1 has none"):
        history_named("continuous", 1)
    with pytest.raises(ValueError, match="history is 'smooth'; wanted continuous or independent"):
        history_named("smooth", 2)


def correlation(a, b):
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def test_days_of_a_member_hang_together_and_members_do_not(tiny):
    """In latents, which no season dominates."""
    ice = archive.load(tiny / "tiny.pt")
    first, second = ice.latents([1, 2], seed=7, year=2001, day_of_year=75)
    (next_day,) = ice.latents([1], seed=7, year=2001, day_of_year=76)
    (drawn,) = ice.latents([1], seed=7, year=2001, day_of_year=75, history="independent")
    assert correlation(first, next_day) > 0.95
    assert correlation(first, next_day) > correlation(first, second) + 0.05
    assert not torch.equal(drawn, first)


def test_a_year_beyond_the_record(tiny):
    """It is refused unless asked for; the noise goes on with the days, and the network sees the last year."""
    ice = archive.load(tiny / "tiny.pt")
    with pytest.raises(ValueError, match="year is 2050; this archive takes 2000 to 2002"):
        ice.generate([1], year=2050, day_of_year=10)
    held = ice.generate([1], year=2050, day_of_year=10, years="held")
    assert torch.equal(held, ice.generate([1], year=2050, day_of_year=10, years=2002))
    assert not torch.equal(held, ice.generate([1], year=2002, day_of_year=10))
