# SPDX-License-Identifier: MIT
"""The picture of a host's year."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread

from icegen.plot import plot


def host_file(path, months=range(1, 13), members=2, **changes):
    """A file as the host writes it, on a 5-degree grid; ``changes`` replace variables, None leaves one out."""
    months = list(months)
    lat, lon = np.arange(-87.5, 90, 5), np.arange(2.5, 360, 5)
    edge = 70 - 6 * np.cos((np.array(months) - 3) / 6 * np.pi)[:, None] + 0.5 * np.arange(members)  # [time, member]
    sic = np.clip((lat[:, None] - edge[..., None, None]) / 10, 0, 1) * np.ones(len(lon))
    sic[..., lat < 50, :] = np.nan
    grid = ("time", "member", "lat", "lon")
    data = {
        "sic": (grid, sic.astype(np.float32), {"units": "1"}),
        "sit": (grid, (2.5 * sic).astype(np.float32), {"units": "m"}),
        "extent": (("time", "member"), 1e12 * (80 - edge), {"units": "m2"}),
    }
    data = {name: value for name, value in (data | changes).items() if value is not None}
    time = np.array([f"2007-{month:02d}-15T12" for month in months], dtype="datetime64[ns]")
    xr.Dataset(data, {"time": time, "member": np.arange(1, members + 1), "lat": lat, "lon": lon}).to_netcdf(path)
    return path


@pytest.fixture
def reference():
    mean = 1e12 * (10 + 4 * np.cos((np.arange(1, 13) - 3) / 6 * np.pi))
    return {"extent": {"mean": list(mean), "min": list(mean - 1e12), "max": list(mean + 1e12), "years": [1979, 2017]}}


@pytest.mark.parametrize("members", [1, 7])
def test_draws_a_whole_png(tmp_path, reference, members):
    out = tmp_path / "year.png"
    plot(host_file(tmp_path / "host.nc", members=members), out, reference)
    height, width = imread(out).shape[:2]
    assert width == 1800
    assert 1200 < height < 3500
    assert sorted(p.name for p in tmp_path.iterdir()) == ["host.nc", "year.png"]


@pytest.mark.parametrize("reference", [None, {}, {"extent": {}}])
def test_draws_without_a_reference(tmp_path, reference):
    plot(host_file(tmp_path / "host.nc", months=(9, 3), members=1), tmp_path / "year.png", reference)
    assert (tmp_path / "year.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sit": None}, "lacks sit; it holds"),
        ({"sic": None, "extent": None}, "lacks sic, extent"),
        ({"months": (1, 2, 3)}, "no September; the months are January, February, March"),
        ({"months": (1, 2)}, "no March and no September"),
        ({"extent": (("time", "member"), np.ones((12, 2)), {"units": "km2"})}, "units km2; wanted m2"),
        ({"extent": (("time",), np.ones(12), {"units": "m2"})}, "extent has dimensions"),
        ({"sic": (("time", "member", "lat", "lon"), np.full((12, 2, 36, 72), np.nan))}, "sic holds no valid value"),
        ({"sit": (("time", "member", "lat", "lon"), np.full((12, 2, 36, 72), np.nan))}, "sit holds no valid value"),
        ({"extent": (("time", "member"), np.full((12, 2), np.nan))}, "no valid value"),
    ],
)
def test_refuses_an_unsuitable_file(tmp_path, arguments, message):
    path = host_file(tmp_path / "host.nc", **arguments)
    with pytest.raises(ValueError, match=message) as refusal:
        plot(path, tmp_path / "year.png")
    assert "\n" not in str(refusal.value)
    assert [p.name for p in tmp_path.iterdir()] == ["host.nc"]


def test_refuses_a_file_that_is_not_netcdf(tmp_path):
    (tmp_path / "host.nc").write_bytes(b"not netcdf" * 100)
    with pytest.raises(ValueError, match="cannot be read as NetCDF"):
        plot(tmp_path / "host.nc", tmp_path / "year.png")


def test_refuses_missing_paths(tmp_path):
    with pytest.raises(ValueError, match=r"host\.nc does not exist"):
        plot(tmp_path / "host.nc", tmp_path / "year.png")
    path = host_file(tmp_path / "host.nc")
    with pytest.raises(ValueError, match=r"folder .*nowhere does not exist"):
        plot(path, tmp_path / "nowhere" / "year.png")
    with pytest.raises(ValueError, match="it is a folder"):
        plot(path, tmp_path)


def test_refuses_a_bad_reference(tmp_path, reference):
    path = host_file(tmp_path / "host.nc")
    reference["extent"]["min"] = [1.0, 2.0]
    with pytest.raises(ValueError, match=r"extent min has shape \(2,\); wanted \(12,\)"):
        plot(path, tmp_path / "year.png", reference)
    del reference["extent"]["min"]
    with pytest.raises(ValueError, match="no numbers under extent, min"):
        plot(path, tmp_path / "year.png", reference)
