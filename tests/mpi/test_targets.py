# SPDX-License-Identifier: MIT
"""Known fields at a host's points: every method, every kind of grid, vectors, conservation, any number of ranks."""

import shutil
import subprocess
from pathlib import Path

import netCDF4
import numpy as np
import pyproj
import pytest

import archives
from compiled import BUILD, mpirun

EASE2 = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:6931", always_xy=True)
X = (np.arange(48) - 23.5) * 100e3
Y = (15.5 - np.arange(32)) * 100e3
COLUMN, ROW = np.meshgrid(np.arange(48), np.arange(32))
LON, LAT = EASE2.transform(*np.meshgrid(X, Y), direction="INVERSE")
EARTH = 6371.0088  # km


def run(
    archive: Path, lon, lat, variables: str, *options, ranks=1, generators=1, members=1, environment=None, **namelist
):
    """Call the probe. Options: units, method, distance, weights."""
    folder = archive.parent
    np.stack([np.ravel(lon), np.ravel(lat)], 1).astype(np.float64).tofile(folder / "points.bin")
    namelist |= {"archive": str(archive), "backend": str(BUILD / "lib/libfield_backend.so"), "generators": generators}
    (folder / "icegen.nml").write_text("&icegen_nml " + ", ".join(f"{k} = {v!r}" for k, v in namelist.items()) + " /\n")
    arguments = [folder / "icegen.nml", folder / "points.bin", folder / "out.bin", 2001, 75, members, variables]
    return mpirun(ranks, "probe_fortran", *arguments, *options, environment=environment)


def receive(archive: Path, lon, lat, variables: str, *options, members=1, **more) -> np.ndarray:
    """Fields at points, float64 [member, variable, point], -1 where not valid."""
    finished = run(archive, lon, lat, variables, *options, members=members, **more)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return np.fromfile(archive.parent / "out.bin").reshape(members, variables.count(",") + 1, np.size(lon))


def distance(lon, lat, lon2, lat2) -> np.ndarray:
    """Great-circle distance, km, [points, points2]."""

    a, b = vectors(np.ravel(lon), np.ravel(lat))[0], vectors(np.ravel(lon2), np.ravel(lat2))[0]
    return 2 * EARTH * np.arcsin(np.minimum(1, np.linalg.norm(a[:, None] - b[None], axis=-1) / 2))


@pytest.fixture
def land() -> np.ndarray:
    mask = np.zeros((32, 48), bool)
    mask[10:15, 12:20] = True
    mask[:, 40:] = True
    return mask


@pytest.fixture
def points() -> tuple[np.ndarray, np.ndarray]:
    """Points all over the north, some outside of the grid, the pole among them."""
    lon, lat = np.meshgrid(np.arange(-180.0, 180.0, 11.3), np.arange(50.0, 90.0, 1.3))
    return np.append(lon, [0.0, 123.0]), np.append(lat, [90.0, 90.0])


def test_points_that_are_not_valid(tmp_path, land, points):
    """They keep the probe's -1, or take what the namelist says; `blend` is 0 there and falls to it at the border."""
    archive = archives.write(tmp_path / "a.pt", archives.projected(X, Y), {"sic": np.full(ROW.shape, 0.7)}, ~land)
    untouched = receive(archive, *points, "sic,blend")[0]
    filled = receive(archive, *points, "sic,blend", ranks=3, fill_value=-99.5, blend_km=500.0)[0]
    valid = untouched[0] != -1
    assert 100 < valid.sum() < valid.size - 100
    np.testing.assert_array_equal(filled[0], np.where(valid, untouched[0], -99.5))

    border = ~land & ((ROW == 0) | (ROW == 31) | (COLUMN == 0) | (COLUMN == 47))
    to_border = distance(*points, LON[border], LAT[border]).min(1)
    for fields, width in ((untouched, 200.0), (filled, 500.0)):
        wanted = np.where(valid, np.minimum(1, to_border / width), 0)
        np.testing.assert_allclose(fields[1], wanted, rtol=0, atol=1e-6)
        assert ((fields[1] > 0) & (fields[1] < 1)).sum() > 10


