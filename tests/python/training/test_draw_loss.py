# SPDX-License-Identifier: MIT
"""The loss of draws is least for draws of the truth's own distribution, and sees a texture and scales."""

import pytest
import torch
import torch.nn.functional as F

from icegen.training.draw_loss import FILTERS, draw_loss, random_filters
from icegen.training.share import Share

SHAPE = (48, 2, 32, 32)


def white(seed):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def smooth(x):
    """Neighbours averaged, with the variance of one cell kept."""
    return 3 * F.avg_pool2d(F.pad(x, [1, 1, 1, 1], mode="circular"), 3, 1)


def loss(first, second, truth, seen=None):
    torch.manual_seed(9)  # the same filters
    return tuple(map(float, score(first, second, truth, torch.ones_like(truth[:, :1]) if seen is None else seen)))


def score(first, second, truth, seen):
    moved = torch.randn(truth.shape, generator=torch.Generator().manual_seed(7))
    return draw_loss(first, second, truth, (torch.zeros_like(truth), moved), seen, 2, Share())


def test_spread_over_error_is_1_for_draws_of_the_right_size():
    truth = white(0)
    ratios = {size: loss(size * white(1), size * white(2), truth)[1] for size in (0.3, 0.7, 1.0, 1.4, 3.0)}
    assert ratios[1.0] == pytest.approx(1.0, abs=0.02)
    assert ratios[0.3] < ratios[0.7] < 0.95
    assert 1.05 < ratios[1.4] < ratios[3.0]


def test_the_gradient_leads_to_the_right_size():
    def gradient(size):
        factor = torch.tensor(size, requires_grad=True)
        torch.manual_seed(9)
        score(factor * white(1), factor * white(2), white(0), torch.ones_like(white(0)[:, :1]))[0].backward()
        return float(factor.grad)

    too_small, right, too_large = gradient(0.5), gradient(1.0), gradient(2.0)
    assert too_small < 0 < too_large
    assert abs(right) < 0.1 * min(-too_small, too_large)


def test_the_loss_is_least_for_the_right_size_and_texture():
    truth = smooth(white(0))
    right = loss(smooth(white(1)), smooth(white(2)), truth)[0]
    for size in (0.0, 0.5, 2.0):
        assert loss(size * smooth(white(1)), size * smooth(white(2)), truth)[0] > 1.05 * right


def test_the_loss_is_least_for_the_right_size_though_states_differ():
    """Some states are left open ten times as much as others, which draws cannot know."""
    count = 64
    size = torch.tensor([0.2, 2.0]).repeat(count // 2)[:, None, None, None]

    def open_states(seed, factor=1.0):
        generator = torch.Generator().manual_seed(seed)
        shuffled = size[torch.randperm(count, generator=generator)]
        return factor * shuffled * torch.randn(count, 2, 32, 32, generator=generator)

    truth = open_states(0)
    right, weak = (loss(open_states(1, factor), open_states(2, factor), truth)[0] for factor in (1.0, 0.7))
    always_small = loss(open_states(1) / size * 0.2, open_states(2) / size * 0.2, truth)[0]
    assert right < weak < always_small


def test_noise_costs_most_where_the_mean_is_nearly_right():
    truth = smooth(white(0))

    def cost(error, noise):
        draws = [truth + error * smooth(white(seed)) + noise * white(seed + 10) for seed in (1, 2)]
        means = truth + error * smooth(white(3)), truth + error * smooth(white(4))
        torch.manual_seed(9)
        return float(draw_loss(*draws, truth, means, torch.ones_like(truth[:, :1]), 2, Share())[0])

    nearly_right, wrong = (cost(error, 0.1) - cost(error, 0.0) for error in (0.03, 0.3))
    assert nearly_right > 5 * wrong > 0


def test_a_wrong_texture_costs_though_each_cell_is_right():
    truth = smooth(white(0))
    assert loss(white(1), white(2), truth)[0] > 1.02 * loss(smooth(white(1)), smooth(white(2)), truth)[0]


def test_what_is_not_seen_does_not_count():
    truth, seen = white(0), torch.ones(SHAPE[0], 1, *SHAPE[2:])
    seen[..., 10:20] = 0
    wrong = truth + 1e3 * (1 - seen)
    assert loss(white(1), white(2), wrong, seen) == pytest.approx(loss(white(1), white(2), truth, seen))


def test_equal_draws_and_nothing_seen_give_finite_numbers():
    truth = white(0)
    assert all(map(torch.isfinite, map(torch.tensor, loss(truth, truth, truth))))
    assert loss(truth, truth, truth, torch.zeros_like(truth[:, :1])) == (0.0, 0.0)


def test_filters_do_not_see_the_mean():
    torch.manual_seed(0)
    kernels = random_filters(3)
    assert kernels.shape == (FILTERS, 3, 5, 5)
    assert kernels.sum((2, 3)).abs().max() < 1e-4
    assert (kernels[::2, :, 0] == 0).all()
    alone = (kernels.abs().sum((2, 3)) > 0).sum(1)
    assert alone.tolist() == [3 if i % 3 == 0 else 1 for i in range(FILTERS)]
