# SPDX-License-Identifier: MIT
"""Latents tell the means of variables, and which change of a latent inflates one of them."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

import tiny as making
from icegen import archive
from icegen.archive.rebuild import rebuild
from icegen.data import prepared_file
from icegen.model.inflation import smoothed
from icegen.training.config import Config
from icegen.training.inflation import fit_inflation, means_of_latents


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


@pytest.fixture
def model(tiny):
    return rebuild(archive.load(tiny / "tiny.pt"))[0]


def test_latents_tell_most_of_the_means(model, prepared):
    read, _ = means_of_latents(model, prepared)
    state = torch.from_numpy(prepared.state[prepared.training]).float()
    share = F.avg_pool2d(model.ocean, model.factor).clamp(min=1e-6)
    means = F.avg_pool2d(state / model.std * model.ocean, model.factor) / share
    means, latent = (smoothed(field, model.ocean_cells).double() for field in (means, model.encode(state)))
    error = means - means.mean(0) - torch.einsum("nzyx,zv->nvyx", latent - latent.mean(0), read)
    assert error.square().mean() < 0.5 * (means - means.mean(0)).square().mean()


def test_a_change_moves_the_mean_of_one_variable(model, prepared):
    read, write = means_of_latents(model, prepared)
    torch.testing.assert_close(read.t() @ write, torch.eye(2).double(), atol=1e-6, rtol=0)


def test_factors_become_a_matrix_of_latents(model, prepared):
    fit_inflation(model, prepared, (1.5, 1.0))
    read, _ = means_of_latents(model, prepared)
    departure = torch.randn(10, len(read), generator=torch.Generator().manual_seed(0)).double()
    change = departure @ model.inflation_beyond.double() @ read
    torch.testing.assert_close(change, departure @ read * torch.tensor([0.5, 0.0]), atol=1e-5, rtol=1e-4)
    assert (model.inflation_fine == 0).all()
    beyond = model.inflation_beyond.clone()
    fit_inflation(model, prepared, (), (1.5, 1.0))
    assert (model.inflation_beyond == 0).all()
    torch.testing.assert_close(model.inflation_fine, beyond)
    fit_inflation(model, prepared, ())
    assert (model.inflation_fine == 0).all()


@pytest.mark.parametrize("name", ["inflation_beyond", "inflation_fine"])
def test_refuses_another_number_of_factors(name):
    sampler = dataclasses.replace(making.CONFIG.sampler, **{name: (1.5,)})
    with pytest.raises(ValueError, match=f"{name} has 1 factors; wanted one for each of the 2 variables"):
        Config(sampler=sampler)
