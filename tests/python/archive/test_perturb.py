# SPDX-License-Identifier: MIT
"""States near a host's own: the state itself at level 0, independent ones at level 1, from any grid."""

import netCDF4
import numpy as np
import pytest
import xarray as xr

from icegen import archive
from icegen.archive.given import state_of
from icegen.data import prepared_file
from icegen.data.consistency import contradictions

KEY = {"seed": 3, "year": 2001, "day_of_year": 75}


@pytest.fixture(scope="module")
def loaded(tiny):
    return archive.load(tiny / "tiny.pt")


@pytest.fixture(scope="module")
def state(tiny):
    return np.array(prepared_file.load(tiny / "prepared.nc").state[2], np.float32)


def spread(states):
    return float(states.std(0).mean())


def test_level_0_is_the_state_itself(loaded, state):
    members = loaded.near(state, [0, 1, 2], level=0.0, **KEY).numpy()
    np.testing.assert_allclose(
        members[0], np.where(loaded.grid.ocean, state, 0), atol=2e-5
    )  # thickness made consistent
    assert (members[1:] == members[0]).all()


def test_spread_grows_with_the_level_to_that_of_independent_members(loaded, state):
    numbers = list(range(1, 7))
    spreads = [spread(loaded.near(state, numbers, level=level, **KEY)) for level in (0.0, 0.2, 0.4, 0.7, 1.0)]
    independent = spread(loaded.generate(numbers, **KEY))
    assert spreads == sorted(spreads)
    assert spreads[0] == 0
    assert spreads[1] == pytest.approx(0.2 * independent, rel=0.5)
    assert spreads[-1] == pytest.approx(independent, rel=0.15)


def test_members_are_consistent_and_do_not_depend_on_others(loaded, state):
    members = loaded.near(state, [4, 0, 2], level=0.5, **KEY)
    assert (members[0] == loaded.near(state, [4], level=0.5, **KEY)[0]).all()
    ocean = loaded.grid.ocean
    sic, sit = members[:, 0].numpy()[:, ocean], members[:, 1].numpy()[:, ocean]
    assert ((sic >= 0) & (sic <= 1)).all()
    assert not contradictions(sic.ravel(), sit.ravel(), loaded.thickness).any()
    assert not (members[0] == members[2]).all()


def test_the_state_keeps_what_the_latents_lose(loaded, state):
    """A checkerboard is finer than the latents' cells: a perturbation leaves it in the middle of the ice."""
    board = (np.indices(loaded.grid.shape).sum(0) % 2 - 0.5) * 0.02
    inside = (state[0] > 0.3) & (state[0] < 0.7) & loaded.grid.ocean
    fine = state.copy()
    fine[0] += board * inside
    difference = (loaded.near(fine, [1], level=0.1, **KEY) - loaded.near(state, [1], level=0.1, **KEY)).numpy()[0, 0]
    assert np.corrcoef(difference[inside], board[inside])[0, 1] > 0.9


def test_what_is_unknown_is_filled(loaded, state):
    half = state.copy()
    half[:, :, : state.shape[2] // 2] = np.nan
    members = loaded.near(half, [0, 1], level=0.4, **KEY).numpy()
    assert np.isfinite(members).all()
    known = np.isfinite(half) & loaded.grid.ocean
    np.testing.assert_allclose(members[0][known], state[known], atol=2e-5)
    nothing = loaded.near(np.full_like(state, np.nan), [0], level=0.4, **KEY)
    assert (nothing.numpy()[:, 0] <= 1).all()


def test_datasets_and_files(loaded, tiny, tmp_path):
    """The same state as a file on its grid, as a dataset, and as a dataset on longitude and latitude."""
    wanted, date = state_of(tiny / "source.nc", loaded.description, time=2)
    assert date == (2000, 75)
    with xr.open_dataset(tiny / "source.nc") as file:
        one = file.isel(time=2).load()
    near, when = state_of(one, loaded.description)
    assert when == date
    np.testing.assert_allclose(near, wanted, atol=1e-6)
    first = loaded.perturb(tiny / "source.nc", [0, 1], level=0.3, seed=3)
    assert first.attrs["icegen_level"] == 0.3
    assert first.realization.values.tolist() == [0, 1]
    assert str(first.time.values)[:10] == "2000-01-15"
    again = loaded.perturb(first.sel(realization=0), level=0.0)  # what perturb returns can be perturbed
    ocean = loaded.grid.ocean
    np.testing.assert_allclose(again.sic.values[0][ocean], first.sic.values[0][ocean], atol=1e-5)

    longitude, latitude = np.arange(0, 360, 1.0), np.arange(60, 90.5, 0.5)
    coordinates = {
        "lat": ("lat", latitude, {"standard_name": "latitude", "units": "degrees_north"}),
        "lon": ("lon", longitude, {"standard_name": "longitude", "units": "degrees_east"}),
    }
    sic = np.broadcast_to(np.clip((latitude - 70) / 10, 0, 1)[:, None], (len(latitude), len(longitude)))
    coarse = xr.Dataset({"sic": (("lat", "lon"), sic, {"units": "1"})}, coordinates)
    found, when = state_of(coarse, loaded.description)
    assert when == (None, None)
    middle = found[0][18:22, 26:30]
    assert (middle > 0.99).all()
    assert np.isnan(found[1]).all()  # no thickness: unknown


def test_refusals(loaded, tiny, state, tmp_path):
    def refused(message, *arguments, **keywords):
        with pytest.raises(ValueError, match=message):
            loaded.perturb(*arguments, **keywords)

    for level in (-0.1, 1.5, np.nan):
        refused(f"level is {level}; wanted 0 to 1", state, level=level, year=2001, day_of_year=75)
    refused(r"state has shape \(2, 3, 4\); wanted \(2, 40, 56\)", np.zeros((2, 3, 4)), level=0.5)
    with pytest.raises(ValueError, match=r"time is 99; .* has the times 0 to 47"):
        state_of(tiny / "source.nc", loaded.description, 99)
    with netCDF4.Dataset(tmp_path / "bad.nc", "w") as copy, netCDF4.Dataset(tiny / "source.nc") as source:
        for name, dimension in source.dimensions.items():
            copy.createDimension(name, dimension.size)
        for name, v in source.variables.items():
            made = copy.createVariable(name, v.dtype, v.dimensions)
            made.setncatts({k: v.getncattr(k) for k in v.ncattrs() if k != "_FillValue"})
            made[...] = v[...]
        copy["ice"][0, 20, 20] = 130
    refused("sic holds 1.3; wanted 0 to 1", tmp_path / "bad.nc", level=0.5)
    refused("has none of the archive's variables; wanted one or more of sic, sit", xr.Dataset(), level=0.5)
    old = archive.load(tiny / "first_contract.pt")
    with pytest.raises(ValueError, match="cannot perturb; wanted an archive of contract 2"):
        old.perturb(state, level=0.5)
