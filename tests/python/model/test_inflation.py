# SPDX-License-Identifier: MIT
"""Inflation along EOFs, and of what lies beyond them."""

import torch

from icegen.model.inflation import inflated, presence, smoothed

SHAPE = (2, 5, 7)


def eofs(count):
    flat = torch.randn(count, 70, generator=torch.Generator().manual_seed(0))
    return torch.linalg.qr(flat.t()).Q.t().contiguous()


def mask():
    made = torch.ones(1, 1, 5, 7)
    made[..., 0, :3] = 0
    return made


def test_smoothing_keeps_constants_and_takes_only_cells_of_the_mask():
    field = torch.full((1, *SHAPE), 3.0)
    field[..., 0, :3] = 100.0
    expected = 3.0 * mask().expand(1, *SHAPE)
    torch.testing.assert_close(smoothed(field, mask()), expected)


def test_smoothing_has_binomial_weights():
    field = torch.zeros(1, *SHAPE)
    field[0, 1, 2, 3] = 16.0
    found = smoothed(field, torch.ones(1, 1, 5, 7))[0]
    torch.testing.assert_close(found[1, 1:4, 2:5], torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]))
    assert found[0].abs().max() == 0


def test_what_lies_beyond_the_eofs_is_inflated_by_its_own_matrix():
    patterns = eofs(4)
    departure = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(1))
    along = (departure.flatten(1) @ patterns.t() @ patterns).reshape(departure.shape)
    matrix, none = torch.tensor([[0.5, 0.1], [0.0, -0.2]]), torch.zeros(2, 2)
    change = inflated(departure, mask(), patterns, torch.ones(4), matrix, none)
    smooth = smoothed(departure - along, mask())
    expected = torch.einsum("nzyx,zk->nkyx", smooth, matrix) * mask()
    torch.testing.assert_close(change, expected)
    both = inflated(departure, mask(), patterns, torch.full((4,), 1.5), matrix, none)
    torch.testing.assert_close(both, expected + 0.5 * along * mask())
    fine = inflated(departure, mask(), patterns, torch.ones(4), none, matrix)
    torch.testing.assert_close(fine, torch.einsum("nzyx,zk->nkyx", departure - along - smooth, matrix) * mask())


def test_open_water_holds_no_ice():
    """Latents at distances of 0.07, 0.7 and 2.8 from open water: an ocean's noise, the ice edge, and closed ice."""
    water = torch.randn(*SHAPE, generator=torch.Generator().manual_seed(2))
    away = torch.tensor([0.07, 0.7, 2.8])[:, None, None, None].expand(3, *SHAPE)
    found = presence(water + away, water, 0.7)
    assert found.shape == (3, 1, 5, 7)
    torch.testing.assert_close(found.mean((1, 2, 3)), torch.tensor([1e-4 / (1 + 1e-4), 0.5, 256 / 257]))
    assert presence(water[None], water, 0.7).abs().max() == 0
