# SPDX-License-Identifier: MIT
"""Gaps are filled smoothly from what is known, and known values stay."""

import pytest
import torch

from icegen.model.gaps import spread_into_gaps


def fill(values, known):
    return spread_into_gaps((values * known)[None, None], known[None, None])[0, 0]


@pytest.mark.parametrize("shape", [(32, 32), (40, 56), (7, 33), (1, 1)])
def test_known_values_stay(shape):
    torch.manual_seed(0)
    values, known = torch.randn(shape), (torch.rand(shape) > 0.6).float()
    filled = fill(values, known)
    assert torch.equal(filled[known > 0], values[known > 0])
    assert torch.isfinite(filled).all()


def test_small_gaps_of_a_smooth_field():
    y, x = torch.meshgrid(torch.linspace(0, 3, 64), torch.linspace(0, 2, 64), indexing="ij")
    values = torch.sin(y) + x
    known = torch.zeros(64, 64)
    known[::2, ::2] = 1  # as from a coarser host
    error = (fill(values, known) - values)[2:-2, 2:-2]
    assert error.abs().max() < 0.1


def test_falls_to_zero_far_from_known_values():
    known = torch.zeros(64, 64)
    known[:, :8] = 1
    filled = fill(torch.ones(64, 64), known)
    assert (filled[:, :8] == 1).all()
    assert filled[32, 10] > 0.5
    assert filled[32, 45] < filled[32, 20]
    assert (filled[:, 60:] < 0.01).all()


def test_nothing_known():
    assert (fill(torch.ones(16, 16), torch.zeros(16, 16)) == 0).all()
