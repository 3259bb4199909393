# SPDX-License-Identifier: MIT
"""The sampler against a Gaussian whose denoiser, and whose every trajectory, is known exactly."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from icegen.model.autoencoder import IdentityDecoder, IdentityEncoder
from icegen.model.denoiser import ocean_inputs
from icegen.model.generative_model import Constraints, GenerativeModel, Normalisation
from icegen.model.sampler import SamplerConfig, denoised_from_v, multistep, noise_levels

GAMMA_LOW, GAMMA_HIGH, RHO = -13.8, 12.0, 7.0
SHAPE = (16, 24)  # of the latent grid

MEAN = torch.tensor([0.5, -1.0, 2.0])
COVARIANCE = torch.tensor([[1.0, 0.6, -0.2], [0.6, 0.8, 0.1], [-0.2, 0.1, 0.3]])


class ExactDenoiser(nn.Module):
    """v of latents whose channels are N(MEAN, COVARIANCE), independent between cells."""

    def __init__(self):
        super().__init__()
        values, vectors = torch.linalg.eigh(COVARIANCE.double())
        self.register_buffer("values", values)
        self.register_buffer("eofs", torch.zeros(0, 3 * math.prod(SHAPE)))
        self.register_buffer("vectors", vectors)
        self.register_buffer("center", MEAN.double()[:, None, None])

    def forward(self, z: Tensor, gamma: Tensor, date: Tensor, mask: Tensor) -> Tensor:
        gamma = gamma.double()[:, None, None, None]
        alpha, sigma = torch.sigmoid(gamma).sqrt(), torch.sigmoid(-gamma).sqrt()
        c = self.values[:, None, None]
        deviation = torch.einsum("ji,njyx->niyx", self.vectors, z - alpha * self.center)
        gain = alpha * c / (alpha**2 * c + sigma**2)
        x = self.center + torch.einsum("ij,njyx->niyx", self.vectors, gain * deviation)
        return ((alpha * z - x) / sigma).float()


def toy(ocean=None, sampler="heun"):
    ocean = torch.ones(1, 1, 8 * SHAPE[0], 8 * SHAPE[1]) if ocean is None else ocean
    one, zero = torch.ones(1), torch.zeros(1)
    return GenerativeModel(
        encoder=IdentityEncoder(),
        decoder=IdentityDecoder(),
        denoiser=ExactDenoiser(),
        feature_encoder=None,
        ocean=ocean,
        normalisation=Normalisation(zero, one, torch.zeros(3, *SHAPE), torch.ones(3, 1, 1), 2000.0, 1.0),
        constraints=Constraints(lower=-one, upper=one, concentration=-1, on_ice_only=zero),
        conditional=False,
        sampler=SamplerConfig(sampler, 20, GAMMA_LOW, GAMMA_HIGH, RHO),
    )


def inflating(emulator, factors, noise):
    """The emulator with inflation by factors along as many random patterns, which are returned too."""
    shape = (len(factors), emulator.latent_mean.numel())
    patterns = torch.linalg.qr(torch.randn(*shape, generator=torch.Generator().manual_seed(0)).t()).Q.t()
    emulator.denoiser.eofs, emulator.inflation = patterns, torch.tensor(factors)
    emulator.inflates, emulator.inflation_noise = True, noise
    return emulator, patterns


def sample(emulator, members, steps):
    condition = torch.zeros(members, 0, dtype=torch.int64)
    with torch.inference_mode():
        return emulator.sample_latent(5, torch.arange(1, members + 1), condition, torch.zeros(members), False, steps)


def exact(emulator, members):
    """Where the ODE ends when integrated without error, from the sampler's own noise; float64."""
    noise = emulator.noise(5, torch.arange(1, members + 1), torch.zeros(members), False).double()
    first, last = (math.exp(-0.5 * gamma) for gamma in (GAMMA_LOW, GAMMA_HIGH))
    denoiser = emulator.denoiser
    c = denoiser.values[:, None, None]
    deviation = torch.einsum("ji,njyx->niyx", denoiser.vectors, first * noise - denoiser.center)
    deviation = deviation * c / ((c + last**2) * (c + first**2)).sqrt()
    return denoiser.center + torch.einsum("ij,njyx->niyx", denoiser.vectors, deviation)


@pytest.mark.parametrize("steps", [2, 3, 20])
def test_noise_levels_fall_from_first_to_last(steps):
    levels = noise_levels(steps, GAMMA_LOW, GAMMA_HIGH, RHO)
    assert levels.dtype == torch.float64
    assert levels.shape == (steps,)
    assert (levels.diff() < 0).all()
    assert -2 * math.log(levels[0]) == pytest.approx(GAMMA_LOW)
    assert -2 * math.log(levels[-1]) == pytest.approx(GAMMA_HIGH)
    roots = levels ** (1 / RHO)
    torch.testing.assert_close(roots.diff(), roots.diff().mean().expand(steps - 1))


def test_one_step_starts_at_the_highest_level():
    assert noise_levels(1, GAMMA_LOW, GAMMA_HIGH, RHO).tolist() == [pytest.approx(math.exp(-GAMMA_LOW / 2))]


