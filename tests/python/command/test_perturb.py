# SPDX-License-Identifier: MIT
"""`icegen perturb`: an ensemble near the ice of a file; refusals in one line."""

import numpy as np
import xarray as xr


def test_members_and_increments(icegen, tiny, tmp_path):
    common = ["perturb", tiny / "source.nc", "--archive", tiny / "tiny.pt", "--time", 2, "--members", 2, "--level", 0.4]
    status, out, err = icegen(*common, "--out", "near.nc")
    assert status == 0, err
    assert out == "near.nc\n"
    assert icegen(*common, "--increments", "--out", "increments.nc")[0] == 0
    with xr.open_dataset(tmp_path / "near.nc") as near, xr.open_dataset(tmp_path / "increments.nc") as increments:
        assert near.realization.values.tolist() == [0, 1, 2]
        assert str(near.time.values)[:10] == "2000-03-15"
        assert increments.realization.values.tolist() == [1, 2]
        assert set(increments.data_vars) >= {"sic_increment", "sit_increment"}
        difference = (near.sic - near.sic.sel(realization=0)).isel(realization=slice(1, None))
        np.testing.assert_allclose(increments.sic_increment, difference, atol=1e-6)
        assert float(abs(difference).max()) > 0.01


def test_refusals(icegen, tiny):
    def refused(*arguments):
        status, out, err = icegen("perturb", *arguments, "--archive", tiny / "tiny.pt")
        assert status == 1
        assert out == ""
        assert len(err.splitlines()) == 1, err
        return err

    assert "level is 2.0; wanted 0 to 1" in refused(tiny / "source.nc", "--level", 2, "--out", "x.nc")
    assert "no.nc does not exist" in refused("no.nc", "--level", 0.5, "--out", "x.nc")
    assert "folder nowhere does not exist" in refused(tiny / "source.nc", "--level", 0.5, "--out", "nowhere/x.nc")
    assert "has the times 0 to 47" in refused(tiny / "source.nc", "--level", 0.5, "--time", 48, "--out", "x.nc")
