# SPDX-License-Identifier: MIT
"""Categories and new ice as CICE has them: against numbers that its documentation and its runs print."""

import numpy as np
import pytest

from icegen.ensemble import icepack


@pytest.mark.parametrize(
    ("categories", "kcatbound", "bounds"),
    [
        (5, 0, [0, 0.6445, 1.3914, 2.4702, 4.5673, 999.9]),
        (5, 1, [0, 0.6, 1.4, 2.4, 3.6, 999.9]),
        (5, 2, [0, 0.3, 0.7, 1.2, 2.0, 999.9]),
        (6, 2, [0, 0.15, 0.3, 0.7, 1.2, 2.0, 999.9]),
        (7, 2, [0, 0.1, 0.15, 0.3, 0.7, 1.2, 2.0, 999.9]),
        (1, -1, [0, 999.9]),
    ],
)
def test_bounds_of_categories(categories, kcatbound, bounds):
    np.testing.assert_allclose(icepack.category_bounds(categories, kcatbound), bounds, atol=6e-5)


def test_bounds_of_delta_functions_begin_with_the_thinnest_ice():
    bounds = icepack.category_bounds(5, 0, kitd=0)
    assert bounds[0] == 0.01
    assert np.all(np.diff(bounds) > 0)
    assert bounds[-1] < 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((5, 4), "kcatbound is 4 and there are 5 categories; wanted -1"),
        ((4, 2), "kcatbound is 2 and there are 4 categories"),
        ((5, -1), "kcatbound is -1 and there are 5 categories"),
        ((5, 0, 2), "kitd is 2; wanted 0"),
    ],
)
def test_refuses_other_categories(arguments, words):
    with pytest.raises(ValueError, match=words):
        icepack.category_bounds(*arguments)


def test_salinity_grows_downwards():
    salt = icepack.salinity(7)
    assert np.all(np.diff(salt) > 0)
    assert icepack.FRESHEST <= salt[0] < 0.7
    assert 3.0 < salt[-1] < icepack.SALTIEST


@pytest.mark.parametrize("ktherm", [1, 2])
def test_enthalpy_of_new_ice(ktherm):
    """Ice of -10 C has some -3.0e8 J m-3; warmer and saltier ice has more."""
    surface = np.array([-20.0, -5.0, 0.0])
    enthalpy = icepack.ice_enthalpy(surface, 7, ktherm)
    assert enthalpy.shape == (7, 3)
    assert np.all(np.diff(enthalpy, axis=0)[:, :2] > 0)
    assert np.all((enthalpy > -3.6e8) & (enthalpy < -1e8))
    middle = icepack.ice_enthalpy(np.array([-18.2]), 1, ktherm)  # -10 C in the middle
    np.testing.assert_allclose(middle, -3.2e8, rtol=0.05)


def test_both_thermodynamics_are_one_where_ice_is_cold_and_fresh():
    one, two = (icepack.ice_enthalpy(np.array([-40.0]), 7, ktherm)[0] for ktherm in (1, 2))
    np.testing.assert_allclose(one, two, rtol=5e-3)


def test_the_liquidus_is_continuous_and_sea_water_is_on_it():
    np.testing.assert_allclose(icepack.brine_salinity(np.array([-1.8])), 32.2, atol=0.1)
    np.testing.assert_allclose(*(icepack.brine_salinity(np.array([-7.6362968855167352 + d])) for d in (1e-9, -1e-9)))


def test_snow_is_of_the_surface():
    np.testing.assert_allclose(icepack.snow_enthalpy(np.array([-10.0, 2.0])), [-330 * (334e3 + 21060), -330 * 334e3])


def test_refuses_other_thermodynamics():
    with pytest.raises(ValueError, match="ktherm is 3; wanted 1"):
        icepack.ice_enthalpy(np.array([-10.0]), 7, 3)