def test_constant_and_linear(tmp_path, land, points):
    """Both come back to the rounding of float32 away from coasts; constants at coasts too."""
    fields = {"sic": np.full(ROW.shape, 0.7), "sit": 3.0 + 0.25 * COLUMN - 0.125 * ROW}
    archive = archives.write(tmp_path / "a.pt", archives.projected(X, Y), fields, ~land)
    lon, lat = points
    sic, sit = receive(archive, lon, lat, "sic,sit")[0]
    valid = sic != -1
    np.testing.assert_array_equal(sic[valid], np.float32(0.7))
    x, y = EASE2.transform(lon, lat)
    column, row = (x - X[0]) / 100e3, (Y[0] - y) / 100e3
    inside = (row > 0) & (row < 31) & (column > 0) & (column < 47)
    r, c = row.astype(int)[inside], column.astype(int)[inside]
    open_sea = ~(land[r, c] | land[r + 1, c] | land[r, c + 1] | land[r + 1, c + 1])
    assert open_sea.sum() > 200
    assert (~valid).sum() > 100
    assert valid[inside][open_sea].all()
    exact = (3.0 + 0.25 * column - 0.125 * row)[inside][open_sea]
    np.testing.assert_allclose(sit[inside][open_sea], exact, rtol=2e-7)


@pytest.mark.long
def test_units_and_longitudes(tmp_path, land, points):
    fields = {"sic": np.cos(0.3 * ROW) * np.sin(0.2 * COLUMN)}
    archive = archives.write(tmp_path / "a.pt", archives.projected(X, Y), fields, ~land)
    lon, lat = points
    expected = receive(archive, lon, lat, "sic")
    for turns in (-1, 1, 2):
        np.testing.assert_allclose(receive(archive, lon + 360 * turns, lat, "sic"), expected, atol=1e-6)
    np.testing.assert_allclose(
        receive(archive, np.radians(lon), np.radians(lat), "sic", "radians"), expected, atol=1e-6
    )
    for options, words in [
        (["grad"], "units is 'grad'; wanted 'degrees' or 'radians'"),
        (["radians"], "is 50; wanted -1.5707963267949 to 1.5707963267949 radians"),
        (["degrees", "cubic"], "method is 'cubic'; wanted 'bilinear' or 'nearest'"),
        (["degrees", "nearest", "-5"], "distance is -5 km; wanted 0 or more"),
    ]:
        finished = run(archive, np.array([1.0]), np.array([50.0]), "sic", *options)
        assert finished.returncode == 1
        assert words in finished.stdout


def test_nearest_and_its_distance(tmp_path, land, points):
    fields = {"sic": 0.5 + (ROW * 48 + COLUMN)}
    archive = archives.write(tmp_path / "a.pt", archives.projected(X, Y), fields, ~land)
    lon, lat = points
    field = fields["sic"].astype(np.float32)
    x, y = EASE2.transform(lon, lat)
    row, column = np.rint((Y[0] - y) / 100e3).astype(int), np.rint((x - X[0]) / 100e3).astype(int)
    on_grid = (row >= 0) & (row < 32) & (column >= 0) & (column < 48)
    expected = np.full(lon.shape, -1.0)
    expected[on_grid] = np.where(land, -1, field)[row[on_grid], column[on_grid]]
    np.testing.assert_array_equal(receive(archive, lon, lat, "sic", "degrees", "nearest")[0, 0], expected)

    far = distance(lon, lat, LON[~land], LAT[~land])
    within = (far.min(1) <= 300) & (expected == -1)
    assert 20 < within.sum() < (expected == -1).sum()
    expected[within] = field[~land][far.argmin(1)[within]]
    np.testing.assert_array_equal(receive(archive, lon, lat, "sic", "degrees", "nearest", "300")[0, 0], expected)


