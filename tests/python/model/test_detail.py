# SPDX-License-Identifier: MIT
"""The detail network: fully convolutional, moved by each channel of its noise, on grids of whole latent cells."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from icegen.model.detail import DetailConfig, DetailNetwork, octaves

CONFIG = DetailConfig(widths=(8, 8, 8), blocks=(1, 0, 1), embedding=8)
FACTOR = 8
STEPS = 2


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = DetailNetwork(2, FACTOR, CONFIG)
    with torch.no_grad():
        for parameter in made.parameters():  # fresh residual branches are zero
            parameter.copy_(0.2 * torch.randn(parameter.shape))
        made.octave_factors.fill_(1.0)
        made.full_shoulder.fill_(0.0)
    return made.eval()


def inputs(network, rows=5, columns=7):
    generator = torch.Generator().manual_seed(1)
    shape = (FACTOR * rows, FACTOR * columns)
    mu = torch.randn(2, 2, *shape, generator=generator)
    ocean = (torch.rand(2, 1, *shape, generator=generator) < 0.7).float()
    return mu, ocean, torch.randn(2, network.channels, rows, columns, generator=generator)


def test_each_value_of_a_state_has_its_noise(network):
    assert network.channels == 2 * FACTOR**2


def test_shape(network):
    mu, ocean, noise = inputs(network)
    assert network(mu, ocean, noise, STEPS).shape == mu.shape


def test_each_channel_of_the_noise_moves_the_detail_near_its_cell(network):
    mu, ocean, noise = inputs(network, 17, 17)
    before = network(mu, ocean, noise, 1)
    for channel in range(0, network.channels, 7):
        changed = noise.clone()
        changed[0, channel, 8, 8] += 1.0
        moved = (network(mu, ocean, changed, 1) != before).any(1)
        assert moved[0, 64:72, 64:72].any(), channel
        assert not moved[1].any()
        assert not moved[0, :8].any(), channel


@torch.no_grad()
def test_a_fresh_network_leaves_the_noise_as_it_is_but_for_its_size():
    network = DetailNetwork(2, FACTOR, CONFIG)
    network.scale.copy_(torch.tensor([0.5, 2.0])[:, None, None])
    mu, ocean, noise = inputs(network)
    departure = network(mu, ocean, noise, STEPS)
    torch.testing.assert_close(departure, F.pixel_shuffle(noise, FACTOR) * network.scale)


@torch.no_grad()
def test_a_path_ends_at_the_departure_that_all_states_have(network, monkeypatch):
    """Where a departure r has no doubt, the velocity at x is (r - x) / (1 - t), and Euler's method is exact."""
    mu, ocean, noise = inputs(network)
    r = torch.randn_like(mu)
    monkeypatch.setattr(
        network, "velocity", lambda x, t, mu, ocean: (r - x) / (1.0 - t)[:, None, None, None], raising=True
    )
    for steps in (1, 4):
        torch.testing.assert_close(network(mu, ocean, noise, steps), r * network.scale)


def test_the_velocity_depends_on_the_time_along_the_path(network):
    mu, ocean, noise = inputs(network)
    x = F.pixel_shuffle(noise, FACTOR)
    early, late = (network.velocity(x, torch.tensor([t, t]), mu, ocean) for t in (0.1, 0.9))
    assert not torch.allclose(early, late, atol=1e-3)


def test_what_octaves_leave_of_a_field_is_smooth():
    field = torch.randn(2, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    rest = field - sum(octaves(field, 3))
    torch.testing.assert_close(rest, F.interpolate(F.avg_pool2d(field, 8), size=(40, 56), mode="bilinear"))


@pytest.mark.parametrize(("wavelength", "octave"), [(3, 0), (6, 1), (12, 2)])
def test_a_wave_is_in_the_octave_of_its_length(wavelength, octave):
    wave = torch.cos(2 * torch.pi * torch.arange(96) / wavelength).expand(1, 1, 96, 96)
    powers = [float(part[..., 16:-16].square().mean()) for part in octaves(wave, 4)]
    assert np.argmax(powers) == octave


@torch.no_grad()
def test_factors_of_octaves_scale_the_detail(network):
    network.octave_factors.fill_(1.0)
    mu, ocean, noise = inputs(network)
    before = network(mu, ocean, noise, STEPS)
    network.octave_factors.fill_(0.5)
    torch.testing.assert_close(network(mu, ocean, noise, STEPS), before - 0.5 * sum(octaves(before, 3)))
    network.octave_factors.fill_(1.0)[1, 0] = 0.0
    after = network(mu, ocean, noise, STEPS)
    assert torch.equal(after[:, 0], before[:, 0])
    torch.testing.assert_close(after[:, 1], before[:, 1] - octaves(before, 3)[0][:, 1])


def test_scripted_gives_the_same_bits(network):
    mu, ocean, noise = inputs(network)
    assert torch.equal(torch.jit.script(network)(mu, ocean, noise, STEPS), network(mu, ocean, noise, STEPS))


def test_refuses_a_factor_that_the_levels_do_not_divide():
    with pytest.raises(ValueError, match="coarser by a factor of 1; wanted a multiple of 8"):
        DetailNetwork(2, 1, CONFIG)


def test_refuses_levels_without_their_blocks():
    with pytest.raises(ValueError, match="widths and blocks have 3 and 2 values; wanted one of each for a level"):
        DetailConfig(widths=(8, 8, 8), blocks=(1, 1))
