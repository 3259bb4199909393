# SPDX-License-Identifier: MIT
"""Restarts of CICE: what changes, what keeps its bits, and what is refused."""

import netCDF4
import numpy as np
import pytest

import icegen
from host_files import COLUMNS, ROWS, corners, write_cice, write_pop_grid, write_tripole
from icegen.archive import describe
from icegen.ensemble.cice import CICETemplate, settings_of
from icegen.ensemble.points import PointIce, PointRequest
from icegen.ensemble.ranks import Ranks
from icegen.ensemble.restarts import write_restarts

CHANGED = {
    "aicen",
    "vicen",
    "vsnon",
    "Tsfcn",
    "qice001",
    "qice002",
    "qice003",
    "sice001",
    "sice002",
    "sice003",
    "qsno001",
    "alvl",
    "vlvl",
    "iage",
    "FY",
    "smice001",
    "rhos001",
    "rsnw001",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cice")
    grid = write_pop_grid(folder / "grid.nc")
    return write_cice(folder / "iced.nc", grid), grid


@pytest.fixture(scope="module")
def made(bridge, tiny, files, tmp_path_factory):
    """Two members, with the weight of the ice and its samples at the points."""
    template = CICETemplate(*files)
    archive = describe(tiny / "tiny.pt")
    request = PointRequest(archive.path, 2001, 75, seed=7, steps=2)
    out = tmp_path_factory.mktemp("out") / "restarts"
    return template, request, write_restarts(template, archive, request, 2, out, Ranks())


def read(path) -> dict[str, np.ndarray]:
    with netCDF4.Dataset(path) as nc:
        nc.set_auto_mask(False)
        return {name: variable[...] for name, variable in nc.variables.items()}


def test_the_ice_is_that_of_the_samples(bridge, made, tiny, tmp_path):
    template, _, paths = made
    (tmp_path / "icegen.nml").write_text(f"&icegen_nml archive = '{tiny / 'tiny.pt'}', seed = 7, steps = 2 /\n")
    with bridge.Emulator(tmp_path / "icegen.nml") as ice:
        ice.add_target("T", *template.points, distance=50.0)
        ice.request(2, 2001, 75)
        weight = ice.receive("T", "blend", 1)
        whole = weight == 1
        assert whole.sum() > 50
        for member, path in enumerate(paths, start=1):
            fields = {name: values[..., template.grid.ocean] for name, values in read(path).items()}
            for name, variable in (("aicen", "sic"), ("vicen", "sit")):
                wanted = ice.receive("T", variable, member)[whole]
                np.testing.assert_allclose(fields[name].sum(0)[whole], wanted, atol=1e-12)
            assert fields["vicen"].sum(0)[whole].max() > 0.1
    first, second = (read(path)["vicen"] for path in paths)
    assert np.abs(first - second).max() > 0.01


def test_all_else_keeps_its_bits(made, files):
    template, _, paths = made
    before, after = read(files[0]), read(paths[0])
    assert before.keys() == after.keys()
    for name in before.keys() - CHANGED:
        assert before[name].tobytes() == after[name].tobytes(), name
    kept = (template.grid.latitude < 0) | ~template.grid.ocean
    for name in CHANGED:
        assert before[name][:, kept].tobytes() == after[name][:, kept].tobytes(), name
        assert not np.array_equal(before[name], after[name]), name
    assert before["aicen"][:, template.grid.latitude < 0].max() > 0.1
    with netCDF4.Dataset(paths[0]) as new, netCDF4.Dataset(files[0]) as old:
        assert {name: new.getncattr(name) for name in old.ncattrs() if name != "history"} == {
            name: old.getncattr(name) for name in old.ncattrs() if name != "history"
        }
        first, last = new.history.split("\n")
        assert first.startswith(f"icegen {icegen.__version__}: ice of 2001, day 75, of member 1, seed 7, archive tiny ")
        assert last == "made up"


def test_categories_hold_their_bounds_and_contents(made, files):
    template, _, paths = made
    before, after = read(files[0]), read(paths[0])
    area, volume = after["aicen"], after["vicen"]
    assert np.array_equal(area > 0, volume > 0)
    assert area.sum(0).max() <= 1 + 1e-12
    thickness = volume[area > 0] / area[area > 0]
    category = np.nonzero(area > 0)[0]
    assert np.all(thickness >= template.bounds[category] - 1e-12)
    assert np.all(thickness <= template.bounds[category + 1] + 1e-12)
    had = before["aicen"] > 0
    for name in ("Tsfcn", "qice001", "sice002", "qsno001"):
        np.testing.assert_array_equal(after[name][had], before[name][had])
    fresh = (area > 0) & ~had
    assert fresh[1].any()
    iced = had.any(0)
    for new in (fresh & iced, fresh & ~iced):  # means of the cell; new ice
        assert new.any()
        for name in ("qice001", "qice003", "qsno001"):
            assert np.all((after[name][new] < -1e8) & (after[name][new] > -4e8)), name
        assert np.all((after["sice003"][new] > 2) & (after["sice003"][new] < 3.2))
        assert np.all((after["Tsfcn"][new] >= -20) & (after["Tsfcn"][new] <= -19))
    snow = after["vsnon"]
    assert np.all(snow >= 0)
    assert np.all(snow <= volume / 3 + 1e-12)  # it floats
    np.testing.assert_array_equal(snow[:, ~iced & template.grid.ocean] > 0, area[:, ~iced & template.grid.ocean] > 0)


def test_new_ice_has_tracers_that_the_model_takes(made, files):
    """Level, young and without ponds where the cell had no ice; the mean of the cell in a category without ice."""
    template, _, paths = made
    before, after = read(files[0]), read(paths[0])
    had, there = before["aicen"] > 0, after["aicen"] > 0
    iced = had.any(0)
    of_cell, of_new = there & ~had & iced, there & ~had & ~iced & template.grid.ocean
    for name, mean, new in (("alvl", 0.8, 1), ("vlvl", 0.7, 1), ("FY", 0.5, 1), ("iage", 1e6, 0)):
        np.testing.assert_allclose(after[name][of_cell], mean, err_msg=name)
        np.testing.assert_array_equal(after[name][of_new], new, err_msg=name)
    snowy = of_new & (after["vsnon"] > 0)
    assert snowy.any()
    for name, new in (("smice001", 330), ("rhos001", 330), ("rsnw001", 54.526), ("smliq001", 0)):
        np.testing.assert_array_equal(after[name][snowy], new, err_msg=name)


def test_new_ice_has_no_ponds(files, tmp_path):
    """Not even those that the file has left where there is no ice."""
    path = write_cice(tmp_path / "iced.nc", files[1])
    with netCDF4.Dataset(path, "a") as nc:
        nc["apnd"][:] = 0.3
    template = CICETemplate(path, files[1])
    ones = np.ones(template.points[0].shape)
    ponds = template.with_ice(PointIce(0.9 * ones, 1.8 * ones, ones))["apnd"]
    had = read(path)["aicen"][:, template.grid.ocean] > 0
    np.testing.assert_array_equal(ponds[had], 0.3)
    assert ponds[~had].min() == 0


def test_snow_and_distribution_of_the_template(bridge, made, files):
    template = made[0]
    ice = next(iter_ice(template, made[1]))
    like = CICETemplate(*files, distribution="template", snow="fifth").with_ice(ice)
    other = template.with_ice(ice)
    for name in ("aicen", "vicen"):
        np.testing.assert_allclose(like[name].sum(0), other[name].sum(0), atol=1e-12)
    whole = ice.weight == 1
    np.testing.assert_allclose(like["vsnon"][:, whole], 0.2 * np.minimum(like["aicen"], like["vicen"])[:, whole])
    thickness = np.divide(like["vicen"], like["aicen"], out=np.zeros_like(like["aicen"]), where=like["aicen"] > 0)
    assert np.all(thickness <= template.bounds[1:, None] + 1e-12)
    assert not np.allclose(like["aicen"], other["aicen"])


@pytest.mark.parametrize("up", [0.0, 0.5])
def test_tripole(bridge, tiny, tmp_path, up):
    """Cells beside the fold take the ice at their own centres; cells of a row on it are two and two the same place."""
    grid = write_tripole(tmp_path / "grid.nc", up)
    iced = write_cice(tmp_path / "iced.nc", grid)
    template, archive = CICETemplate(iced, grid), describe(tiny / "tiny.pt")
    request = PointRequest(archive.path, 2001, 75, seed=7, steps=2)
    (path,) = write_restarts(template, archive, request, 1, tmp_path / "out", Ranks())
    ice = next(iter_ice(template, request))
    weight, area, volume = (np.zeros(template.grid.ocean.shape) for _ in range(3))
    for whole, values in ((weight, ice.weight), (area, ice.area), (volume, ice.volume)):
        whole[template.grid.ocean] = values
    before, after = read(iced), read(path)
    assert (weight[-1] == 1).sum() > 12  # of the 26 ocean cells at the fold
    for name, wanted in (("aicen", area), ("vicen", volume)):
        np.testing.assert_allclose(after[name].sum(0)[weight == 1], wanted[weight == 1], atol=1e-12)
        np.testing.assert_array_equal(after[name][:, weight == 0], before[name][:, weight == 0])
    assert np.ptp(volume[-1]) > 0.1
    partner = (13 - np.arange(COLUMNS)) % COLUMNS  # across the fold
    difference = np.abs(after["vicen"].sum(0)[-1] - after["vicen"].sum(0)[-1, partner])[weight[-1] == 1].max()
    assert (difference < 1e-9) == (up == 0.5)


def iter_ice(template, request):
    from icegen.ensemble.points import PointSource

    with PointSource(request, *template.points) as source:
        yield from source.members([1])


def test_members_are_kept_and_those_of_another_request_refused(made, tiny, files):
    template, request, paths = made
    out = paths[0].parents[1]
    before = {path: path.stat().st_mtime_ns for path in paths}
    (out / ".member_003.partial").mkdir()
    again = write_restarts(template, describe(tiny / "tiny.pt"), request, 3, out, Ranks())
    assert [p.parent.name for p in again] == ["member_001", "member_002", "member_003"]
    assert {path: path.stat().st_mtime_ns for path in paths} == before
    assert not list(out.glob(".*"))
    assert (out / "members.txt").read_text().splitlines() == [str(path) for path in again]
    other = PointRequest(request.archive, 2001, 76, seed=7, steps=2)
    with pytest.raises(ValueError, match="holds another request: its day_of_year is 75, wanted 76"):
        write_restarts(template, describe(tiny / "tiny.pt"), other, 3, out, Ranks())
    snow = CICETemplate(*files, snow="fifth")
    with pytest.raises(ValueError, match="its snow is template, wanted fifth"):
        write_restarts(snow, describe(tiny / "tiny.pt"), request, 3, out, Ranks())


@pytest.mark.parametrize("format", ["NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4"])
def test_formats_and_files_that_were_cut(files, tmp_path, format):
    path = write_cice(tmp_path / "iced.nc", files[1], format=format)
    path.chmod(0o444)
    CICETemplate(path, files[1])
    cut = tmp_path / "cut.nc"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(ValueError, match=r"cut.nc cannot be read as NetCDF"):
        CICETemplate(cut, files[1])


def test_refuses_what_is_no_restart_of_this_grid(files, tmp_path):
    iced, grid = files
    with pytest.raises(ValueError, match=r"nowhere.nc cannot be read as NetCDF: .*No such file"):
        CICETemplate(tmp_path / "nowhere.nc", grid)
    with pytest.raises(ValueError, match=r"nowhere.nc cannot be read as NetCDF: .*No such file"):
        CICETemplate(iced, tmp_path / "nowhere.nc")
    with pytest.raises(ValueError, match=r"no_snow.nc lacks vsnon; wanted a restart of CICE in NetCDF"):
        CICETemplate(write_cice(tmp_path / "no_snow.nc", grid, leave_out="vsnon"), grid)
    with pytest.raises(ValueError, match="has 2 layers of enthalpy and 3 of salinity"):
        CICETemplate(write_cice(tmp_path / "layers.nc", grid, leave_out="qice003"), grid)
    with pytest.raises(ValueError, match=r"has ice of .* m in category \d, which is of .* with kcatbound 2 and kitd 1"):
        CICETemplate(iced, grid, kcatbound=2)
    with netCDF4.Dataset(iced) as old, netCDF4.Dataset(tmp_path / "flat.nc", "w") as new:
        new.createDimension("nj", ROWS)
        new.createDimension("ni", COLUMNS)
        for name in ("aicen", "vicen", "vsnon", "Tsfcn", "qice001", "sice001", "qsno001"):
            new.createVariable(name, "f8", ("nj", "ni"))[:] = old[name][0]
    with pytest.raises(ValueError, match=r"aicen of .*flat.nc has 2 dimensions; wanted category, y and x"):
        CICETemplate(tmp_path / "flat.nc", grid)


def test_refuses_other_grids(files, tmp_path):
    iced, _ = files
    lon, lat = corners()
    small = tmp_path / "small.nc"
    write_pop_grid(
        small, ulon=np.radians(lon)[:-1], ulat=np.radians(lat)[:-1], angle=lon[:-1], kmt=np.ones((ROWS - 1, COLUMNS))
    )
    with pytest.raises(
        ValueError,
        match=rf"small.nc is of {ROWS - 1} x {COLUMNS} cells; the template is of {ROWS} x {COLUMNS}",
    ):
        CICETemplate(iced, small)
    shifted = write_pop_grid(tmp_path / "shifted.nc", kmt=(np.arange(COLUMNS) < 15) * np.ones((ROWS, COLUMNS)))
    with pytest.raises(
        ValueError, match=r"has \d\d% of its ice on land of .*shifted.nc; wanted the grid of the template"
    ):
        CICETemplate(iced, shifted)


def test_settings_of_a_namelist(tmp_path):
    path = tmp_path / "ice_in"
    path.write_text("&grid_nml\n kcatbound = 1 ! 0\n ncat=5\n/\n&thermo_nml\n! ktherm = 1\n  kitd =1, KTHERM= 2\n/\n")
    assert settings_of(path) == {"kcatbound": 1, "kitd": 1, "ktherm": 2}
    with pytest.raises(ValueError, match="nowhere cannot be read: No such file"):
        settings_of(tmp_path / "nowhere")


def test_ghost_cells_stay(files, tmp_path):
    """A run with restart_ext writes one more cell on each side."""
    iced, grid = files
    ghosts = CICETemplate(iced, write_pop_grid(tmp_path / "inner.nc", **inner(grid)))
    assert ghosts.grid.ocean.shape == (ROWS, COLUMNS)
    assert not ghosts.grid.ocean[[0, -1]].any()
    assert not ghosts.grid.ocean[:, [0, -1]].any()


def inner(grid) -> dict[str, np.ndarray]:
    """The fields of a grid file without its outermost cells."""
    return {name: values[1:-1, 1:-1] for name, values in read(grid).items()}
