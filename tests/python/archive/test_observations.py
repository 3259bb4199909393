# SPDX-License-Identifier: MIT
"""Observations: from tables to cells, and samples that agree with them."""

import logging

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from icegen import archive
from icegen.archive import shipped
from icegen.archive.observations import observations_of
from icegen.data.consistency import contradictions

KEY = {"seed": 3, "year": 2001, "day_of_year": 75}


@pytest.fixture(scope="module")
def loaded(tiny):
    return archive.load(tiny / "tiny.pt")


def table(loaded, cells, value, error=0.1, variable="sic", **more):
    lon, lat = (c.ravel()[cells] for c in loaded.grid.lonlat)
    columns = {"longitude": lon, "latitude": lat, "variable": variable, "value": value, "error": error}
    return pd.DataFrame(columns | more)


def ocean_cells(loaded, count):
    cells = np.flatnonzero(loaded.grid.ocean)
    return cells[np.linspace(0, len(cells) - 1, count).astype(int)]


def test_a_cell_takes_the_mean_weighted_with_the_precision(loaded):
    cell = ocean_cells(loaded, 5)[[2, 2]]
    found = observations_of(table(loaded, cell, [0.2, 0.8], [0.1, 0.2]), loaded.description)
    assert found.value.dtype == found.precision.dtype == np.float32
    assert found.precision[0].ravel()[cell[0]] == pytest.approx(125, rel=1e-5)
    assert found.value[0].ravel()[cell[0]] == pytest.approx(0.32, rel=1e-5)
    assert np.count_nonzero(found.precision) == 1


def test_order_does_not_matter(loaded):
    random = np.random.default_rng(0)
    cells = random.choice(np.flatnonzero(loaded.grid.ocean), 500)
    rows = table(loaded, cells, random.random(500), random.uniform(0.05, 0.5, 500))
    shuffled = rows.sample(frac=1, random_state=1)
    assert observations_of(rows, loaded.description).digest == observations_of(shuffled, loaded.description).digest


def drift_of(loaded, cells):
    """Drift along the grid's axes in some cells, as u + i v, and the table of its parts to the east and north."""
    random = np.random.default_rng(2)
    along_axes = 0.1 * (random.standard_normal(len(cells)) + 1j * random.standard_normal(len(cells)))
    drift = along_axes * loaded.grid.x_direction.ravel()[cells]
    parts = {"siu_east": drift.real, "siv_north": drift.imag}
    return along_axes, pd.concat([table(loaded, cells, parts[name], 0.05, name) for name in parts])


def test_drift_is_turned_to_the_axes_of_the_grid():
    loaded = archive.load(shipped.find("arctic_idealised"))
    cells = np.unique(ocean_cells(loaded, 50))
    wanted, rows = drift_of(loaded, cells)
    found = observations_of(rows, loaded.description)
    u, v = (found.value[[x.id for x in loaded.variables].index(name)].ravel() for name in ("siu", "siv"))
    np.testing.assert_allclose(u[cells] + 1j * v[cells], wanted, atol=1e-6)
    assert np.count_nonzero(found.precision) == 2 * len(cells)


@pytest.mark.parametrize("change", ["one component", "another error"])
def test_drift_needs_both_components(change):
    loaded = archive.load(shipped.find("arctic_idealised"))
    _, rows = drift_of(loaded, ocean_cells(loaded, 5))
    if change == "one component":
        rows = rows[rows.variable == "siu_east"]
    else:
        rows.loc[rows.variable == "siu_east", "error"] = 0.06
    with pytest.raises(ValueError, match="siu_east and siv_north were not observed at the same places with the same"):
        observations_of(rows, loaded.description)