def vectors(lon, lat) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors to places, and to the east and north there, [..., 3]."""
    lon, lat = np.radians(lon), np.radians(lat)
    return (
        np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1),
        np.stack([-np.sin(lon), np.cos(lon), 0 * lon], -1),
        np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], -1),
    )


# A regular grid of longitude and latitude on a sphere turned so that it lies over the North Pole and the date line.
OWN_LON, OWN_LAT = np.meshgrid(np.linspace(-25, 25, 70), np.linspace(-18, 18, 50))
COS, SIN = np.cos(np.radians([170, -85])), np.sin(np.radians([170, -85]))
TURN = np.array([[COS[0], -SIN[0], 0], [SIN[0], COS[0], 0], [0, 0, 1]]) @ np.array(
    [[COS[1], 0, SIN[1]], [0, 1, 0], [-SIN[1], 0, COS[1]]]
)


def lonlat(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.degrees(np.arctan2(at[..., 1], at[..., 0])), np.degrees(np.arcsin(at[..., 2]))


TURNED_LON, TURNED_LAT = lonlat(vectors(OWN_LON, OWN_LAT)[0] @ TURN.T)


def write_turned(path: Path, fields: dict[str, np.ndarray], ocean=None) -> Path:
    return archives.write(path, {"shape": [50, 70]}, fields, ocean, [TURNED_LON, TURNED_LAT])


def test_curvilinear(tmp_path, points):
    """On a grid that is known by its cells' centres alone, fields are what they are on the grid's own axes."""
    archive = write_turned(tmp_path / "a.pt", {"sic": OWN_LON, "sit": OWN_LAT})
    own_lon, own_lat = lonlat(vectors(*points)[0] @ TURN)
    inside = (np.abs(own_lon) < 25) & (np.abs(own_lat) < 18)
    outside = (np.abs(own_lon) > 25.4) | (np.abs(own_lat) > 18.4)
    got_lon, got_lat = receive(archive, *points, "sic,sit")[0]
    assert inside.sum() > 300
    assert outside.sum() > 100
    np.testing.assert_allclose(got_lon[inside], own_lon[inside], atol=5e-3)
    np.testing.assert_allclose(got_lat[inside], own_lat[inside], atol=5e-3)
    assert (got_lon[outside] == -1).all()

    # At the centres the cells' own bits, on ocean; none on land.
    ocean = OWN_LON > 3
    archive = write_turned(tmp_path / "b.pt", {"sic": OWN_LON}, ocean=ocean)
    at_centres = receive(archive, TURNED_LON, TURNED_LAT, "sic")[0, 0].reshape(ocean.shape)
    np.testing.assert_array_equal(at_centres, np.where(ocean, OWN_LON.astype(np.float32), -1))


@pytest.mark.long
def test_grid_refusals(tmp_path):
    for grid, lonlat, words in [
        ({"shape": [50, 70]}, None, "has 0 bytes of coordinates (lonlat.f8); wanted 56000"),
        ({"shape": [50, 70]}, np.zeros((2, 50, 69)), "has 55200 bytes of coordinates"),
        ({"shape": [50, 70], "mapping": {"grid_mapping_name": "mercator"}}, None, "wanted 56000, or the grid mapping"),
    ]:
        archive = archives.write(tmp_path / "a.pt", grid, {"sic": OWN_LON}, np.ones((50, 70)), lonlat)
        finished = run(archive, [0.0], [90.0], "sic")
        assert finished.returncode == 1
        assert words in finished.stdout


def rotation(spin, lon, lat) -> np.ndarray:
    """Rotation of the unit sphere about a vector: its velocity towards the east, and i times that to the north."""
    at, east, north = vectors(lon, lat)
    velocity = np.cross(spin, at)
    return (velocity * east).sum(-1) + 1j * (velocity * north).sum(-1)


@pytest.mark.parametrize("kind", ["projected", "curvilinear"])
@pytest.mark.parametrize("spin", [(0, 0, 1.0), (0.6, -0.3, 0.2)])
def test_rotation(tmp_path, kind, spin):
    """A solid-body rotation, given along the grid's axes, comes back towards east and north, at the pole too."""
    if kind == "projected":
        along_axes = rotation(spin, LON, LAT) / np.exp(-1j * np.radians(LON))
    else:
        x_axis, (_, east, north) = vectors(OWN_LON, OWN_LAT)[1] @ TURN.T, vectors(TURNED_LON, TURNED_LAT)
        x_direction = (x_axis * east).sum(-1) + 1j * (x_axis * north).sum(-1)
        along_axes = rotation(spin, TURNED_LON, TURNED_LAT) / x_direction
    fields = {"siu": along_axes.real, "siv": along_axes.imag, "sic": np.ones(along_axes.shape)}
    if kind == "projected":
        archive = archives.write(tmp_path / "a.pt", archives.projected(X, Y), fields)
    else:
        archive = write_turned(tmp_path / "a.pt", fields)
    lon, lat = np.meshgrid([-180.0, -179.99, -90.0, 0.0, 77.0, 179.99, 180.0, 359.0], [80.0, 85.5, 89.0, 89.999, 90.0])
    east, north, sic = receive(archive, lon, lat, "siu_east,siv_north,sic")[0]
    assert (sic != -1).all()
    expected = rotation(spin, lon.ravel(), lat.ravel())
    np.testing.assert_allclose(east, expected.real, atol=1e-3)
    np.testing.assert_allclose(north, expected.imag, atol=1e-3)
    assert np.abs(expected).max() > 0.1


