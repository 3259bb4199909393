# SPDX-License-Identifier: MIT
"""Ensembles on disk, in one process: dates, files, kept files, refusals."""

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import icegen
from icegen.archive import shipped
from icegen.archive.observations import observations_of
from icegen.ensemble import generation
from icegen.ensemble.generation import EnsembleRequest, dates_of
from icegen.ensemble.ranks import Ranks, launched


@pytest.fixture(scope="module")
def archive(tiny):
    return icegen.load(tiny / "tiny.pt")


def request(**changes) -> EnsembleRequest:
    return EnsembleRequest(**({"members": 2, "dates": [(2000, 75), (2001, 258)], "seed": 7, "steps": 2} | changes))


def test_dates():
    assert dates_of([2001], "monthly")[:3] == [(2001, 15), (2001, 46), (2001, 74)]
    assert dates_of([2000, 2001], "09-15,03-01") == [(2000, 61), (2000, 259), (2001, 60), (2001, 258)]
    assert len(dates_of([2000, 2001], "daily")) == 731
    assert dates_of([2000], "daily")[-1] == (2000, 366)


@pytest.mark.parametrize(
    ("years", "days", "words"),
    [
        ([2001], "02-29", "'02-29', and 02-29 is no day of 2001"),
        ([2001], "weekly", "weekly is no day of 2001; wanted monthly, daily, or MM-DD"),
        ([2001], "03-15,03-15", "wanted each day once"),
        ([], "monthly", "there is no year"),
    ],
)
def test_refuses_dates(years, days, words):
    with pytest.raises(ValueError, match=words):
        dates_of(years, days)


def test_a_request_with_observations(archive, tmp_path):
    """Its file holds what the archive gives for them, and is kept only for the same observations."""
    lon, lat = (c[archive.grid.ocean][::50] for c in archive.grid.lonlat)
    table = pd.DataFrame({"longitude": lon, "latitude": lat, "variable": "sic", "value": 0.5, "error": 0.1})
    wanted = request(dates=[(2001, 258)], observations=observations_of(table, archive.description))
    (path,) = generation.write_ensemble(archive, wanted, tmp_path, Ranks())
    alone = archive.sample(2, seed=7, year=2001, day_of_year=258, steps=2, observations=table)
    with xr.open_dataset(path) as file:
        np.testing.assert_array_equal(file.sic[0], alone.sic)
        assert file.attrs["icegen_observations"] == alone.attrs["icegen_observations"]
    assert generation.write_ensemble(archive, wanted, tmp_path, Ranks()) == [path]
    with pytest.raises(ValueError, match=r"its icegen_observations is .*, wanted none"):
        generation.write_ensemble(archive, request(dates=[(2001, 258)]), tmp_path, Ranks())


def test_files_hold_the_archives_states(archive, tmp_path):
    seen = []
    paths = generation.write_ensemble(
        archive, request(), tmp_path / "new/out", Ranks(), report=lambda *done: seen.append(done)
    )
    assert [path.name for path in paths] == ["seaice_2000.nc", "seaice_2001.nc"]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for path, (year, day) in zip(paths, request().dates, strict=True):
        wanted = archive.sample(2, seed=7, year=year, day_of_year=day, steps=2)
        with xr.open_dataset(path) as file:
            assert file.sic.dims == ("time", "realization", "y", "x")
            assert file.time.values == [wanted.time.values]
            for name in ("sic", "sit"):
                np.testing.assert_array_equal(file[name][0], wanted[name])
                assert file[name].attrs == wanted[name].attrs
            assert file.attrs == wanted.attrs
    with netCDF4.Dataset(paths[0]) as nc:
        assert nc["sic"].chunking() == [1, 1, *archive.grid.shape]
        assert nc["sic"].cell_methods == "area: mean where sea"
        assert nc.dimensions["time"].isunlimited()
        assert not [name for name in ("time", "x", "lat", "crs", "cell_area") if "_FillValue" in nc[name].ncattrs()]


def test_one_file(archive, tmp_path):
    (path,) = generation.write_ensemble(archive, request(), tmp_path, Ranks(), single=True)
    assert path.name == "seaice_2000-2001.nc"
    with xr.open_dataset(path) as file:
        assert file.sizes["time"] == 2
        wanted = archive.sample([2], seed=7, year=2001, day_of_year=258, steps=2)
        np.testing.assert_array_equal(file.sit[1, 1], wanted.sit[0])


