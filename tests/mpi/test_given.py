# SPDX-License-Identifier: MIT
"""A host's own ice, and states near it: the module's bits, on any ranks, in any decomposition, on any host's grid."""

import numpy as np
import pyproj
import pytest

import icegen
from perturbations import as_taken, near, own_ice
from reproducibility.host import count_received, namelist, play

FROM_MAP = pyproj.Transformer.from_crs("EPSG:6931", "EPSG:4326", always_xy=True)
SEED, LEVEL, DATE = 7, 0.4, (2001, 75)
MEMBERS = (0, 1, 3)
FIELDS = [f"{name}{suffix}" for name in ("sic", "sit") for suffix in ("", "_increment")]
RECEIVED = [f"receive 1 T {field} {member}" for member in MEMBERS for field in FIELDS]


@pytest.fixture(scope="module")
def archive(tiny):
    return icegen.load(tiny / "tiny.pt")


def hosts(archive) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Longitudes and latitudes of hosts' grids, flat: the archive's cells, others, and one that covers half."""

    def on_map(step: float, columns: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        grid = archive.grid
        x = np.arange(grid.x[0], grid.x[-1] + 1, step)[columns]
        y = np.arange(grid.y[0], grid.y[-1] - 1, -step)
        return FROM_MAP.transform(*(a.ravel() for a in np.meshgrid(x, y)))

    degrees = np.meshgrid(np.arange(0.5, 360), np.arange(60.5, 90))
    cells = tuple(a.ravel() for a in archive.grid.lonlat)
    return {
        "cells": cells,
        "degrees": tuple(a.ravel() for a in degrees),
        "fine": on_map(20e3),
        "half": on_map(50e3, slice(None, 50)),
    }


def written(folder, name: str, points: tuple[np.ndarray, np.ndarray]) -> list[str]:
    """Write a host's points and ice; returns the commands that give the ice."""
    np.stack(points, -1).tofile(folder / f"{name}.bin")
    lines = []
    for variable, values in own_ice(*points).items():
        path = folder / f"{name}_{variable}.bin"
        values.tofile(path)
        lines.append(f"give T {variable} '{path}'")
    return lines


def perturb(level: float = LEVEL, members: int = 3) -> str:
    return f"perturb 1 1 {members} {level} {DATE[0]} {DATE[1]}"


# Ranks, generators, how points are dealt, and further entries of the namelist.
WAYS = [
    (1, 1, "target", {}),
    (2, 1, "target", {"batch": 3}),
    (2, 2, "blocks", {}),
    (3, 2, "target", {}),
    (3, 1, "blocks", {"batch": 2}),
    (5, 3, "blocks", {}),
    (8, 2, "target", {}),
]


@pytest.fixture(scope="module")
def on_cells(archive, tmp_path_factory) -> list[np.ndarray]:
    """What a host on the archive's cells receives, float32 [receive, y, x], for each of the ways."""
    folder = tmp_path_factory.mktemp("cells")
    give = written(folder, "cells", hosts(archive)["cells"])
    script = []
    for ranks, generators, dealt, values in WAYS:
        settings = namelist(folder, archive.path, seed=SEED, generators=generators, **values)
        script += [f"ranks {ranks}", f"open {settings}", f"{dealt} T '{folder}/cells.bin'"]
        script += [*give, perturb(), *RECEIVED, "close"]
    return np.split(play(script, 8, folder).reshape(-1, *archive.grid.shape), len(WAYS))


@pytest.fixture(scope="module")
def expected(archive) -> np.ndarray:
    """The same by the module's methods."""
    ice = own_ice(*archive.grid.lonlat)
    given = np.stack([np.where(archive.grid.ocean, as_taken(ice[v.id]), 0) for v in archive.variables])
    weight = np.broadcast_to(archive.grid.ocean, given.shape)
    states = near(archive, given, weight, list(MEMBERS), LEVEL, SEED, *DATE)
    fields = [
        np.where(archive.grid.ocean, field, -1)
        for state in states
        for values, whole in zip(state, states[0], strict=True)
        for field in (values, values - whole)
    ]
    return np.stack(fields)


@pytest.mark.parametrize("way", range(len(WAYS)), ids=[f"{r}-{g}-{d}-{v}" for r, g, d, v in WAYS])
def test_the_bits_of_the_module(on_cells, expected, way):
    np.testing.assert_array_equal(on_cells[way], expected)


def test_members(expected, archive):
    """Each lies near the given ice, which the archive's grid keeps, and within the bounds; members differ."""
    ocean = archive.grid.ocean
    sic, sit = expected[::4][:, ocean], expected[2::4][:, ocean]
    ice = own_ice(*archive.grid.lonlat)
    np.testing.assert_allclose(sic[0], ice["sic"][ocean], atol=0.01)  # the thinnest ice may go
    np.testing.assert_allclose(sit[0], ice["sit"][ocean], atol=0.02)
    assert sic.min() == 0
    assert sic.max() <= 1
    assert ((sic > 0) == (sit > 0)).all()
    assert (expected[[1, 3]][:, ocean] == 0).all(), "increments of the given state"
    assert np.abs(sic[1] - sic[2]).mean() > 0.01


