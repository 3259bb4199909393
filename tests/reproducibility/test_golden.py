# SPDX-License-Identifier: MIT
"""The shipped archives still generate what they generated when they were shipped."""

import numpy as np
import pytest
import xarray as xr

import icegen
from icegen import archive as archives
from icegen.archive import shipped
from reproducibility import golden


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_archives(name):
    archive = icegen.load(name)
    assert golden.departures(archive, golden.samples(archive)) == []


def test_no_data_of_other_archives():
    shipping = {golden.path_of(archives.describe(shipped.find(name))) for name in shipped.names()}
    assert set(golden.FOLDER.glob("*")) == shipping, "run ci/golden"


@pytest.fixture(scope="module")
def tiny_archive(tiny):
    return icegen.load(tiny / "tiny.pt")


@pytest.fixture(scope="module")
def states(tiny_archive):
    return golden.samples(tiny_archive)


def changed(path, **attributes) -> None:
    with xr.open_dataset(path) as file:
        kept = file.load()
    kept.attrs |= attributes
    kept.to_netcdf(path)


def test_holds_a_date_and_none(tiny_archive, states):
    """Two samples, far from each other."""
    assert states.shape == (2, 2, *tiny_archive.grid.shape)
    assert np.abs(states[0] - states[1]).max() > 0.1


def test_what_was_written_comes_out_again(tiny_archive, states, tmp_path):
    golden.write(tiny_archive, states, tmp_path)
    assert golden.departures(tiny_archive, golden.samples(tiny_archive), tmp_path) == []


def test_one_bit_counts_on_the_same_machine(tiny_archive, states, tmp_path):
    golden.write(tiny_archive, states, tmp_path)
    other = states.copy()
    other[1, 0, 20, 20] = np.nextafter(other[1, 0, 20, 20], np.float32(2))
    (line,) = golden.departures(tiny_archive, other, tmp_path)
    assert line.startswith("sample 1 has the digest ")
    for name in golden.setting():
        changed(golden.write(tiny_archive, states, tmp_path), **{name: "another"})
        assert golden.departures(tiny_archive, other, tmp_path) == []


@pytest.mark.parametrize("bounds", [(1e-3, 1.0), (1.0, 1e-3)], ids=["largest", "rms"])
def test_tolerance_holds_elsewhere(tiny_archive, states, tmp_path, monkeypatch, bounds):
    monkeypatch.setattr(golden, "TOLERANCE", {"1": bounds, "m": (1e-9, 1e-9)})
    changed(golden.write(tiny_archive, states, tmp_path), torch="another")
    assert golden.departures(tiny_archive, shifted(states, 0.9e-3), tmp_path) == []
    (line,) = golden.departures(tiny_archive, shifted(states, 1.1e-3), tmp_path)
    assert line.startswith("sic differs by up to 1.1e-03 1, RMS 1.1e-03; wanted at most ")


def shifted(states: np.ndarray, by: float) -> np.ndarray:
    """The same with another concentration."""
    other = states.copy()
    other[:, 0] += by
    return other


def test_another_archive_needs_data_of_its_own(tiny_archive, states, tmp_path):
    (line,) = golden.departures(tiny_archive, states, tmp_path)
    assert line.startswith(f"there is no tiny-{tiny_archive.sha256[:12]}.nc: run ci/golden")
    changed(golden.write(tiny_archive, states, tmp_path), archive_sha256="0" * 64)
    (line,) = golden.departures(tiny_archive, states, tmp_path)
    assert "is of the archive 000" in line


def test_all_that_ship_and_no_others_are_written(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "names", lambda: [str(tiny / "tiny.pt")])
    (tmp_path / "tiny-000000000000.nc").write_text("of an earlier archive")
    assert golden.write_all(tmp_path) == list(tmp_path.iterdir())
