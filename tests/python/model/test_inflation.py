# SPDX-License-Identifier: MIT
"""Inflation along EOFs, and of what lies beyond them."""

import torch

from icegen.model.inflation import inflated, smoothed

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
    change = inflated(departure, mask(), patterns, torch.ones(4), matrix, none, 0.0)
    smooth = smoothed(departure - along, mask())
    expected = torch.einsum("nzyx,zk->nkyx", smooth, matrix) * mask()
    torch.testing.assert_close(change, expected)
    both = inflated(departure, mask(), patterns, torch.full((4,), 1.5), matrix, none, 0.0)
    torch.testing.assert_close(both, expected + 0.5 * along * mask())
    fine = inflated(departure, mask(), patterns, torch.ones(4), none, matrix, 0.0)
    torch.testing.assert_close(fine, torch.einsum("nzyx,zk->nkyx", departure - along - smooth, matrix) * mask())


def test_inflation_fades_where_departures_are_small():
    """Departures of 0.01 on the left and of 1 on the right, in all channels."""
    departure = torch.full((1, *SHAPE), 0.01)
    departure[..., 4:] = 1.0
    whole = torch.ones(1, 1, 5, 7)
    matrix = torch.eye(2)
    everywhere, faded = (
        inflated(departure, whole, torch.zeros(0, 70), torch.ones(0), matrix, matrix, least) for least in (0.0, 0.3)
    )
    torch.testing.assert_close(everywhere, departure)
    torch.testing.assert_close(faded[..., 6], departure[..., 6] / (1 + 0.3**4))
    torch.testing.assert_close(faded[..., 0], departure[..., 0] * 1e-8 / (1e-8 + 0.3**4))
    assert (
        inflated(torch.zeros(1, *SHAPE), whole, torch.zeros(0, 70), torch.ones(0), matrix, matrix, 0.3).abs().max() == 0
    )