@pytest.fixture(scope="module")
def elsewhere(archive, tmp_path_factory) -> dict[str, dict[str, np.ndarray]]:
    """What hosts on other grids receive on one rank, and on three in blocks; and at level 0."""
    folder = tmp_path_factory.mktemp("elsewhere")
    settings = namelist(folder, archive.path, seed=SEED)
    grids = {name: points for name, points in hosts(archive).items() if name != "cells"}
    heard: dict[str, dict[str, np.ndarray]] = {}
    for name, points in grids.items():
        give = written(folder, name, points)
        script = []
        for ranks, dealt in ((1, "target"), (3, "blocks")):
            script += [f"ranks {ranks}", f"open {settings}", f"{dealt} T '{folder}/{name}.bin'"]
            script += [*give, perturb(), *RECEIVED, "close"]
        script += [f"open {settings}", f"blocks T '{folder}/{name}.bin'"]
        script += [*give, perturb(0.0, 1), "receive 1 T sic_increment 1", "receive 1 T sit_increment 1", "close"]
        received = np.split(play(script, 3, folder), [len(RECEIVED), 2 * len(RECEIVED)])
        heard[name] = dict(zip(("one", "blocks", "level 0"), received, strict=True))
    return heard


@pytest.mark.long
@pytest.mark.parametrize("name", ["degrees", "fine", "half"])
def test_on_other_grids(elsewhere, archive, name):
    """The same bits in both decompositions; the given ice comes back, but for what the archive's cells do not hold."""
    heard, ice = elsewhere[name], own_ice(*hosts(archive)[name])
    np.testing.assert_array_equal(heard["one"], heard["blocks"])
    valid = heard["one"][0] != -1
    assert valid.sum() > 1000
    for i, variable in ((0, "sic"), (2, "sit")):
        error = heard["one"][i][valid] - ice[variable][valid]
        assert np.sqrt((error**2).mean()) < 0.08 * np.ptp(ice[variable]), variable
        assert (heard["one"][i + 1][valid] == 0).all(), "member 0 is the given state"
    increments = heard["one"][5][valid]
    assert np.abs(increments).mean() > 0.001
    np.testing.assert_allclose(heard["one"][4][valid] - heard["one"][0][valid], increments, rtol=0, atol=1e-7)
    level_0 = heard["level 0"][:, valid]
    assert (level_0 == 0).all()


@pytest.mark.long
def test_increments_leave_the_fine_scales_of_a_host(elsewhere, archive):
    """Between the archive's cells an increment is linear, so what the host has there of its own stays."""
    x, y = (len(np.arange(0, np.ptp(axis) + 1, 20e3)) for axis in (archive.grid.x, archive.grid.y))
    increment = np.where(elsewhere["fine"]["one"][5] == -1, np.nan, elsewhere["fine"]["one"][5]).reshape(y, x)
    along = increment[15::5, : (x - 1) // 5 * 5].reshape(-1, (x - 1) // 5, 5)  # cell to cell, south of some land
    bends = np.abs(np.diff(along, 2, axis=-1))
    assert np.nanmax(np.abs(increment)) > 0.02
    assert np.nanmax(bends) < 1e-5


def test_where_a_host_has_no_points(archive, tmp_path):
    """The ice goes on there, as the date and the ice around tell it."""
    points = hosts(archive)
    give = written(tmp_path, "half", points["half"])
    np.stack(points["cells"], -1).tofile(tmp_path / "cells.bin")
    script = ["ranks 2", f"open {namelist(tmp_path, archive.path, seed=SEED)}", f"target T '{tmp_path}/half.bin'"]
    script += [f"target all '{tmp_path}/cells.bin'", *give, perturb(), "receive 1 all sic 0", "receive 1 all sic 1"]
    given, member = play([*script, "close"], 2, tmp_path).reshape(2, *archive.grid.shape)
    ocean = archive.grid.ocean
    away = ocean & (np.arange(ocean.shape[1]) > 30)
    steps = np.abs(np.diff(given, axis=1))[:, 20:32][ocean[:, 20:32] & ocean[:, 21:33]]
    assert steps.max() < 0.6, "no wall at the end of the host"
    assert given[away].max() > 0.5
    assert np.abs(member - given)[away].mean() > 0.001


def test_through_a_restart(archive, tmp_path):
    """A host that takes its state, and gives its ice again, receives the same members, under another seed too."""
    points = hosts(archive)["cells"]
    give = written(tmp_path, "cells", points)
    start = [f"open {namelist(tmp_path, archive.path, seed=SEED, steps=3)}", f"target T '{tmp_path}/cells.bin'"]
    lines = [*give, perturb(), *RECEIVED]
    script = ["ranks 2", *start, f"get_state '{tmp_path}/state'", *lines, *lines, "close"]
    once, again = np.split(play(script, 2, tmp_path), 2)
    np.testing.assert_array_equal(once, again)
    other = f"open {namelist(tmp_path, archive.path, seed=SEED + 1, generators=2)}"
    script = ["ranks 3", other, start[1], f"set_state '{tmp_path}/state'", *lines, "close"]
    assert count_received(script) == len(RECEIVED)
    np.testing.assert_array_equal(play(script, 3, tmp_path), once)
