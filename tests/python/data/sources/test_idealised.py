# SPDX-License-Identifier: MIT
"""Idealised ice: statistics at full size, constraints of every state, refusals."""

import numpy as np
import pytest

from icegen.data import prepared_file
from icegen.data.sources.idealised import Idealised
from icegen.data.sources.targets import figures


@pytest.fixture(scope="module")
def small():
    return Idealised(64, 100e3, years=(2004, 2005), states_per_month=2, seed=3)


def test_statistics_are_near_those_of_nextsim():
    """Six states over a year, on 512 x 512 cells of 12.5 km: all figures, those of a January's thickness too."""
    source = Idealised(years=[2005], states_per_month=1)
    times = range(0, 12, 2)
    states = {t: source.read(t) for t in times}
    month = np.array([t.month for t in source.times])
    found = figures(states, source.grid, month, times, [v.id for v in source.variables])
    assert len(found) == 20
    assert [
        f"{row.name} is {row.value:.4g}, wanted {row.low:.4g} to {row.high:.4g}" for row in found if not row.holds
    ] == []


def test_states_are_within_bounds_and_agree_on_open_water(small):
    for t in (0, 9, 17):
        state = small.read(t)
        assert state.shape == (5, 64, 64)
        assert state.dtype == np.float32
        np.testing.assert_array_equal(np.isnan(state), np.broadcast_to(~small.grid.ocean, state.shape))
        sic, sit, sid, siu, siv = state[:, small.grid.ocean]
        assert (sic >= 0).all()
        assert (sic <= 1).all()
        assert (sit >= 0).all()
        assert (sid >= 0).all()
        assert (sid <= 1).all()
        for field in (sit, sid, siu, siv):
            assert (field[sic == 0] == 0).all()
            assert (field[sic > 0.1] != 0).mean() > 0.99


def test_a_state_is_a_function_of_seed_and_date(small):
    other = Idealised(64, 100e3, years=[2005], states_per_month=2, seed=3)
    assert other.times == small.times[24:]
    np.testing.assert_array_equal(other.read(5), small.read(29))
    np.testing.assert_array_equal(small.read(29), small.read(29))
    assert not np.array_equal(other.read(5), other.read(6), equal_nan=True)
    changed = Idealised(64, 100e3, years=[2005], states_per_month=2, seed=4)
    assert not np.array_equal(other.read(5), changed.read(5), equal_nan=True)


def test_seasons(small):
    assert [(t.month, t.day) for t in small.times[:4]] == [(1, 8), (1, 24), (2, 8), (2, 22)]
    cover = {t: small.read(t)[0][small.grid.ocean].mean() for t in (4, 16)}
    assert small.times[4].month == 3
    assert small.times[16].month == 9
    assert cover[4] > 2.5 * cover[16]


def test_prepared_it_is_called_idealised(small, tmp_path):
    prepared = prepared_file.load(prepared_file.prepare(small, tmp_path / "out.nc", validation_years=[2005]))
    assert prepared.source["title"] == "Idealised Arctic sea ice"
    assert [v.id for v in prepared.variables] == ["sic", "sit", "sid", "siu", "siv"]
    assert not prepared.filled.any()
    np.testing.assert_allclose(prepared.state[30], np.nan_to_num(small.read(30)), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 8}, "size is 8; wanted an even number from 16"),
        ({"size": 33}, "size is 33; wanted an even number"),
        ({"spacing": 1e3}, "spacing is 1 km; wanted 2 to 200"),
        ({"states_per_month": 0}, "states per month are 0; wanted 1 to 28"),
        ({"seed": -1}, "seed is -1; wanted 0 or more"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        Idealised(**({"size": 16} | arguments))
