# SPDX-License-Identifier: MIT
"""Members that agree with a host's observations: the module's bits, on any ranks, in any decomposition and order."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import icegen
from observations import Points, analysed, cell_fields
from perturbations import own_ice
from reproducibility.host import namelist, play

SEED, DATE, MEMBERS = 7, (2001, 75), (2, 3, 4)
RECEIVED = [f"receive 1 cells {field} {member}" for member in MEMBERS for field in ("sic", "sit")]
ANALYSE = f"analyse 1 {MEMBERS[0]} {len(MEMBERS)} {DATE[0]} {DATE[1]}"
BOUNDS = {"sic": 1, "sit": 10}


@pytest.fixture(scope="module")
def archive(tiny):
    return icegen.load(tiny / "tiny.pt")


class Observations:
    """What a host observes at the centres of cells: files for script_host, and the fields that follow."""

    def __init__(self, folder: Path, archive):
        rng = np.random.default_rng(3)
        self.folder, self.archive, lonlat = folder, archive, np.stack(archive.grid.lonlat, -1).reshape(-1, 2)
        ocean = np.flatnonzero(archive.grid.ocean)
        ice = own_ice(*lonlat.T)
        # Two tracks of an instrument; the second crosses the first, and one cell is seen in both, and twice in one.
        tracks = {"one": np.concatenate([ocean[100:900:3], ocean[100:102]]), "two": ocean[100:1200:5]}
        self.points: list[Points] = [[], []]
        self.commands = []
        self.targets = {"cells": lonlat} | {name: lonlat[cells] for name, cells in tracks.items()}
        for name, points in self.targets.items():
            points.tofile(folder / f"{name}.bin")
        for name, variable in (("one", "sic"), ("two", "sic"), ("one", "sit"), ("one", "sit")):
            cells = tracks[name]
            errors = np.round(rng.uniform(0.02, 3, cells.size), 3)
            errors[::7] = 0.001
            values = np.clip(ice[variable][cells] + 0.1 * rng.standard_normal(cells.size), 0, BOUNDS[variable])
            path = folder / f"{len(self.commands)}.bin"
            seen = rng.random(cells.size) < 0.8
            np.stack([np.where(seen, values, np.nan), errors], -1).tofile(path)
            self.commands.append(f"observe {name} {variable} '{path}'")
            self.points[("sic", "sit").index(variable)].append((cells[seen], values[seen], errors[seen]))

    def add_targets(self, dealt: str) -> list[str]:
        return [f"{dealt} {name} '{self.folder}/{name}.bin'" for name in self.targets]

    def expected(self) -> np.ndarray:
        """What the module's methods make of them, float32 [receive, y, x]."""
        fields = cell_fields(self.archive.grid.shape, self.points)
        states = analysed(self.archive, *fields, list(MEMBERS), SEED, *DATE)
        return np.where(self.archive.grid.ocean, states, -1).reshape(-1, *self.archive.grid.shape)


# Ranks, generators, how points are dealt, whether the calls come in reverse, and further entries of the namelist.
WAYS = [
    (1, 1, "target", False, {}),
    (2, 1, "target", True, {"batch": 3}),
    (2, 2, "blocks", False, {}),
    (3, 2, "target", True, {}),
    (3, 1, "blocks", False, {"batch": 2}),
    (5, 3, "blocks", True, {}),
    (8, 2, "target", False, {}),
]


@pytest.fixture(scope="module")
def observations(archive, tmp_path_factory) -> Observations:
    return Observations(tmp_path_factory.mktemp("observed"), archive)


@pytest.fixture(scope="module")
def received(archive, observations) -> list[np.ndarray]:
    """What a host receives at the archive's cells, float32 [receive, y, x], for each of the ways."""
    script = []
    for ranks, generators, dealt, reverse, values in WAYS:
        settings = namelist(observations.folder, archive.path, seed=SEED, generators=generators, **values)
        script += [f"ranks {ranks}", f"open {settings}", *observations.add_targets(dealt)]
        script += [*(observations.commands[::-1] if reverse else observations.commands), ANALYSE, *RECEIVED, "close"]
    return np.split(play(script, 8, observations.folder).reshape(-1, *archive.grid.shape), len(WAYS))


@pytest.fixture(scope="module")
def expected(observations) -> np.ndarray:
    return observations.expected()