def test_thickness_over_the_ice(tmp_path):
    sic = np.where(COLUMN % 2 == 0, 0.5, 0.0)
    archive = archives.write(tmp_path / "a.pt", archives.projected(X, Y), {"sit": 2.0 * sic, "sic": sic})
    lon, lat = EASE2.transform([X[10], X[11], X[10] + 30e3], [Y[5], Y[5], Y[5]], direction="INVERSE")
    sit, sit_ice = receive(archive, lon, lat, "sit,sit_ice")[0]
    np.testing.assert_allclose(sit, [1.0, 0.0, 0.7], rtol=1e-6)
    np.testing.assert_allclose(sit_ice, [2.0, 0.0, 2.0], rtol=1e-6)


@pytest.fixture
def conservative(tmp_path, land) -> tuple[Path, Path, dict]:
    """An archive; weights made by cdo from its grid to one of longitude and latitude; what the weights' file holds."""
    if shutil.which("cdo") is None:
        pytest.skip("cdo is not installed")
    fields = {"sic": np.clip(np.cos(0.1 * ROW) + 0.1 * np.sin(COLUMN), 0, 1), "sit": 1 + 0.02 * ROW + 0.01 * COLUMN}
    archive = archives.write(tmp_path / "a.pt", archives.projected(X, Y), fields, ~land)
    corners = [(-50e3, -50e3), (50e3, -50e3), (50e3, 50e3), (-50e3, 50e3)]
    x, y = np.meshgrid(X, Y)
    bounds = [EASE2.transform(x + dx, y + dy, direction="INVERSE") for dx, dy in corners]
    with netCDF4.Dataset(tmp_path / "source.nc", "w") as nc:
        for name, size in (("y", 32), ("x", 48), ("nv", 4)):
            nc.createDimension(name, size)
        for i, (name, values) in enumerate((("lon", LON), ("lat", LAT))):
            variable = nc.createVariable(name, "f8", ("y", "x"))
            variable.setncatts({"units": f"degrees_{('east', 'north')[i]}", "bounds": f"{name}_bounds"})
            variable[:] = values
            nc.createVariable(f"{name}_bounds", "f8", ("y", "x", "nv"))[:] = np.stack([b[i] for b in bounds], -1)
        ice = nc.createVariable("ice", "f8", ("y", "x"), fill_value=-1.0)
        ice.coordinates = "lon lat"
        ice[:] = np.where(land, -1.0, 1.0)
    (tmp_path / "target.txt").write_text(
        "gridtype=lonlat\nxsize=60\nysize=20\nxfirst=-177\nxinc=6\nyfirst=51\nyinc=2\n"
    )
    command = ["cdo", "-s", f"gencon,{tmp_path / 'target.txt'}", str(tmp_path / "source.nc"), str(tmp_path / "w.nc")]
    subprocess.run(command, check=True, capture_output=True)
    with netCDF4.Dataset(tmp_path / "w.nc") as nc:
        content = {name: nc[name][:].filled() for name in nc.variables if name.endswith(("_area", "_frac"))}
    return archive, tmp_path / "w.nc", content


def test_conservative(tmp_path, land, conservative):
    """Weights of cdo gencon conserve area and volume."""
    archive, weights, content = conservative
    lon, lat = np.meshgrid(-177.0 + 6 * np.arange(60), 51.0 + 2 * np.arange(20))
    got = receive(archive, lon, lat, "sic,sit,sit_ice", "degrees", "-", "0", weights)[0]
    covered = content["dst_grid_frac"] > 0
    np.testing.assert_array_equal(got[0] != -1, covered)
    assert 200 < covered.sum() < covered.size
    states = np.fromfile(f"{archive}.f4", np.float32).reshape(2, -1).astype(np.float64)
    for field, state in zip(got, states, strict=False):
        total = np.sum(state * content["src_grid_area"] * content["src_grid_frac"])
        there = np.sum((field * content["dst_grid_area"] * content["dst_grid_frac"])[covered])
        assert there == pytest.approx(total, rel=1e-6)
    ice = covered & (got[0] > 0)
    np.testing.assert_allclose(got[2][ice], got[1][ice] / got[0][ice], rtol=1e-6)


