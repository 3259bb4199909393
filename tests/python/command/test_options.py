# SPDX-License-Identifier: MIT
"""Options that several commands have."""

import click
import pytest

from icegen.command.options import years_in

OPTION = click.Option(["--test-years"])


def years(text):
    return years_in(click.Context(click.Command("prepare")), OPTION, text)


def test_years_and_ranges_of_years():
    assert years("2010:2014,2016") == [2010, 2011, 2012, 2013, 2014, 2016]
    assert years("") == []


@pytest.mark.parametrize("text", ["2002:2001", "2015,2018:2016", "2007:2008:2009", "last"])
def test_refuses_what_is_no_range(text):
    with pytest.raises(ValueError, match=rf"test years are '{text}'; wanted years or ranges of years"):
        years(text)
