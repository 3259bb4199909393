# SPDX-License-Identifier: MIT
"""The detail network: fully convolutional, moved by each channel of its noise, on grids of whole latent cells."""

import pytest
import torch

from icegen.model.detail import DetailConfig, DetailNetwork

CONFIG = DetailConfig(widths=(8, 8, 8), blocks=(1, 0, 1), noise_channels=(1, 2, 3))
FACTOR = 8


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = DetailNetwork(2, FACTOR, CONFIG)
    with torch.no_grad():
        for parameter in made.parameters():  # fresh residual branches are zero
            parameter.copy_(0.2 * torch.randn(parameter.shape))
    return made.eval()


def inputs(network, rows=5, columns=7):
    generator = torch.Generator().manual_seed(1)
    shape = (FACTOR * rows, FACTOR * columns)
    mu = torch.randn(2, 2, *shape, generator=generator)
    ocean = (torch.rand(2, 1, *shape, generator=generator) < 0.7).float()
    return mu, ocean, torch.randn(2, network.channels, rows, columns, generator=generator)


def test_noise_fills_all_levels(network):
    assert network.channels == 1 * 4**2 + 2 * 2**2 + 3


def test_shape(network):
    mu, ocean, noise = inputs(network)
    assert network(mu, ocean, noise).shape == mu.shape


def test_each_channel_of_the_noise_moves_the_detail_near_its_cell(network):
    mu, ocean, noise = inputs(network, 13, 13)
    before = network(mu, ocean, noise)
    for channel in range(network.channels):
        changed = noise.clone()
        changed[0, channel, 6, 6] += 1.0
        moved = (network(mu, ocean, changed) != before).any(1)
        assert moved[0, 48:56, 48:56].any(), channel
        assert not moved[1].any()
        assert not moved[0, :8].any(), channel


def test_a_fresh_network_stays_near_the_mean_but_draws_differ():
    torch.manual_seed(0)
    network = DetailNetwork(2, FACTOR, CONFIG)
    mu, ocean, noise = inputs(network)
    one, other = network(mu, ocean, noise), network(mu, ocean, -noise)
    assert one.abs().max() < 0.5
    assert not torch.equal(one, other)


def test_scripted_gives_the_same_bits(network):
    mu, ocean, noise = inputs(network)
    assert torch.equal(torch.jit.script(network)(mu, ocean, noise), network(mu, ocean, noise))


def test_refuses_a_factor_that_the_levels_do_not_divide():
    with pytest.raises(ValueError, match="coarser by a factor of 1; wanted a multiple of 8"):
        DetailNetwork(2, 1, CONFIG)


def test_refuses_levels_without_their_numbers():
    with pytest.raises(ValueError, match="have 3, 2 and 2 values; wanted one of each for a level"):
        DetailConfig(widths=(8, 8, 8))
