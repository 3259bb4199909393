# SPDX-License-Identifier: MIT
"""The denoising network, its conditions, its noise densities and its loss."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from icegen.config import DenoiserConfig, DiffusionTrainingConfig
from icegen.diffusion import NoiseDensity, UViT, condition_features, network_ocean, v_error

CONFIG = DenoiserConfig(widths=(8, 8, 8), blocks=(1, 1, 2), embedding=16, position_channels=2, eofs=3, heads=2)


def network(shape, config=CONFIG):
    torch.manual_seed(0)
    model = UViT(3, 64, shape, config)
    with torch.no_grad():
        model.set_eofs(torch.randn(4, 3, *shape))
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape))
    return model.eval()


def inputs(shape, n=2):
    generator = torch.Generator().manual_seed(1)
    ocean = (torch.rand(1, 1, 8 * shape[0], 8 * shape[1], generator=generator) < 0.5).float()
    condition = torch.tensor([[2000 + i, 40 * i + 1] for i in range(n)])
    z = torch.randn(n, 3, *shape, generator=generator)
    return z, torch.linspace(-3, 3, n), condition_features(condition, 2000.0, 10.0), network_ocean(ocean, 8)[0]


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


@pytest.mark.parametrize(
    "levels",
    [
        {},
        {"eofs": 0},
        {"widths": (8, 8), "blocks": (1, 1)},
        {"widths": (4, 8, 8, 12), "blocks": (1, 1, 2, 1)},
    ],
)
@pytest.mark.parametrize("shape", [(8, 12), (5, 7), (3, 1), (6, 4)])
def test_network_takes_any_grid_and_any_levels(shape, levels):
    model = network(shape, dataclasses.replace(CONFIG, **levels))
    v = model(*inputs(shape))
    assert v.shape == (2, 3, *shape)
    assert torch.isfinite(v).all()
    assert torch.equal(torch.jit.script(model)(*inputs(shape)), v)


def test_fresh_network_predicts_zero():
    model = UViT(3, 64, (8, 12), CONFIG)
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
    assert not model.eofs.requires_grad
    for name, parameter in model.named_parameters():
        if name == "eofs":
            continue
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_network_ocean():
    ocean = torch.zeros(1, 1, 16, 24)
    ocean[0, 0, 3, 17] = 1
    unshuffled, cells = network_ocean(ocean, 8)
    assert unshuffled.shape == (1, 64, 2, 3)
    assert unshuffled.sum() == 1
    assert unshuffled[0, 3 * 8 + 1, 0, 2] == 1  # row 3, column 1 of the block in row 0, column 2
    assert cells.tolist() == [[[[0, 0, 1], [0, 0, 0]]]]


def test_large_scale_path_sees_a_pattern_below_the_noise_of_every_cell():
    """A tenth of the noise in each cell, but far above it along the EOF: the coefficient tells it apart."""
    config = dataclasses.replace(CONFIG, eofs=1)
    shape = (32, 32)
    torch.manual_seed(0)
    pattern = torch.randn(1, 3, *shape).sign()
    model = UViT(3, 64, shape, config)
    with torch.no_grad():
        model.set_eofs(torch.cat([pattern, -pattern]))
    torch.testing.assert_close(model.eof_variance, torch.tensor([3.0 * 32 * 32]))
    seen = []
    model.embed.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][:, -1]))
    z = 0.1 * torch.cat([pattern, -pattern]) + torch.randn(2, 3, *shape)
    gamma = torch.full((2,), 2 * math.log(0.1))
    model(z, gamma, torch.zeros(2, 6), torch.zeros(1, 64, *shape))
    coefficients = seen[0] * seen[0][0].sign()
    assert coefficients[0] > 0.5
    assert coefficients[1] < -0.5


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
    """A network whose error is known: 1 below gamma = 0, and a tenth above."""
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
    fresh = UViT(3, 64, (5, 7), CONFIG)
    error = v_error(fresh, x, gamma, torch.zeros(64, 6), torch.zeros(1, 64, 5, 7), torch.ones(1, 1, 5, 7))
    assert error.shape == (64,)
    assert error.mean().item() == pytest.approx(1, abs=0.06)
