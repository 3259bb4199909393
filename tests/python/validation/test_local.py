# SPDX-License-Identifier: MIT
"""Features of places see what features of whole states do not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from icegen.validation.local import frechet_distances, local_moments, pools
from icegen.validation.scores import frechet_distance

OCEAN = np.ones((32, 32))


def fields(count, seed, blur=0.0):
    """Fields [z, y, x] with power at all scales, as latents that are near white noise."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        white = rng.standard_normal((3, 32, 32))
        large = gaussian_filter(rng.standard_normal((3, 32, 32)), (0, 6, 6), mode="wrap") * 15
        found.append(gaussian_filter(white + large, (0, blur, blur), mode="wrap") if blur else white + large)
    return found


def moments(states):
    return [local_moments(state, OCEAN) for state in states]


def test_a_distance_at_each_scale_is_that_of_all_blocks():
    a, b = fields(6, 0), fields(6, 1, blur=1.0)
    found = frechet_distances(moments(a), moments(b))
    assert len(found) == 3
    for pool, distance in zip((1, 4, 16), found, strict=True):
        blocks = [np.concatenate([x.reshape(3, 32 // pool, pool, 32 // pool, pool).mean((2, 4)).reshape(3, -1).T
                                  for x in states]) for states in (a, b)]  # fmt: skip
        assert distance == pytest.approx(frechet_distance(*blocks), rel=0.02, abs=1e-3)


def test_a_blur_is_seen_at_the_smallest_scale():
    real = moments(fields(12, 0))
    floor = frechet_distances(moments(fields(12, 1)), real)
    found = [frechet_distances(moments(fields(12, 1, blur)), real)[0] for blur in (0.5, 1.0, 2.0)]
    assert 2 * floor[0] < found[0] < found[1] < found[2]


def test_land_does_not_count():
    ocean = OCEAN.copy()
    ocean[:, 10:] = 0
    state = fields(1, 0)[0]
    spoilt = state.copy()
    spoilt[:, :, 10:] = 1e6
    for one, other in zip(local_moments(state, ocean), local_moments(spoilt, ocean), strict=True):
        assert one.vectors == other.vectors
        np.testing.assert_array_equal(one.product, other.product)
    assert pools((6, 6)) == [1, 4]


def test_where_no_block_is_ocean_there_is_no_distance():
    ocean = OCEAN.copy()
    ocean[:, 6:] = 0
    states = [local_moments(x, ocean) for x in fields(4, 0)]
    one, four, sixteen = frechet_distances(states, states)
    assert one == pytest.approx(0, abs=1e-9)
    assert np.isfinite(four)
    assert np.isnan(sixteen)
