# SPDX-License-Identifier: MIT
"""The noise of a member's history: standard normal at each time, correlated between times as its kernel says."""

import math

import pytest
import torch

from icegen.model.history import Band, HistoryNoise, correlation, knot_weights, orthonormal

SHAPE = (3, 4, 5)
CELLS = torch.ones(1, 1, 4, 5)
CELLS[..., :2] = 0


def rotation(size, seed=0):
    return torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(seed))).Q


def eofs(count=4):
    """Orthonormal patterns on the ocean, rounded as archives store them."""
    patterns = torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(1)) * CELLS[0]
    return torch.linalg.qr(patterns.flatten(1).t()).Q.t().contiguous().half().float()


def history(eofs=None):
    if eofs is None:
        eofs = torch.zeros(0, math.prod(SHAPE))
    count = len(eofs)
    return HistoryNoise(
        SHAPE,
        rotation(3),
        [Band(1, (40.0, 9.0), (0.7, 0.3)), Band(2, (12.0,), (1.0,))],
        rotation(count) @ orthonormal(eofs) if count else torch.eye(0),
        [Band(1, (300.0,), (1.0,)), Band(count - 1, (20.0, 70.0), (0.5, 0.5))] if count else [],
    )


@pytest.mark.parametrize("time", [0.0, 0.5, 17.3, -400.2, 735600.0])
@pytest.mark.parametrize("scale", [1.0, 12.5, 730.0])
def test_weights_are_of_unit_variance(time, scale):
    first, weights = knot_weights(time, scale)
    assert sum(w * w for w in weights) == pytest.approx(1, abs=1e-14)
    assert all(abs(time / scale - (first + i)) < 3 for i, w in enumerate(weights) if w > 0)


def test_weights_change_smoothly_where_knots_come_and_go():
    """Around a knot's number, where one knot enters the support and another leaves it."""

    def of_knots(time):
        first, weights = knot_weights(time, 1.0)
        return {first + i: w for i, w in enumerate(weights)}

    before, after = of_knots(5.0 - 1e-4), of_knots(5.0 + 1e-4)
    for knot in before.keys() | after.keys():
        assert before.get(knot, 0.0) == pytest.approx(after.get(knot, 0.0), abs=1e-3)


def test_correlation_is_that_of_the_kernel():
    """One at no lag, near that of a Gaussian kernel, zero beyond the support."""
    assert correlation(3.3, 3.3, 10.0) == pytest.approx(1, abs=1e-14)
    for lag in (2.0, 7.0, 15.0, 25.0):
        found = [correlation(start, start + lag, 10.0) for start in (0.0, 2.5, 333.3)]
        assert max(found) - min(found) < 0.004
        assert found[0] == pytest.approx(math.exp(-(lag**2) / (4 * 9.5**2)), abs=0.03)
    assert correlation(0.0, 60.0, 10.0) == 0.0


def linear_map(module, eofs, time):
    """The noise of a time as a linear map [value, number] of the numbers that it draws, and their keys."""
    drawn = []

    def record(count, seed, member, knot, stream, device):
        drawn.append((knot, stream, count))
        return torch.zeros(count)

    def draw_one(which):
        seen = 0

        def draw(count, seed, member, knot, stream, device):
            nonlocal seen
            numbers = torch.zeros(count)
            if seen <= which < seen + count:
                numbers[which - seen] = 1.0
            seen += count
            return numbers

        return draw

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("icegen.model.history.standard_normal", record)
        module(0, 1, time, CELLS, eofs)
        total = sum(count for *_, count in drawn)
        columns = []
        for which in range(total):
            patch.setattr("icegen.model.history.standard_normal", draw_one(which))
            columns.append(module(0, 1, time, CELLS, eofs).flatten())
    keys = [(knot, stream, i) for knot, stream, count in drawn for i in range(count)]
    return torch.stack(columns, 1).double(), keys


@pytest.mark.parametrize("count", [0, 4])
def test_noise_is_exactly_standard_normal(count):
    """Its covariance is the identity on the ocean: it is a linear map of normal numbers, read off number by number."""
    patterns = eofs(count) if count else torch.zeros(0, math.prod(SHAPE))
    there, _ = linear_map(history(patterns), patterns, 12345)
    ocean = CELLS[0].expand(SHAPE).flatten().double()
    torch.testing.assert_close(there @ there.t(), torch.diag(ocean), atol=2e-6, rtol=0)


def test_covariance_between_times_is_that_of_the_bands():
    patterns = eofs()
    module = history(patterns)
    (one, keys), (other, keys_other) = (linear_map(module, patterns, time) for time in (1000, 1011))
    place = {key: i for i, key in enumerate(keys_other)}
    shared = [(i, place[key]) for i, key in enumerate(keys) if key in place]
    covariance = one[:, [i for i, _ in shared]] @ other[:, [j for _, j in shared]].t()
    basis = module.patterns.double() @ patterns.double()
    along = torch.diag(basis @ covariance @ basis.t())
    wanted = [correlation(1000.0, 1011.0, 300.0)]
    wanted += 3 * [0.5 * correlation(1000.0, 1011.0, 20.0) + 0.5 * correlation(1000.0, 1011.0, 70.0)]
    torch.testing.assert_close(along, torch.tensor(wanted, dtype=torch.float64), atol=2e-6, rtol=0)


def test_a_date_is_a_pure_function_of_its_key():
    patterns = eofs()
    module = torch.jit.script(history(patterns))
    first = module(7, 3, 700000, CELLS, patterns)
    module(7, 3, 700030, CELLS, patterns)
    assert torch.equal(module(7, 3, 700000, CELLS, patterns), first)
    assert torch.equal(history(patterns)(7, 3, 700000, CELLS, patterns), first)
    for other in ((8, 3, 700000), (7, 4, 700000)):
        assert (
            abs(float(torch.corrcoef(torch.stack([module(*other, CELLS, patterns).flatten(), first.flatten()]))[0, 1]))
            < 0.6
        )


def test_days_hang_together():
    module = history()
    days = torch.stack(
        [module(1, 1, 730000 + day, CELLS, torch.zeros(0, math.prod(SHAPE))).flatten() for day in range(40)]
    )
    steps = (days[1:] - days[:-1]).square().mean()
    assert steps < 0.03  # of differences of independent draws, whose mean square is 2 on the ocean
    assert (days[30:] - days[:10]).square().mean() > 0.5


def test_rounded_patterns_are_made_orthonormal():
    patterns = eofs()
    fixed = orthonormal(patterns) @ patterns
    torch.testing.assert_close(fixed @ fixed.t(), torch.eye(4), atol=1e-6, rtol=0)
    assert (patterns @ patterns.t() - torch.eye(4)).abs().max() > 1e-5
