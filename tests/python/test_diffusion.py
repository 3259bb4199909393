# SPDX-License-Identifier: MIT
"""The denoising network, its conditions, its noise densities and its loss."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from icegen.config import DenoiserConfig
from icegen.diffusion import UViT, condition_features, latent_ocean, stratified_gamma, v_loss

CONFIG = DenoiserConfig(widths=(8, 8, 8), blocks=(1, 1, 2), embedding=16, position_channels=2, heads=2)
CPU = torch.device("cpu")


def network(shape):
    torch.manual_seed(0)
    model = UViT(3, shape, CONFIG)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return model.eval()


def inputs(shape, n=2):
    generator = torch.Generator().manual_seed(1)
    ocean = (torch.rand(1, 1, 8 * shape[0], 8 * shape[1], generator=generator) < 0.5).float()
    condition = torch.tensor([[2000 + i, 40 * i + 1] for i in range(n)])
    z = torch.randn(n, 3, *shape, generator=generator)
    return z, torch.linspace(-3, 3, n), condition_features(condition, 2000.0, 10.0), latent_ocean(ocean)[0]


def test_condition_is_two_harmonics_year_and_flag():
    features = condition_features(torch.tensor([[2010, 91], [1990, 365]]), 2000.0, 20.0)
    assert features.dtype == torch.float32
    phase = 2 * math.pi * np.array([91, 365]) / 365.25
    wanted = [np.sin(phase), np.cos(phase), np.sin(2 * phase), np.cos(2 * phase), [0.5, -0.5], [1, 1]]
    np.testing.assert_allclose(features, np.transpose(wanted), atol=1e-5)


def test_condition_has_no_jump_at_new_year():
    last, first = condition_features(torch.tensor([[2001, 365], [2001, 1]]), 2000.0, 20.0)
    assert (last - first).abs().max() < 0.05


def test_no_condition_is_zeros():
    assert torch.equal(condition_features(torch.zeros(3, 0, dtype=torch.int64), 2000.0, 20.0), torch.zeros(3, 6))


def test_condition_scripts():
    scripted = torch.jit.script(condition_features)
    for condition in (torch.tensor([[1987, 255], [2020, 366]]), torch.zeros(2, 0, dtype=torch.int64)):
        assert torch.equal(scripted(condition, 2000.0, 20.0), condition_features(condition, 2000.0, 20.0))


@pytest.mark.parametrize("shape", [(8, 12), (5, 7), (3, 1), (6, 4)])
def test_network_takes_any_latent_grid(shape):
    model = network(shape)
    v = model(*inputs(shape))
    assert v.shape == (2, 3, *shape)
    assert torch.isfinite(v).all()
    assert torch.equal(torch.jit.script(model)(*inputs(shape)), v)


def test_fresh_network_predicts_zero():
    model = UViT(3, (8, 12), CONFIG)
    assert torch.equal(model(*inputs((8, 12))), torch.zeros(2, 3, 8, 12))


@pytest.mark.parametrize("index", range(4), ids=["z", "gamma", "features", "ocean"])
def test_network_listens_to_each_input(index):
    model, arguments = network((5, 7)), list(inputs((5, 7)))
    before = model(*arguments)
    arguments[index] = arguments[index] + 0.5
    assert (model(*arguments) - before).abs().amax((1, 2, 3)).min() > 1e-4


def test_network_listens_to_each_feature():
    model, (z, gamma, features, ocean) = network((5, 7)), inputs((5, 7))
    features.requires_grad_()
    model(z, gamma, features, ocean).square().sum().backward()
    assert (features.grad.abs() > 0).all()


def test_network_sees_the_whole_grid_and_its_own_case_only():
    """One corner's latent reaches the opposite corner (attention), but no other case of the batch."""
    model, (z, gamma, features, ocean) = network((16, 24)), inputs((16, 24))
    changed = z.clone()
    changed[0, :, 0, 0] += 5
    difference = (model(changed, gamma, features, ocean) - model(z, gamma, features, ocean)).abs()
    assert difference[0, :, -1, -1].max() > 1e-6
    assert difference[1].max() == 0


def test_every_parameter_learns():
    model = network((5, 7))
    model(*inputs((5, 7))).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_latent_ocean():
    ocean = torch.zeros(1, 1, 16, 24)
    ocean[0, 0, 3, 17] = 1
    unshuffled, cells = latent_ocean(ocean)
    assert unshuffled.shape == (1, 64, 2, 3)
    assert unshuffled.sum() == 1
    assert unshuffled[0, 3 * 8 + 1, 0, 2] == 1  # row 3, column 1 of the block in row 0, column 2
    assert cells.tolist() == [[[[0, 0, 1], [0, 0, 0]]]]


@pytest.mark.parametrize(("mean", "std", "low", "high"), [(-2.0, 5.0, -15.0, 12.0), (0.0, 3.0, -4.0, 1.0)])
def test_gamma_is_stratified_within_its_bounds(mean, std, low, high):
    torch.manual_seed(0)
    n = 64
    cut = stats.truncnorm((low - mean) / std, (high - mean) / std, mean, std)
    for _ in range(20):
        gamma = stratified_gamma(n, mean, std, low, high, CPU)
        assert gamma.shape == (n,)
        assert gamma.dtype == torch.float32
        assert low <= gamma.min()
        assert gamma.max() <= high
        share = np.sort(cut.cdf(gamma.double().numpy())) * n
        assert (share > np.arange(n) - 1e-3).all()
        assert (share < np.arange(1, n + 1) + 1e-3).all()


def test_gamma_comes_in_random_order():
    torch.manual_seed(0)
    draws = torch.stack([stratified_gamma(8, 0.0, 3.0, -9.0, 9.0, CPU) for _ in range(400)])
    assert draws.std(0).min() > 2.5  # each place of the batch sees the whole density
    assert draws.mean(0).abs().max() < 0.6


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
    assert v_loss(Oracle(x), *arguments) < 1e-9
    torch.testing.assert_close(v_loss(Oracle(x, error), *arguments), torch.tensor(0.25))


def test_loss_of_no_skill_is_about_one():
    """v of standardised latents has unit variance at every noise level."""
    torch.manual_seed(0)
    x = torch.randn(64, 3, 5, 7)
    gamma = stratified_gamma(64, 0.0, 5.0, -10.0, 10.0, CPU)
    fresh = UViT(3, (5, 7), CONFIG)
    loss = v_loss(fresh, x, gamma, torch.zeros(64, 6), torch.zeros(1, 64, 5, 7), torch.ones(1, 1, 5, 7))
    assert loss.item() == pytest.approx(1, abs=0.06)
