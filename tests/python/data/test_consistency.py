# SPDX-License-Identifier: MIT
"""Concentration and thickness that contradict each other are reconciled exactly, and the changes are counted."""

import shutil

import netCDF4
import numpy as np
import pytest

from icegen.data import consistency, prepared_file
from icegen.data.consistency import MODELLED, OBSERVED, ThicknessRange, changes, contradictions, reconcile
from icegen.data.sources.cf import CFFile
from icegen.data.variables import variables

ICE = variables(("sic", "sit"))


def one(sic, sit):
    """sic and sit of one cell, reconciled."""
    return [float(x) for x in reconcile(np.array([sic, sit]).reshape(2, 1, 1), ICE, OBSERVED).ravel()]


def test_concentration_tells_presence():
    assert one(0.0, 2.0) == [0.0, 0.0]


def test_ice_without_thickness_becomes_the_thinnest():
    sic, sit = one(0.5, 0.0)
    assert sic == 0.5
    assert sit == pytest.approx(0.5 * OBSERVED.thinnest, rel=1e-3)


def test_thickness_that_its_cover_cannot_hold_raises_the_cover():
    sic, sit = one(0.02, 2.6)
    assert sit == pytest.approx(2.6, rel=1e-3)
    assert sic == pytest.approx(2.6 / OBSERVED.thickest, rel=1e-3)


def test_thickness_that_no_cover_can_hold_is_cut():
    assert one(0.9, 20.0) == [1.0, OBSERVED.thickest]


def test_ice_that_agrees_is_only_rounded():
    assert one(0.75, 1.5) == [0.75, 1.5]
    assert one(0.0, 0.0) == [0.0, 0.0]


def test_what_is_of_the_ice_alone_is_zero_without_it():
    all_five = variables(("sic", "sit", "sid", "siu", "siv"))
    state = np.array([[0.0, 0.5], [1.0, 1.0], [0.3, 0.3], [-0.1, -0.1], [0.2, 0.2]])[:, None]
    sic, sit, *on_ice_only = reconcile(state, all_five, OBSERVED)[:, 0]
    assert (sic[0], sit[0]) == (0, 0)
    for field, value in zip(on_ice_only, (0.3, -0.1, 0.2), strict=True):
        assert field[0] == 0
        assert field[1] == np.float16(value)


@pytest.mark.parametrize("bounds", [OBSERVED, MODELLED, ThicknessRange(1 / 16, 12.0)])
def test_the_relation_holds_exactly_in_float16_and_float32(bounds):
    """For any input, down to subnormal numbers of float16."""
    rng = np.random.default_rng(0)
    sic = np.clip(np.exp(rng.uniform(np.log(1e-8), np.log(3), 200_000)), 0, 1) * (rng.random(200_000) < 0.8)
    sit = np.exp(rng.uniform(np.log(1e-9), np.log(40), 200_000)) * (rng.random(200_000) < 0.8)
    state = reconcile(np.stack([sic, sit])[:, None], ICE, bounds)
    assert state.dtype == np.float16
    assert not contradictions(*state, bounds).any()
    np.testing.assert_array_equal(state[0] == 0, state[1] == 0)
    single = state.astype(np.float32)
    assert (np.float32(bounds.thinnest) * single[0] <= single[1]).all()
    assert (single[1] <= np.float32(bounds.thickest) * single[0]).all()
    np.testing.assert_array_equal(reconcile(state, ICE, bounds), state)


def test_contradictions_are_seen():
    sic, sit = np.array([0.0, 0.5, 0.5, 0.5, np.nan, 0.5]), np.array([0.1, 0.0, 0.02, 7.0, 1.0, 0.5])
    assert contradictions(sic, sit, OBSERVED).tolist() == [True, True, True, True, True, False]


def test_changes_are_counted_on_the_ocean():
    before = np.array([[[0.5, 0.0, 0.1, 0.0]], [[0.5, 1.0, 2.6, 9.0]]])
    area = np.array([[1.0, 2.0, 4.0, 0.0]])
    found = changes(before, reconcile(before, ICE, OBSERVED), ICE, area)
    assert found.cells == 2
    assert found.extent == 4.0  # 0.1 became 0.2
    assert found.volume == pytest.approx(-2.0, rel=1e-2)


def test_a_range_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"thickness is 0.0 to 1.0 m; wanted 0 < thinnest < thickest"):
        ThicknessRange(0.0, 1.0)


def test_prepared_files_agree_as_they_are_read_and_say_what_was_changed(tiny, tmp_path):
    plain = prepared_file.load(tiny / "prepared.nc")
    cell = tuple(np.argwhere(plain.grid.ocean & (plain.state[7, 0] > 0.3))[0])

    source = tmp_path / "source.nc"
    shutil.copy(tiny / "source.nc", source)
    with netCDF4.Dataset(source, "a") as nc:
        nc["sit"][7, *cell] = 0.0
        nc["ice"][8, *cell] = 0.0
    out = prepared_file.prepare(CFFile(source), tmp_path / "out.nc")
    prepared = prepared_file.load(out)
    assert not contradictions(prepared.state[:, 0], prepared.state[:, 1], OBSERVED).any()
    sic, sit = prepared.state[7, :, *cell].astype(float)
    assert sit == pytest.approx(OBSERVED.thinnest * sic, rel=2e-3)
    assert prepared.state[8, :, *cell].tolist() == [0.0, 0.0]
    with netCDF4.Dataset(out) as nc, netCDF4.Dataset(tiny / "prepared.nc") as old:
        assert nc.reconciliation == consistency.describe(OBSERVED)
        cells, volume = (nc[f"reconciled_{name}"][:] - old[f"reconciled_{name}"][:] for name in ("cells", "volume"))
        assert nc["reconciled_volume"].units == "m3"
    assert volume[8] < 0 < volume[7]
    assert cells[[7, 8]].tolist() == [1, 1]
    assert (np.delete(volume, (7, 8)) == 0).all()


def test_one_variable_alone_is_not_reconciled(tiny, tmp_path):
    out = prepared_file.prepare(CFFile(tiny / "source.nc", ("sit",)), tmp_path / "out.nc")
    with netCDF4.Dataset(out) as nc:
        assert "reconciliation" not in nc.ncattrs()
        assert "reconciled_cells" not in nc.variables