@pytest.mark.long
@pytest.mark.parametrize("way", range(len(WAYS)), ids=[f"{r}-{g}-{d}-{o}-{v}" for r, g, d, o, v in WAYS])
def test_the_bits_of_the_module(received, expected, way):
    np.testing.assert_array_equal(received[way], expected)


def test_members(expected, archive, observations):
    """They are nearer to what was observed than samples are, and differ from each other."""
    free = archive.generate(list(MEMBERS), seed=SEED, year=DATE[0], day_of_year=DATE[1]).numpy()
    cells, values, errors = observations.points[0][0]
    sure = errors < 0.3
    gaps = [
        np.abs(states[:, 0].reshape(len(MEMBERS), -1)[:, cells[sure]] - values[sure]).mean()
        for states in (expected.reshape(free.shape), free)
    ]
    assert gaps[0] < 0.8 * gaps[1]
    assert (expected[0] != expected[2]).any()


def test_the_mean_of_observations_in_a_cell(archive, observations, tmp_path):
    """Two observations act as their mean, weighted by precision, with the sum of their precisions."""
    cells = np.flatnonzero(archive.grid.ocean)[500:502]
    observations.targets["cells"][cells].tofile(tmp_path / "points.bin")
    settings = namelist(tmp_path, archive.path, seed=SEED)
    script = ["ranks 2", f"open {settings}", *observations.add_targets("target"), f"target P '{tmp_path}/points.bin'"]
    for name, value, error in (("a", 0.25, 0.5), ("b", 0.75, 0.25)):
        np.array([[value, error], [0.5, 1]]).tofile(tmp_path / name)
        script.append(f"observe P sic '{tmp_path}/{name}'")
    received = play([*script, ANALYSE, *RECEIVED, "close"], 2, tmp_path).reshape(-1, *archive.grid.shape)
    observed, precision = (np.zeros((2, *archive.grid.shape), np.float32) for _ in range(2))
    observed[0].flat[cells], precision[0].flat[cells] = (0.65, 0.5), (20, 2)
    states = analysed(archive, observed, precision, list(MEMBERS), SEED, *DATE)
    np.testing.assert_array_equal(received, np.where(archive.grid.ocean, states, -1).reshape(received.shape))


def test_drift_as_in_a_table(tmp_path):
    """A host's parts to the east and north, passed one after the other, do what those of a table do."""
    archive = icegen.load("arctic_idealised")
    ocean = np.flatnonzero(archive.grid.ocean)[::640]
    lonlat = np.stack(archive.grid.lonlat, -1).reshape(-1, 2)
    drift = {"siu_east": np.full(ocean.size, 0.2), "siv_north": np.full(ocean.size, -0.1)}
    lonlat[ocean].tofile(tmp_path / "buoys.bin")
    lonlat.tofile(tmp_path / "cells.bin")
    settings = namelist(tmp_path, archive.path, seed=SEED)
    script = ["ranks 2", f"open {settings}", *(f"target {name} '{tmp_path}/{name}.bin'" for name in ("buoys", "cells"))]
    rows = []
    for name, value in drift.items():
        np.stack([value, np.full(ocean.size, 0.05)], -1).tofile(tmp_path / name)
        script.append(f"observe buoys {name} '{tmp_path}/{name}'")
        columns = {"longitude": lonlat[ocean, 0], "latitude": lonlat[ocean, 1], "value": value, "error": 0.05}
        rows.append(pd.DataFrame(columns | {"variable": name}))
    ids = [v.id for v in archive.variables]
    script += ["analyse 1 1 1 2001 75", *(f"receive 1 cells {name} 1" for name in ids), "close"]
    received = play(script, 2, tmp_path).reshape(len(ids), -1)[:, archive.grid.ocean.ravel()]
    key = {"seed": SEED, "year": 2001, "day_of_year": 75}
    given, free = (archive.sample([1], **key, **more) for more in ({"observations": pd.concat(rows)}, {}))
    for name, values in zip(ids, received, strict=True):
        np.testing.assert_allclose(values, given[name].values[0][archive.grid.ocean], atol=1e-4, err_msg=name)

    def gap(states) -> float:
        moved = (states.siu + 1j * states.siv).values[0].ravel()[ocean] * archive.grid.x_direction.ravel()[ocean]
        return float(np.abs(moved - (0.2 - 0.1j)).mean())

    assert gap(given) < 0.8 * gap(free)
