# SPDX-License-Identifier: MIT
"""Likelihoods against scipy, gradients against finite differences, and the far tails."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from icegen.model.likelihoods import censored_gaussian_nll, gaussian_nll, kl_to_standard_normal, masked_mean


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_gaussian_nll_is_scipys():
    x, mu, s = np.meshgrid([-3.0, 0.0, 0.2, 40.0], [-1.0, 0.0, 2.5], [0.01, 0.3, 1.0, 7.0])
    nll = gaussian_nll(*(torch.tensor(a) for a in (x, mu, np.log(s))))
    np.testing.assert_allclose(nll, -stats.norm.logpdf(x, mu, s), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 1.0), (-1.5, math.inf), (-math.inf, 0.25)])
def test_censored_nll_is_scipys(lower, upper):
    edges = [edge for edge in (lower, upper) if math.isfinite(edge)]
    inside = [v for v in (-3.0, -0.4, 1e-6, 0.2, 0.999, 30.0) if lower < v < upper]
    x, mu, s = np.meshgrid(edges + inside, [-50.0, -1.0, 0.0, 0.4, 1.0, 3.0, 50.0], [0.02, 0.5, 1.0, 5.0])
    nll = censored_gaussian_nll(*(torch.tensor(a) for a in (x, mu, np.log(s), np.array(lower), np.array(upper))))
    wanted = -stats.norm.logpdf(x, mu, s)
    if math.isfinite(lower):
        wanted = np.where(x <= lower, -stats.norm.logcdf(lower, mu, s), wanted)
    if math.isfinite(upper):
        wanted = np.where(x >= upper, -stats.norm.logsf(upper, mu, s), wanted)
    np.testing.assert_allclose(nll, wanted, rtol=1e-6, atol=1e-6)


def test_probabilities_of_a_censored_normal_add_up_to_one():
    mu, log_s = numbers(0.3), numbers(-0.5)
    x = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    density = torch.exp(-censored_gaussian_nll(x, mu, log_s, numbers(0.0), numbers(1.0)))
    inside = torch.exp(-gaussian_nll(x, mu, log_s))
    assert float(density[0] + density[-1] + torch.trapezoid(inside, x)) == pytest.approx(1, abs=1e-8)


def test_infinite_bounds_censor_nothing():
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    mu, log_s = x.flip(0), torch.tensor(-0.7)
    censored = censored_gaussian_nll(x, mu, log_s, torch.tensor(-math.inf), torch.tensor(math.inf))
    assert torch.equal(censored, gaussian_nll(x, mu, log_s))


def test_gradients_agree_with_finite_differences():
    x = numbers(0.0, 0.0, 1.0, 1.0, 0.3, 0.9)
    mu = numbers(-0.2, 0.6, 1.3, 0.4, 0.1, 1.4).requires_grad_()
    log_s = numbers(-1.0, 0.2, -0.5, 0.0, -0.3, 0.5).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda mu, log_s: censored_gaussian_nll(x, mu, log_s, numbers(0.0), numbers(1.0)), (mu, log_s)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("upper", [1.0, math.inf])
@pytest.mark.parametrize("lower", [0.0, -math.inf])
def test_far_tails_stay_finite(dtype, lower, upper):
    distance = 10.0 ** torch.arange(-3, 4.5, 0.5, dtype=dtype)
    distance = torch.cat([-distance, torch.zeros(1, dtype=dtype), distance])
    s = torch.tensor([1e-3, 1.0, 50.0], dtype=dtype)[:, None]
    for x in (0.0, 0.5, 1.0):
        mu = (x + distance * s).requires_grad_()
        log_s = s.log().requires_grad_()
        bounds = torch.tensor([lower, upper], dtype=dtype)
        nll = censored_gaussian_nll(torch.tensor(x, dtype=dtype), mu, log_s, *bounds)
        nll.sum().backward()
        assert torch.isfinite(nll).all()
        assert torch.isfinite(mu.grad).all()
        assert torch.isfinite(log_s.grad).all()


def test_a_mean_beyond_its_bound_is_no_error():
    """What censoring is for: at a bound, the further beyond it mu lies, the better; without, the worse."""
    mu = numbers(0.5, 0.0, -0.5, -5.0)
    nll = censored_gaussian_nll(numbers(0.0), mu, numbers(0.0), numbers(0.0), numbers(1.0))
    assert (nll.diff() < 0).all()
    assert float(nll[-1]) < 1e-6


def test_kl_is_torchs():
    mean, log_var = torch.meshgrid(numbers(-2, 0, 0.5), numbers(-8, -1, 0, 2), indexing="ij")
    wanted = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, torch.exp(0.5 * log_var)), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(kl_to_standard_normal(mean, log_var), wanted)
    assert float(kl_to_standard_normal(numbers(0.0), numbers(0.0))) == 0


def test_masked_mean():
    value = torch.arange(12.0).reshape(1, 3, 2, 2)
    mask = torch.tensor([[True, False], [False, True]])
    assert float(masked_mean(value, mask)) == value[..., mask].mean()
    value[..., ~mask] = 1e6
    assert float(masked_mean(value, mask)) == 5.5
    assert float(masked_mean(value, torch.zeros(2, 2))) == 0  # nothing seen, nothing to learn, no NaN
