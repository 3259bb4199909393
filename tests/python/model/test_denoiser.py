# SPDX-License-Identifier: MIT
"""The denoising network and its conditions."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from icegen.model.denoiser import (
    DenoiserConfig,
    UViT,
    averaging_in,
    condition_inputs,
    ocean_inputs,
    with_averaging,
)

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
    mask = (torch.rand(1, 1, 8 * shape[0], 8 * shape[1], generator=generator) < 0.5).float()
    condition = torch.tensor([[2000 + i, 40 * i + 1] for i in range(n)])
    z = torch.randn(n, 3, *shape, generator=generator)
    return z, torch.linspace(-3, 3, n), condition_inputs(condition, 2000.0, 10.0), ocean_inputs(mask, 8)[0]


def test_condition_is_two_harmonics_year_and_flag():
    date = condition_inputs(torch.tensor([[2010, 91], [1990, 365]]), 2000.0, 20.0)
    assert date.dtype == torch.float32
    phase = 2 * math.pi * np.array([91, 365]) / 365.25
    wanted = [np.sin(phase), np.cos(phase), np.sin(2 * phase), np.cos(2 * phase), [0.5, -0.5], [1, 1]]
    np.testing.assert_allclose(date, np.transpose(wanted), atol=1e-5)


def test_condition_has_no_jump_at_new_year():
    last, first = condition_inputs(torch.tensor([[2001, 365], [2001, 1]]), 2000.0, 20.0)
    assert (last - first).abs().max() < 0.05


def test_no_condition_is_zeros():
    assert torch.equal(condition_inputs(torch.zeros(3, 0, dtype=torch.int64), 2000.0, 20.0), torch.zeros(3, 6))


def test_averaging_is_told_in_months_and_days():
    inputs = condition_inputs(torch.tensor([[2010, 91], [1990, 365], [1990, 1]]), 2000.0, 20.0)
    labelled = with_averaging(inputs, torch.tensor([30.0, 1.0, 900.0]))
    assert torch.equal(labelled[:, :6], inputs)
    torch.testing.assert_close(labelled[:, 6], torch.tensor([0.0, -1.0, 1.0]))
    torch.testing.assert_close(averaging_in(labelled), torch.tensor([30.0, 1.0, 900.0]))


def test_the_large_scale_is_common_to_days_and_months():
    """From some noise on, the network does not know what a state averages over."""
    torch.manual_seed(0)
    config = DenoiserConfig(widths=(8, 8), blocks=(1, 1), eofs=0, heads=2, averaging_noise=10.0)
    network = UViT(3, 1, (4, 4), config, conditions=7).eval()
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.3)
    z, mask = torch.randn(1, 3, 4, 4), torch.ones(1, 1, 4, 4)
    for noise, told in ((9.9, True), (10.1, False)):
        gamma = torch.tensor([-2 * math.log(noise)])
        day, month = (
            network(z, gamma, with_averaging(torch.zeros(1, 6), torch.tensor([days])), mask) for days in (1.0, 30.0)
        )
        assert torch.equal(day, month) != told


def test_condition_scripts():
    scripted = torch.jit.script(condition_inputs)
    for condition in (torch.tensor([[1987, 255], [2020, 366]]), torch.zeros(2, 0, dtype=torch.int64)):
        assert torch.equal(scripted(condition, 2000.0, 20.0), condition_inputs(condition, 2000.0, 20.0))


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


@pytest.mark.parametrize("index", range(4), ids=["z", "gamma", "date", "mask"])
def test_network_listens_to_each_input(index):
    model, arguments = network((5, 7)), list(inputs((5, 7)))
    before = model(*arguments)
    arguments[index] = arguments[index] + 0.5
    assert (model(*arguments) - before).abs().amax((1, 2, 3)).min() > 1e-4


def test_network_listens_to_each_feature():
    model, (z, gamma, date, mask) = network((5, 7)), inputs((5, 7))
    date.requires_grad_()
    model(z, gamma, date, mask).square().sum().backward()
    assert (date.grad.abs() > 0).all()


def test_network_sees_the_whole_grid_and_its_own_case_only():
    """One corner's latent reaches the opposite corner (attention), but no other case of the batch."""
    model, (z, gamma, date, mask) = network((16, 24)), inputs((16, 24))
    changed = z.clone()
    changed[0, :, 0, 0] += 5
    difference = (model(changed, gamma, date, mask) - model(z, gamma, date, mask)).abs()
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
    mask = torch.zeros(1, 1, 16, 24)
    mask[0, 0, 3, 17] = 1
    unshuffled, cells = ocean_inputs(mask, 8)
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
