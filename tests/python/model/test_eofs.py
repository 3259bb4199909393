# SPDX-License-Identifier: MIT
"""EOFs of training states."""

from dataclasses import dataclass

import pytest
import torch

from icegen.model import eofs
from icegen.model.eofs import leading_eofs


def test_leading_eofs_are_those_of_a_known_covariance():
    torch.manual_seed(0)
    patterns = torch.linalg.qr(torch.randn(30, 2, dtype=torch.float64))[0].t()
    amplitudes = torch.randn(500, 2, dtype=torch.float64) * torch.tensor([3.0, 1.0])
    amplitudes -= amplitudes.mean(0)
    eofs, variance = leading_eofs((amplitudes @ patterns).reshape(500, 2, 3, 5), 2)
    assert eofs.shape == (2, 30)
    covariance = amplitudes.t() @ amplitudes / 500
    values, vectors = torch.linalg.eigh(covariance)
    torch.testing.assert_close(variance.double(), values.flip(0), rtol=1e-5, atol=0)
    wanted = vectors.flip(1).t() @ patterns
    torch.testing.assert_close((eofs.double() * wanted).sum(1).abs(), torch.ones(2).double())


def test_refuses_more_eofs_than_states():
    with pytest.raises(ValueError, match="eofs is 5; wanted at most the number of training states, 4"):
        leading_eofs(torch.randn(4, 3, 2, 2), 5)


def test_eofs_of_a_long_record_are_those_of_all_states_at_once():
    """Decaying variances, as those of latents are; read batch by batch."""
    torch.manual_seed(0)
    patterns = torch.linalg.qr(torch.randn(400, 400, dtype=torch.float64))[0]
    states = (torch.randn(1500, 400, dtype=torch.float64) * torch.arange(1, 401) ** -0.7 @ patterns).float()
    found, variance = leading_eofs(states, 12)
    covariance = states.double().t() @ states.double() / 1500
    values, vectors = torch.linalg.eigh(covariance)
    torch.testing.assert_close(variance.double(), values.flip(0)[:12], rtol=2e-3, atol=0)
    torch.testing.assert_close(found @ found.t(), torch.eye(12), rtol=0, atol=1e-5)
    kept = (found.double() @ vectors.flip(1)[:, :12]).square().sum()
    assert kept / 12 > 0.99  # the same space
    some = leading_eofs(states, 12, torch.arange(0, 1500, 2))[1]
    assert not torch.equal(some, variance)


@dataclass
class Half:
    """One of two ranks, whose part of a sum comes back as if both had it."""

    rank: int
    size: int = 2

    def mean(self, value):
        return value


def test_ranks_share_a_long_record():
    torch.manual_seed(0)
    states, basis, times = torch.randn(301, 40), torch.randn(40, 5), torch.arange(301)
    parts = [eofs._covariance_times(states, times, basis, Half(rank)) for rank in range(2)]
    whole = eofs._covariance_times(states, times, basis, None)
    torch.testing.assert_close((parts[0] + parts[1]) / 2, whole)