def test_weights_refusals(tmp_path, conservative):
    archive, weights, _ = conservative
    lon, lat = np.zeros(1201), np.full(1201, 89.0)

    def refused(words, archive=archive, n=1, path=weights):
        finished = run(archive, lon[:n], lat[:n], "sic", "degrees", "-", "0", path, ranks=2)
        assert finished.returncode == 1
        assert words in finished.stdout

    refused("No such file", path=tmp_path / "nowhere.nc")
    refused("cell of point 601 is 1201; the weights are for 1 to 1200", n=1201)
    other = archives.write(tmp_path / "b.pt", archives.projected(X[:8], Y[:8]), {"sic": np.ones((8, 8))})
    refused("it is from a grid of 1536 cells; the archive has 64", archive=other)
    refused("num_links", path=tmp_path / "source.nc")


@pytest.mark.long
@pytest.mark.parametrize("method", ["bilinear", "nearest", "conservative"])
def test_any_number_of_ranks(request, tmp_path, land, points, method):
    """The same bits on 1, 2, 3, 5 and 8 ranks, of which one has no points, from 1 to all of them generating; on 1 to 4
    nodes, with shared memory and without.
    """
    lon, lat = points
    options = ["degrees", method, "200"]
    if method == "conservative":
        archive, weights, _ = request.getfixturevalue("conservative")
        lon, lat = np.meshgrid(-177.0 + 6 * np.arange(60), 51.0 + 2 * np.arange(20))
        options = ["degrees", "-", "0", weights]
        names = "sic,sit,sit_ice"
    else:
        rng = np.random.default_rng(0)
        fields = {name: rng.random(TURNED_LON.shape) for name in ("sic", "sit", "siu", "siv")}
        archive = write_turned(tmp_path / "c.pt", fields, ocean=rng.random(TURNED_LON.shape) > 0.2)
        names = "sic,sit_ice,siu_east,siv_north"
    one = receive(archive, lon, lat, names, *options, members=3)
    assert len(np.unique(one)) > 300
    for ranks, generators in [(2, 1), (3, 3), (5, 2), (8, 8)]:
        more = receive(archive, lon, lat, names, *options, members=3, ranks=ranks, generators=generators)
        np.testing.assert_array_equal(more, one)
    profiled = {"LD_PRELOAD": str(BUILD / "lib/libprofiled.so")}
    for ranks, nodes, without in [
        (2, 2, {}),
        (5, 2, {}),
        (8, 4, {}),
        (3, 1, {"WITHOUT_WINDOWS": "1"}),
        (8, 4, {"WITHOUT_WINDOWS": "1"}),
    ]:
        environment = profiled | {"SIMULATED_NODES": str(nodes)} | without
        more = receive(
            archive, lon, lat, names, *options, members=3, ranks=ranks, generators=2, environment=environment
        )
        np.testing.assert_array_equal(more, one)


@pytest.mark.long
def test_without_condition(tmp_path):
    """An archive without conditions takes any date; the namelist can leave out the condition of others."""
    fields = {"sic": np.ones(ROW.shape)}
    archive = archives.write(tmp_path / "a.pt", archives.projected(X, Y), fields, condition=[])
    assert receive(archive, [0.0], [90.0], "sic") == 1
    assert receive(archive, [0.0], [90.0], "sic", condition="date") == 1
    short = [{"id": "year", "range": [1990, 1995]}, {"id": "day_of_year", "range": [1, 366]}]
    archive = archives.write(tmp_path / "b.pt", archives.projected(X, Y), fields, condition=short)
    assert "year is 2001; this archive takes 1990 to 1995" in run(archive, [0.0], [90.0], "sic").stdout
    assert receive(archive, [0.0], [90.0], "sic", condition="none") == 1
    assert (
        "condition is 'never'; wanted 'date' or 'none'" in run(archive, [0.0], [90.0], "sic", condition="never").stdout
    )
