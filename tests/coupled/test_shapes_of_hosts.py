# SPDX-License-Identifier: MIT
"""Hosts in the shape of real ones, on two ranks: one sample at all the points of a C grid."""

import numpy as np
import pytest

from compiled import mpirun

YEAR, DAY = 2001, 75


def concentrations(host, ranks, namelist, folder):
    """What the host received: float64 [3, n] of lon, lat and sic for each of its three targets."""
    finished = mpirun(ranks, host, namelist, folder / "out", YEAR, DAY)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout == ""
    by_rank = [np.fromfile(folder / f"out.{rank:03d}", ">f8") for rank in range(ranks)]  # hosts write big-endian
    targets = [[], [], []]
    for content in by_rank:
        # Each target follows the other, and in it lon, lat and sic.
        for target, values in zip(targets, content.reshape(3, 3, -1), strict=True):
            target.append(values)
    return [np.concatenate(parts, axis=1).astype("f8") for parts in targets], [len(c) // 9 for c in by_rank]


def one_rank_one_target(points, namelist, folder):
    """Concentrations at points (lon, lat) [2, n] in degrees, received by another program in one list."""
    points.T.astype("f8").tofile(folder / "points.bin")
    arguments = [namelist, folder / "points.bin", folder / "probe.bin", YEAR, DAY, 1, "sic"]
    finished = mpirun(1, "probe_fortran", *arguments)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return np.fromfile(folder / "probe.bin")


@pytest.mark.parametrize(("host", "in_degrees", "exact"), [("tiled_host", 1, True), ("block_host", 180 / np.pi, False)])
def test_one_sample_at_all_points(tiny, tmp_path, host, in_degrees, exact):
    """Centres and faces see the sample that another decomposition sees, bit for bit where coordinates are the same."""
    targets, points = concentrations(host, 2, tiny / "icegen.nml", tmp_path)
    if host == "block_host":
        assert points[1] == 0, "the last rank has no blocks"
    lon, lat, sic = np.concatenate(targets, axis=1)
    expected = one_rank_one_target(np.stack([lon, lat]) * in_degrees, tiny / "icegen.nml", tmp_path)
    assert (sic == -1).any(), "land is untouched"
    assert len(np.unique(sic)) > 100
    np.testing.assert_array_equal(sic == -1, expected == -1)
    np.testing.assert_allclose(sic, expected, rtol=0, atol=0 if exact else 1e-6)
    values = [sic for _, _, sic in targets]
    assert (values[0] != values[1]).any()
    assert (values[0] != values[2]).any()


@pytest.mark.long
def test_blocks_on_any_number_of_ranks(tiny, tmp_path):
    """The same points in another order and on other ranks have the same bits."""

    def by_place(ranks):
        targets, _ = concentrations("block_host", ranks, tiny / "icegen.nml", tmp_path)
        return [target[:, np.lexsort(target)] for target in targets]

    for one, three in zip(by_place(1), by_place(3), strict=True):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("host", ["tiled_host", "block_host"])
def test_ends_in_its_own_way(tmp_path, host):
    """A refusal reaches all ranks, which end together with the message."""
    finished = mpirun(2, host, tmp_path / "nowhere.nml", tmp_path / "out", YEAR, DAY)
    assert finished.returncode != 0
    lines = [line for line in finished.stderr.splitlines() if line.startswith(f"{host}: ")]
    assert lines
    assert all("nowhere.nml" in line for line in lines)
    assert not list(tmp_path.iterdir())
