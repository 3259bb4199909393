# SPDX-License-Identifier: MIT
"""The loss of the diffusion model and its adaptive density of noise."""

import numpy as np
import pytest
import torch

from icegen.model.denoiser import DenoiserConfig, UViT
from icegen.training.config import DiffusionTrainingConfig
from icegen.training.diffusion_loss import NoiseDensity, v_error


def density(**settings):
    return NoiseDensity(DiffusionTrainingConfig(**settings))


def test_weight_of_the_error_is_that_of_kingma_and_gao():
    """exp(-gamma/2) on the error of eps, which is alpha^2 times that of v; up to a factor."""
    gamma = torch.linspace(-18, 18, 37)
    ratio = density().weight(gamma) / (torch.exp(-gamma / 2) * torch.sigmoid(gamma))
    torch.testing.assert_close(ratio, ratio[:1].expand(37), rtol=1e-4, atol=0)


def test_gamma_is_stratified_within_its_bounds():
    torch.manual_seed(0)
    noise = density(gamma_low=-15.0, gamma_high=12.0, weight_centre=-2.0, weight_width=4.0)
    noise.error.mul_(torch.rand(100) + 0.1)
    edges = torch.cat([torch.zeros(1), torch.cumsum(noise.error, 0) / noise.error.sum()]).double().numpy()
    n = 64
    for _ in range(20):
        gamma, relative = noise.draw(n)
        assert gamma.shape == relative.shape == (n,)
        assert gamma.dtype == torch.float32
        assert gamma.min() >= -15
        assert gamma.max() <= 12
        share = np.sort(np.interp(gamma.double().numpy(), np.linspace(-15, 12, 101), edges)) * n
        assert (share > np.arange(n) - 1e-2).all()
        assert (share < np.arange(1, n + 1) + 1e-2).all()
        bins = ((gamma + 15) / 27 * 100).long().clamp(0, 99)
        torch.testing.assert_close(relative, (noise.error / noise.error.mean())[bins], rtol=1e-3, atol=0.2)


def test_gamma_comes_in_random_order():
    torch.manual_seed(0)
    noise = density(gamma_low=-9.0, gamma_high=9.0, weight_width=2.0)
    draws = torch.stack([noise.draw(8)[0] for _ in range(400)])
    assert draws.std(0).min() > 2.5  # each place of the batch sees the whole density
    assert draws.mean(0).abs().max() < 4 * draws.std() / 20


def test_density_follows_the_weighted_error_and_leaves_the_expected_loss_alone():
    """A network with a known error: 1 below gamma = 0, and 0.1 above."""
    torch.manual_seed(0)
    noise = density(gamma_low=-4.0, gamma_high=4.0, weight_width=1.0, density_decay=0.9)

    def weighted(gamma):
        return noise.weight(gamma) * torch.where(gamma < 0, 1.0, 0.1)

    losses = []
    for _ in range(1000):
        gamma, relative = noise.draw(32)
        losses.append((weighted(gamma) / relative).mean())
        noise.update(gamma, weighted(gamma))
    centres = -4 + (torch.arange(100) + 0.5) * 0.08
    torch.testing.assert_close(noise.error, weighted(centres), rtol=0.1, atol=1e-3)
    expected = weighted(centres).mean()
    assert torch.stack(losses).mean().item() == pytest.approx(expected.item(), rel=0.02)
    late = torch.stack(losses[500:])
    assert late.std() < 0.1 * late.mean()  # all noise levels contribute alike


class Oracle(torch.nn.Module):
    """Knows x, and so the exact v = alpha eps - sigma x; ``error`` is added to it."""

    def __init__(self, x, error=0.0):
        super().__init__()
        self.x, self.error = x, error

    def forward(self, z, gamma, features, ocean):
        alpha = torch.sigmoid(gamma).sqrt()[:, None, None, None]
        sigma = torch.sigmoid(-gamma).sqrt()[:, None, None, None]
        return alpha * (z - alpha * self.x) / sigma - sigma * self.x + self.error


def test_loss_of_the_exact_v_is_zero_and_of_an_error_its_square():
    torch.manual_seed(0)
    cells = torch.ones(1, 1, 5, 7)
    cells[..., :2] = 0
    x = torch.randn(4, 3, 5, 7) * cells
    gamma = torch.tensor([-6.0, -1.0, 0.0, 4.0])
    error = torch.full((4, 3, 5, 7), 0.5)
    error[..., :2] = 1e3  # land does not count
    arguments = (x, gamma, torch.zeros(4, 6), torch.zeros(1, 64, 5, 7), cells)
    assert v_error(Oracle(x), *arguments).max() < 1e-9
    torch.testing.assert_close(v_error(Oracle(x, error), *arguments), torch.full((4,), 0.25))


def test_loss_of_no_skill_is_about_one():
    """v of standardised latents has unit variance at every noise level."""
    torch.manual_seed(0)
    x = torch.randn(64, 3, 5, 7)
    gamma = torch.linspace(-10, 10, 64)
    fresh = UViT(3, 64, (5, 7), DenoiserConfig((8, 8, 8), (1, 1, 2), embedding=16, eofs=3, heads=2))
    error = v_error(fresh, x, gamma, torch.zeros(64, 6), torch.zeros(1, 64, 5, 7), torch.ones(1, 1, 5, 7))
    assert error.shape == (64,)
    assert error.mean().item() == pytest.approx(1, abs=0.06)
