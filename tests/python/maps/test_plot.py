# SPDX-License-Identifier: MIT
"""Figures of a host's year and of generated states."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.quiver import Quiver

from icegen.maps import polar
from icegen.maps.drift import draw_arrows
from icegen.maps.plot import draw, maps, of_states, plot, read, season


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
    with pytest.raises(ValueError, match="is a folder; wanted the name of a file"):
        plot(path, tmp_path)


def test_refuses_a_bad_reference(tmp_path, reference):
    path = host_file(tmp_path / "host.nc")
    reference["extent"]["min"] = [1.0, 2.0]
    with pytest.raises(ValueError, match=r"extent min has shape \(2,\); wanted \(12,\)"):
        plot(path, tmp_path / "year.png", reference)
    del reference["extent"]["min"]
    with pytest.raises(ValueError, match="no numbers under extent, min"):
        plot(path, tmp_path / "year.png", reference)


def states(months=(3, 9), members=2, ice=("sic", "sit"), **changes) -> xr.Dataset:
    """Generated states as `icegen sample` writes them, on 24 x 32 cells of 200 km, with land where x > 2000 km."""
    y, x = (np.arange(12, -12, -1) - 0.5) * 2e5, (np.arange(-16, 16) + 0.5) * 2e5
    radius = np.hypot(x, y[:, None])
    edge = 2e6 + 3e5 * np.cos((np.array(months)[:, None] - 3) / 6 * np.pi) + 1e5 * np.arange(members)
    sic = np.clip((edge[..., None, None] - radius) / 5e5, 0, 1)
    sic[..., x > 2e6] = np.nan
    data = {
        name: (("time", "realization", "y", "x"), field.astype(np.float32), {"units": units})
        for name, field, units in (
            ("sic", sic, "1"),
            ("sit", 3 * sic, "m"),
            ("siu", sic - 0.5, "m s-1"),
            ("siv", 0.2 * sic, "m s-1"),
            ("sid", sic, "1"),
        )
        if name in ice
    }
    data["cell_area"] = (("y", "x"), np.full((24, 32), 4e10))
    lon, lat = polar.project(*np.meshgrid(x, y), inverse=True)
    time = np.array([f"2007-{month:02d}-15" for month in months], dtype="datetime64[ns]")
    return xr.Dataset(data, {"time": time, "realization": np.arange(1, members + 1), "y": y, "x": x,
                             "lat": (("y", "x"), lat), "lon": (("y", "x"), lon)}).assign(changes)  # fmt: skip


def panels(figure, ratio=1.0):
    """The axes of maps, which are square."""
    return [axes for axes in figure.axes if axes.get_aspect() == ratio]


def test_maps_share_one_scale_and_show_the_datas_own_land():
    figure = maps(states(ice=("sic", "sit", "siu")), ["sit", "siu"])
    drawn = panels(figure)
    assert len(drawn) == 2 * 2 * 2
    limits = [axes.collections[0].get_clim() for axes in drawn]
    assert limits == [(0.0, 3.0)] * 4 + [(-0.5, 0.5)] * 4
    coast = np.concatenate([path.vertices for path in drawn[0].collections[2].get_paths()])
    assert np.abs(coast[:, 0] - 2e6).max() < 1, "half-way between the last cell of ocean and the first of land"
    titles = [axes.get_title() for axes in drawn if axes.get_title()]
    assert titles == ["March 2007", "September 2007"] * 2


def test_maps_of_one_date_and_of_none():
    dated = maps(states(months=[5]).isel(time=0))
    assert len(panels(dated)) == 4
    assert panels(dated)[0].get_title() == "May 2007"
    assert panels(maps(states().isel(time=0, drop=True)))[0].get_title() == ""


def test_members_with_one_map_each_stand_side_by_side():
    drawn = panels(maps(states(members=3).isel(time=1), ["sit"]))
    assert [axes.get_title() for axes in drawn] == ["Member 1", "Member 2", "Member 3"]
    bottoms, lefts = ([getattr(axes.get_position(), side) for axes in drawn] for side in ("y0", "x0"))
    assert len(set(bottoms)) == 1
    assert lefts == sorted(set(lefts))


def test_extent():
    scene = of_states(states())
    sic = states().sic.values
    np.testing.assert_allclose(scene.extent, (sic >= 0.15).sum((2, 3)) * 4e10)
    np.testing.assert_array_equal(scene.land, np.broadcast_to(states().x.values > 2e6, (24, 32)))
    x, y = polar.centres(*scene.corners)
    np.testing.assert_allclose(x[0], states().x, atol=1e-3)
    np.testing.assert_allclose(y[:, 0], states().y, atol=1e-3)


def test_season(reference):
    (axes,) = season(states(months=range(1, 13)), reference).axes
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert set(lines) == {"Observed mean, 1979–2017", "Member 1", "Member 2"}
    np.testing.assert_allclose(lines["Member 2"] * 1e12, of_states(states(months=range(1, 13))).extent[:, 1])


def test_rows_have_the_names_of_their_states():
    named = states().assign_coords(realization=["Record", "Member 7"])
    texts = {text.get_text() for axes in maps(named).axes for text in axes.texts}
    assert {"Record", "Member 7"} <= texts
    assert not {"Member 1", "Member 2"} & texts


def test_differences_are_named_on_their_scale():
    values = np.linspace(-1, 1, 9)
    assert polar.style("sit_increment", values, "increment of thickness", "m").label == "Increment (m)"
    assert polar.style("sic_anomaly", values, units="1").label == "Anomaly"
    assert polar.style("sic_spread", np.abs(values), units="1").label == "sic_spread"


def test_plots_a_file_of_samples(tmp_path, reference):
    states(months=range(1, 13), members=7).to_netcdf(tmp_path / "seaice_2007.nc")
    plot(tmp_path / "seaice_2007.nc", tmp_path / "year.png", reference)
    assert imread(tmp_path / "year.png").shape[1] == 1800


@pytest.mark.parametrize("source", [states, host_file])
def test_plots_the_month_and_the_variables_asked_for(tmp_path, source):
    path = tmp_path / "year.nc"
    if source is states:
        states(months=range(1, 13)).to_netcdf(path)
    else:
        host_file(path)
    plot(path, tmp_path / "one.png", variables=["sit"], month=5, dpi=100)
    assert imread(tmp_path / "one.png").shape[1] <= 900
    scene = read(path, ["sit"])
    assert list(scene.fields) == ["sit"]
    assert scene.extent is not None, "the season is drawn even if no map shows concentration"
    titles = [text.get_text() for text in draw(scene, None, month=5).texts]
    assert titles == ["Effective sea-ice thickness, May 2007"]
    with pytest.raises(ValueError, match=r"there is no variable snow; the states hold sic, sit"):
        plot(path, tmp_path / "none.png", variables=["snow"])
    assert not (tmp_path / "none.png").exists()


def test_refuses_a_month_that_is_not_there(tmp_path):
    states(months=(3, 9)).to_netcdf(tmp_path / "seaice_2007.nc")
    with pytest.raises(ValueError, match=r"month is 5; the states are of the months \[3, 9\]"):
        plot(tmp_path / "seaice_2007.nc", tmp_path / "year.png", month=5)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (states().drop_vars(["sic", "sit"]), "the states hold no variable"),
        (states().drop_vars("lat"), "no coordinates lat and lon"),
        (states().rename(x="i"), "there is no dimension x; wanted states over realization, y and x"),
        (states(sic=states().sic * np.nan), "sic holds no valid value"),
    ],
)
def test_refuses_other_datasets(dataset, message):
    with pytest.raises(ValueError, match=message):
        maps(dataset)


def test_refuses_unknown_variables_and_a_season_of_one_time():
    with pytest.raises(ValueError, match="there is no variable snow; the states hold sic, sit"):
        maps(states(), ["snow"])
    with pytest.raises(ValueError, match="two or more times"):
        season(states(months=[3]))


def test_drift_is_one_map_with_arrows():
    made = states(ice=("sic", "siu", "siv"))
    figure = draw(of_states(made, ["drift"]), None)
    maps_drawn = [panel for panel in figure.axes if any(isinstance(c, Quiver) for c in panel.collections)]
    assert len(maps_drawn) == 4
    assert [text.get_text() for text in figure.texts if "drift" in text.get_text()] == ["Sea-ice drift"]
    with pytest.raises(ValueError, match="there is no variable drift; the states hold sic, siu"):
        of_states(states(ice=("sic", "siu")), ["drift"])


@pytest.mark.parametrize("turned", [False, True])
def test_arrows_point_along_the_map(turned):
    """On a grid whose rows run downwards, and on the same grid seen from the other side of the pole."""
    made = states(ice=("siu", "siv"))
    if turned:
        made = made.isel(x=slice(None, None, -1), y=slice(None, None, -1))
    fields = of_states(made, ["drift"]).arrows
    np.testing.assert_allclose(fields.u.values, made.siu.values, atol=1e-6)
    np.testing.assert_allclose(fields.v.values, made.siv.values, atol=1e-6)


def test_fast_ice_has_no_longer_arrows():
    panel = Figure().subplots()
    corners = np.meshgrid(np.arange(5.0), np.arange(5.0))
    u = np.full((4, 4), 0.1)
    u[0, 0], u[1, 1] = 50.0, np.nan
    draw_arrows(panel, corners, u, np.zeros((4, 4)), top=0.5)
    (arrows,) = panel.collections
    assert len(arrows.U) == 15
    np.testing.assert_allclose(np.sort(arrows.U)[[0, -1]], [0.1, 0.5])


def test_damage_has_a_scale_of_its_own():
    figure = maps(states(ice=("sid",)), ["sid"])
    assert "Sea-ice damage" in [text.get_text() for text in figure.texts]