def test_keeps_what_is_there(archive, tmp_path):
    first, second = generation.write_ensemble(archive, request(), tmp_path, Ranks())
    content = second.read_bytes()
    second.unlink()
    before = first.stat().st_mtime_ns
    (tmp_path / ".seaice_2001.nc.1.partial").write_text("left by a run that was killed")
    counts = []
    generation.write_ensemble(archive, request(), tmp_path, Ranks(), report=lambda done, _: counts.append(done))
    assert counts == [3, 4], "the first file's states count as done"
    assert first.stat().st_mtime_ns == before
    assert second.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seaice_2000.nc", "seaice_2001.nc"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 8}, "its icegen_seed is 7, wanted 8; remove it, or choose another folder"),
        ({"steps": 3}, "its icegen_steps is 2, wanted 3"),
        ({"members": 3}, r"its realization is not the wanted 1 to 3 \(3\)"),
        ({"dates": [(2000, 76)]}, r"its time is not the wanted 2000-03-16 to 2000-03-16 \(1\)"),
    ],
)
def test_refuses_files_of_another_request(archive, tmp_path, changes, words):
    (path,) = generation.write_ensemble(archive, request(dates=[(2000, 75)]), tmp_path, Ranks())
    content = path.read_bytes()
    with pytest.raises(ValueError, match=words):
        generation.write_ensemble(archive, request(**({"dates": [(2000, 75)]} | changes)), tmp_path, Ranks())
    assert path.read_bytes() == content


def test_refuses_files_of_another_precision(tiny, archive, tmp_path):
    generation.write_ensemble(archive, request(), tmp_path, Ranks())
    half = icegen.load(tiny / "tiny.pt", precision="bfloat16")
    with pytest.raises(ValueError, match="its icegen_precision is float32, wanted bfloat16"):
        generation.write_ensemble(half, request(), tmp_path, Ranks())


def test_refuses_what_is_no_file_of_its_own(archive, tmp_path):
    (tmp_path / "seaice_2000.nc").write_text("my notes")
    with pytest.raises(ValueError, match="exists and cannot be read as NetCDF"):
        generation.write_ensemble(archive, request(), tmp_path, Ranks())
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be created: Not a directory"):
        generation.write_ensemble(archive, request(), tmp_path / "file/out", Ranks())


def test_a_failure_leaves_nothing_half_written(archive, tmp_path, monkeypatch):
    def generate(self, members, **key):
        raise RuntimeError("Traceback of TorchScript (most recent call last):\n  ...\nRuntimeError: out of memory")

    monkeypatch.setattr(type(archive), "generate", generate)
    with pytest.raises(ValueError, match=r"of 2000, day 75, cannot be generated: RuntimeError: out of memory$"):
        generation.write_ensemble(archive, request(), tmp_path, Ranks())
    assert not list(tmp_path.iterdir())


def test_shipped_archives(tmp_path, monkeypatch):
    assert shipped.find().name == "arctic_observed.pt"
    assert shipped.find("arctic_observed") == shipped.find()
    assert "arctic_observed" in shipped.names()
    assert shipped.find("some/where.pt").as_posix() == "some/where.pt"
    with pytest.raises(ValueError, match=r"no file antarctic, and no such archive came with icegen; those that did: "):
        shipped.find("antarctic")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("")
    assert shipped.find("mine").read_text() == ""


def test_ranks_after_the_launcher(monkeypatch):
    for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    assert launched() == (0, 1)
    monkeypatch.setenv("PMI_RANK", "2")
    monkeypatch.setenv("PMI_SIZE", "4")
    assert launched() == (2, 4)


def test_members_without_a_date_are_one_file(archive, tmp_path):
    undated = request(dates=generation.UNDATED)
    (path,) = generation.write_ensemble(archive, undated, tmp_path, Ranks())
    assert path.name == "seaice.nc"
    wanted = archive.sample(2, seed=7, steps=2)
    with xr.open_dataset(path) as file:
        assert file.sic.dims == ("realization", "y", "x")
        assert "time" not in file
        np.testing.assert_array_equal(file.sit, wanted.sit)
        assert file.attrs == wanted.attrs
    before = path.stat().st_mtime_ns
    generation.write_ensemble(archive, undated, tmp_path, Ranks())
    assert path.stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="holds another request: its realization"):
        generation.write_ensemble(archive, request(dates=generation.UNDATED, members=3), tmp_path, Ranks())
