# SPDX-License-Identifier: MIT
"""Modes of an ensemble: their covariance is that of the members."""

import netCDF4
import numpy as np
import pytest

from icegen.archive import describe
from icegen.ensemble import modes
from icegen.ensemble.points import PointIce, PointRequest, PointSource

RNG = np.random.default_rng(0)


def members(count=6, points=40):
    weight = np.ones(points)
    return [PointIce(RNG.random(points), 5 * RNG.random(points), weight) for _ in range(count)]


def test_all_modes_have_the_covariance_of_the_members():
    given = members()
    states = np.array([np.concatenate([ice.area, ice.volume]) for ice in given])
    found = modes.modes_of(given, 5)
    np.testing.assert_allclose(found.mean, states.mean(0))
    assert found.share == pytest.approx(1)
    covariance = (found.vectors.T * found.values**2) @ found.vectors
    np.testing.assert_allclose(covariance, np.cov(states.T), atol=1e-12)
    assert np.all(np.diff(found.values) <= 0)


def test_leading_modes():
    given = members()
    few, all_modes = modes.modes_of(given, 2), modes.modes_of(given, 5)
    np.testing.assert_allclose(few.vectors, all_modes.vectors[:2])
    assert few.share == pytest.approx((all_modes.values[:2] ** 2).sum() / (all_modes.values**2).sum())


@pytest.mark.parametrize(
    ("rank", "count", "words"),
    [
        (0, 6, "rank is 0; wanted 1 to 5, one less than the 6 members"),
        (6, 6, "rank is 6; wanted 1 to 5"),
        (1, 1, "members is 1; wanted at least 2"),
    ],
)
def test_refuses_more_modes_than_there_are(rank, count, words):
    with pytest.raises(ValueError, match=words):
        modes.modes_of(members(count), rank)


def test_refuses_members_that_are_the_same():
    with pytest.raises(ValueError, match="the members are all the same at these points"):
        modes.modes_of([members(1)[0]] * 3, 2)


def test_a_file_for_pdaf(bridge, tiny, tmp_path):
    archive = describe(tiny / "tiny.pt")
    lon, lat = (values[archive.grid.ocean][::7] for values in archive.grid.lonlat)
    request = PointRequest(archive.path, 2001, 75, steps=2)
    with PointSource(request, lon, lat) as source:
        found = modes.modes_of(source.members([1, 2, 3]), 2)
    modes.write(tmp_path / "modes.nc", found, lon, lat, archive, request, 3)
    with netCDF4.Dataset(tmp_path / "modes.nc") as nc:
        sizes = {name: dimension.size for name, dimension in nc.dimensions.items()}
        assert sizes == {"rank": 2, "dim_state": 2 * lon.size, "one": 1, "point": lon.size}
        np.testing.assert_array_equal(nc["u_svd"][:], found.vectors)
        np.testing.assert_array_equal(nc["sigma"][:], found.values)
        np.testing.assert_array_equal(nc["meanstate"][0], found.mean)
        assert "3 members of 2001, day 75, seed 0, archive tiny" in nc.history