def test_denoised_from_v_undoes_the_definition_of_v():
    torch.manual_seed(0)
    x, eps = torch.randn(2, 5, 3, 4, 6, dtype=torch.float64)
    gamma = torch.tensor([-13.8, -2.0, 0.0, 3.0, 12.0], dtype=torch.float64)
    alpha, sigma = torch.sigmoid(gamma).sqrt()[:, None, None, None], torch.sigmoid(-gamma).sqrt()[:, None, None, None]
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(alpha))
    torch.testing.assert_close(denoised_from_v(alpha * x + sigma * eps, alpha * eps - sigma * x, gamma), x)


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2m"])
def test_samples_have_the_mean_and_covariance_of_the_data(sampler):
    x = sample(toy(sampler=sampler), members=40, steps=80).double()
    x = x.transpose(0, 1).flatten(1)  # [channel, case]: 15,360 independent cases
    cases = x.shape[1]
    deviation = COVARIANCE.diagonal().sqrt()
    assert ((x.mean(1) - MEAN).abs() < 4 * deviation / math.sqrt(cases)).all()
    # Four standard errors of a sample covariance, and a percent for 80 finite steps.
    error = ((COVARIANCE**2 + deviation[:, None] ** 2 * deviation**2) / cases).sqrt()
    assert ((x.cov() - COVARIANCE).abs() < 4 * error + 0.01 * deviation[:, None] * deviation).all()


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2m"])
def test_converges_at_second_order(sampler):
    emulator = toy(sampler=sampler)
    reference = exact(emulator, 4)
    errors = [(sample(emulator, 4, steps) - reference).square().mean().sqrt().item() for steps in (20, 40, 80)]
    assert errors[0] < 0.1
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert ((orders > 1.7) & (orders < 2.6)).all(), (errors, orders)


@pytest.mark.parametrize(("sampler", "evaluations"), [("heun", (1, 3, 13)), ("dpmpp_2m", (1, 2, 7))])
def test_counts_its_network_evaluations(sampler, evaluations):
    emulator = toy(sampler=sampler)
    calls = []
    emulator.denoiser.register_forward_hook(lambda *arguments: calls.append(1))
    for steps, wanted in zip((1, 2, 7), evaluations, strict=True):
        calls.clear()
        sample(emulator, 1, steps)
        assert len(calls) == wanted


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2m"])
def test_inflation_multiplies_departures_from_the_mean_along_the_eofs(sampler):
    plain = sample(toy(sampler=sampler), 3, 40)
    emulator, eofs = inflating(toy(sampler=sampler), [1.5, 0.5], noise=0.02)  # where noise no longer matters
    change = (sample(emulator, 3, 40) - plain).flatten(1)
    departure = (plain - MEAN[:, None, None]).flatten(1) @ eofs.t()
    torch.testing.assert_close(change @ eofs.t(), departure * torch.tensor([0.5, -0.5]), atol=0.02, rtol=0.02)
    torch.testing.assert_close(change, change @ eofs.t() @ eofs, atol=0.02, rtol=0.02)


def test_inflation_happens_once_and_not_at_the_first_level():
    emulator, _ = inflating(toy(), [1.5], noise=0.7)
    levels = noise_levels(20, GAMMA_LOW, GAMMA_HIGH, RHO)
    (at,) = [i for i in range(len(levels)) if emulator.inflates_at(levels, i)]
    assert levels[at] < 0.7 <= levels[at - 1]
    assert not emulator.inflates_at(levels[-1:], 0)


def test_the_last_factor_of_inflation_holds_for_all_further_eofs():
    class Denoiser(nn.Module):
        eofs = torch.zeros(5, 6)

    one = torch.ones(1)
    model = GenerativeModel(
        IdentityEncoder(), IdentityDecoder(), Denoiser(), None, torch.ones(1, 1, 16, 24),
        Normalisation(one, one, torch.zeros(1, 2, 3), torch.ones(1, 1, 1), 2000.0, 1.0),
        Constraints(-one, one, -1, one), False, SamplerConfig(inflation=(1.0, 1.2, 1.5)),
    )  # fmt: skip
    torch.testing.assert_close(model.inflation, torch.tensor([1.0, 1.2, 1.5, 1.5, 1.5]))


def test_cells_without_ocean_stay_zero():
    ocean = torch.ones(1, 1, 8 * SHAPE[0], 8 * SHAPE[1])
    ocean[..., :32, :40] = 0
    cells = ocean_inputs(ocean, 8)[1].bool().expand(2, 3, -1, -1)
    for sampler in ("heun", "dpmpp_2m"):
        x = sample(toy(ocean, sampler), 2, 5)
        assert (x[~cells] == 0).all()
        assert (x[cells] != 0).all()


def test_scripted_gives_the_same_bits():
    """The parts; test_emulator.py and test_archive.py hold the whole sampler against its scripted self."""
    for steps in (1, 2, 20):
        levels = noise_levels(steps, GAMMA_LOW, GAMMA_HIGH, RHO)
        assert torch.equal(torch.jit.script(noise_levels)(steps, GAMMA_LOW, GAMMA_HIGH, RHO), levels)
    z, v = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    gamma = torch.tensor([-5.0, 0.0, 5.0])
    assert torch.equal(torch.jit.script(denoised_from_v)(z, v, gamma), denoised_from_v(z, v, gamma))
    arguments = (z, v, z + v, 4.0, 2.0, 1.5)
    assert torch.equal(torch.jit.script(multistep)(*arguments), multistep(*arguments))
