# SPDX-License-Identifier: MIT
"""EOFs of training states, and the Wiener filter along them."""

import pytest
import torch

from icegen.eofs import leading_eofs, wiener


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


def test_filter_is_the_best_linear_estimate():
    """Against E[x | z] = alpha C (alpha^2 C + sigma^2 I)^-1 z, worked out without EOFs, of states with covariance C."""
    torch.manual_seed(0)
    states = torch.randn(40, 12, dtype=torch.float64) @ torch.randn(12, 12, dtype=torch.float64)
    covariance = states.t() @ states / len(states)
    eofs, variance = leading_eofs(states.reshape(40, 3, 2, 2), 12)
    z, gamma = torch.randn(5, 3, 2, 2), torch.tensor([-9.0, -3.0, 0.0, 2.0, 7.0])
    x, v = wiener(z, gamma, eofs, variance).double().chunk(2, 1)
    alpha, sigma = torch.sigmoid(gamma).double().sqrt(), torch.sigmoid(-gamma).double().sqrt()
    for i in range(5):
        total = alpha[i] ** 2 * covariance + sigma[i] ** 2 * torch.eye(12)
        wanted = alpha[i] * covariance @ torch.linalg.solve(total, z[i].double().flatten())
        torch.testing.assert_close(x[i].flatten(), wanted, rtol=1e-4, atol=1e-4)
        velocity = (alpha[i] * z[i].double().flatten() - wanted) / sigma[i]
        torch.testing.assert_close(v[i].flatten(), velocity, rtol=1e-4, atol=1e-3)


def test_filter_leaves_what_the_eofs_do_not_span():
    eofs, variance = leading_eofs(torch.randn(4, 2, 3, 3), 3)
    noise = torch.randn(1, 18)
    beside = noise - noise @ eofs.t() @ eofs
    assert wiener(beside.reshape(1, 2, 3, 3), torch.zeros(1), eofs, variance).abs().max() < 1e-5


def test_filter_takes_all_noise_levels():
    eofs, variance = leading_eofs(1e3 * torch.randn(4, 2, 3, 3), 3)
    assert torch.isfinite(wiener(torch.randn(2, 2, 3, 3), torch.tensor([-40.0, 40.0]), eofs, variance)).all()