def test_files_and_datasets_are_read_as_tables(loaded, tmp_path):
    rows = table(loaded, ocean_cells(loaded, 6), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    rows.to_csv(tmp_path / "table.csv", index=False)
    dataset = xr.Dataset({name: ("observation", rows[name].to_numpy()) for name in rows})
    dataset.to_netcdf(tmp_path / "table.nc")
    wanted = observations_of(rows, loaded.description)
    for source in (dataset, tmp_path / "table.nc", str(tmp_path / "table.csv")):
        found = observations_of(source, loaded.description)
        np.testing.assert_allclose(found.value, wanted.value, rtol=1e-5)
        np.testing.assert_allclose(found.precision, wanted.precision, rtol=1e-5)


def test_a_footprint_is_spread_over_the_cells_within_its_radius(loaded):
    cell = ocean_cells(loaded, 9)[[4]]
    found = observations_of(table(loaded, cell, [0.5], 0.1, radius=250.0), loaded.description)
    covered = found.precision[0] > 0
    assert 4 < covered.sum() < 30
    assert found.precision.sum() == pytest.approx(100, rel=1e-3)
    np.testing.assert_allclose(found.value[0][covered], 0.5, rtol=1e-4)


def test_observations_on_land_and_outside_are_left_out_with_a_warning(loaded, caplog):
    sea, land = ocean_cells(loaded, 3)[1], np.flatnonzero(~loaded.grid.ocean)[0]
    rows = table(loaded, [sea, land], [0.5, 0.5])
    rows.loc[2] = [0.0, -60.0, "sic", 0.5, 0.1]
    with caplog.at_level(logging.WARNING):
        found = observations_of(rows, loaded.description)
    assert np.count_nonzero(found.precision) == 1
    assert "2 of 3 observations lie on land or outside" in caplog.text


@pytest.mark.long
def test_a_million_observations(loaded):
    cells = np.random.default_rng(0).choice(np.flatnonzero(loaded.grid.ocean), 1_000_000)
    found = observations_of(table(loaded, cells, 0.5, 0.001), loaded.description)
    assert found.precision.sum(dtype=np.float64) == pytest.approx(1e12, rel=1e-5)
    np.testing.assert_allclose(found.value[found.precision > 0], 0.5, rtol=1e-6)
    members = loaded.sample(1, **KEY, observations=table(loaded, cells, 0.5, 0.001))
    assert np.isfinite(members.sic.values[:, loaded.grid.ocean]).all()


def test_members_agree_with_what_was_observed(loaded):
    cells = ocean_cells(loaded, 40)
    free = loaded.sample(6, **KEY)
    wanted = float(free.sic.mean())
    given = loaded.sample(6, **KEY, observations=table(loaded, cells, wanted, 0.02))

    def error(members):
        return float(np.abs(members.sic.values.reshape(6, -1)[:, cells] - wanted).mean())

    assert error(given) < 0.5 * error(free)  # the network of the tests is far beyond the bounds
    assert float(given.sic.std("realization").mean()) < float(free.sic.std("realization").mean())
    assert given.attrs["icegen_observations"] != free.attrs["icegen_observations"] == "none"


def test_vague_observations_change_little(loaded):
    cells = ocean_cells(loaded, 10)
    free, vague = loaded.sample(2, **KEY), loaded.sample(2, **KEY, observations=table(loaded, cells, 0.5, 10.0))
    np.testing.assert_allclose(vague.sic, free.sic, atol=0.05)


def test_members_are_consistent_and_do_not_depend_on_others(loaded):
    rows = table(loaded, ocean_cells(loaded, 30), 0.9, 0.05)
    members = loaded.sample([4, 1, 2], **KEY, observations=rows)
    alone = loaded.sample([1], **KEY, observations=rows)
    assert members.sic.sel(realization=1).equals(alone.sic.sel(realization=1))
    ocean = loaded.grid.ocean
    sic, sit = members.sic.values[:, ocean], members.sit.values[:, ocean]
    assert ((sic >= 0) & (sic <= 1)).all()
    assert not contradictions(sic.ravel(), sit.ravel(), loaded.thickness).any()


def test_thickness_follows_from_concentration(loaded):
    """The variables are correlated, so an observation of one changes the other."""
    rows = table(loaded, ocean_cells(loaded, 40), 0.0, 0.02)
    free, given = loaded.sample(2, **KEY), loaded.sample(2, **KEY, observations=rows)
    assert float(abs(given.sit - free.sit).max()) > 0.01


def test_refused_without_a_date_and_by_an_archive_that_takes_none(loaded, tiny):
    rows = table(loaded, ocean_cells(loaded, 3), 0.5)
    with pytest.raises(ValueError, match="observations belong to a date"):
        loaded.sample(1, observations=rows)
    with pytest.raises(ValueError, match=r"first_contract.pt takes no observations; export it again"):
        archive.load(tiny / "first_contract.pt").sample(1, **KEY, observations=rows)
