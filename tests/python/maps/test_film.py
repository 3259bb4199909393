# SPDX-License-Identifier: MIT
"""Films of one member."""

import shutil
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from tests.python.maps.test_plot import host_file

from icegen.maps.film import film, stage
from icegen.maps.plot import of_states


def frames(path):
    with Image.open(path) as picture:
        for index in range(picture.n_frames):
            picture.seek(index)
            yield np.asarray(picture.convert("RGB"), np.int16)


def test_a_gif_has_a_frame_for_each_time(tmp_path):
    film(host_file(tmp_path / "host.nc", members=2), tmp_path / "year.gif", dpi=40)
    seen = list(frames(tmp_path / "year.gif"))
    assert len(seen) == 12
    assert all(np.abs(a - b).max() > 100 for a, b in pairwise(seen))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["host.nc", "year.gif"]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")
def test_an_mp4(tmp_path):
    film(host_file(tmp_path / "host.nc", months=(3, 9), members=1), tmp_path / "year.mp4", dpi=50)
    assert (tmp_path / "year.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_date_and_the_fields_are_those_of_the_time(tmp_path):
    with xr.open_dataset(host_file(tmp_path / "host.nc", members=1)) as opened:
        data = opened.load()
    lon, lat = np.meshgrid(data.lon, data.lat)
    states = xr.Dataset(
        {"sic": (("realization", "time", "y", "x"), data.sic.values.transpose(1, 0, 2, 3))},
        {"time": data.time, "lat": (("y", "x"), lat), "lon": (("y", "x"), lon)},
    )
    figure, show = stage(of_states(states))
    show(8)
    assert figure.texts[0].get_text() == "15 September 2007"
    mesh = figure.axes[0].collections[0]
    np.testing.assert_array_equal(np.ma.filled(mesh.get_array(), np.nan), states.sic[0, 8])
    assert len(figure.axes) == 2  # a map and its bar: without areas of cells there is no extent


@pytest.mark.parametrize(
    ("name", "months", "message"),
    [
        ("year.avi", (3, 9), "the film is year.avi; wanted a name that ends in .gif or .mp4"),
        ("year.gif", (3,), "no September"),
    ],
)
def test_refuses_what_it_cannot_make(tmp_path, name, months, message):
    source = host_file(tmp_path / "host.nc", months=months, members=1)
    with pytest.raises(ValueError, match=message):
        film(source, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_refuses_a_single_time(tmp_path):
    with xr.open_dataset(host_file(tmp_path / "host.nc", members=1)) as opened:
        data = opened.load()
    lon, lat = np.meshgrid(data.lon, data.lat)
    one = data.isel(time=[0]).drop_vars(("extent", "sit", "lat", "lon"))
    one = one.rename(member="realization", lat="y", lon="x").assign_coords(lat=(("y", "x"), lat), lon=(("y", "x"), lon))
    one.to_netcdf(tmp_path / "one.nc")
    with pytest.raises(ValueError, match="holds 1 time; wanted at least 2"):
        film(tmp_path / "one.nc", tmp_path / "year.gif")


def test_refuses_an_mp4_without_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="ffmpeg is not on PATH"):
        film(host_file(tmp_path / "host.nc"), tmp_path / "year.mp4")
