# SPDX-License-Identifier: MIT
"""Factors and shoulder of detail: states get their power and their full cells back."""

import dataclasses

import pytest
import torch

from icegen import archive
from icegen.archive.rebuild import rebuild
from icegen.data import prepared_file
from icegen.training.detail_fit import (
    Case,
    detailed_states,
    fit_detail,
    fitted_factors,
    fitted_shoulder,
    inside_the_pack,
    power,
    scaled,
)


@pytest.fixture
def model(detailed):
    return rebuild(archive.load(detailed / "detailed.pt"))[0]


def textured(model, factors):
    """Cases whose states have detail of which each octave is stronger by a factor than that of the draw."""
    generator = torch.Generator().manual_seed(0)
    cases = []
    for _ in range(4):
        mu = torch.tensor([0.5, 1.0])[:, None, None].expand(1, *model.gain.shape)
        one, other = (0.02 * torch.randn(1, *model.gain.shape, generator=generator) for _ in range(2))
        state = mu + scaled(one, factors)
        cases.append(Case(state, mu, other, (model.ocean > 0).expand_as(state)))
    return cases


def test_factors_are_those_of_the_texture_of_states(model):
    factors = torch.tensor([[0.7, 2.0], [1.2, 0.5]])
    assert fitted_factors(model, textured(model, factors), 2).flatten().tolist() == pytest.approx(
        factors.flatten().tolist(), rel=0.2
    )


def test_the_power_is_that_of_states_that_are_cut_to_the_bounds(model):
    """Where detail takes concentration beyond one, it must be stronger to give as much power."""
    cases = [dataclasses.replace(c, mu=c.mu + 0.49) for c in textured(model, torch.ones(2, 2))]
    factors = fitted_factors(model, cases, 2)
    assert (factors[0] > 1.2).all()
    sums = torch.zeros(2, 2, 2)
    for c in cases:
        drawn = model.cut(c.mu + scaled(c.detail, factors))
        for total, field in zip(sums, (drawn, c.state), strict=True):
            total += power(field, 2, inside_the_pack(model, c.state))
    torch.testing.assert_close(sums[0], sums[1], rtol=0.1, atol=0)


def test_smooth_states_get_hardly_any_detail(model):
    """Concentration in the pack is one, so there is nothing to compare with; thickness has a hundredth of the power."""
    cases = []
    for c in textured(model, torch.ones(2, 2)):
        mu = c.mu * torch.tensor([2.0, 1.0])[:, None, None]
        state = torch.cat([mu[:, :1], mu[:, 1:] + 0.1 * c.detail[:, 1:]], 1)
        cases.append(dataclasses.replace(c, state=state, mu=mu, detail=c.detail.abs()))
    factors = fitted_factors(model, cases, 2)
    assert (factors[0] == 1).all()
    assert (factors[1] < 0.3).all()


def test_the_shoulder_leaves_as_many_values_on_the_bound_as_there_are(model):
    """Also where `cut` has a shoulder of its own."""
    model.full_shoulder[0] = 0.005
    factors = torch.tensor([[1.0, 1.5], [1.0, 1.0]])
    cases = [
        dataclasses.replace(c, mu=c.mu + 0.49, state=model.cut(c.state + 0.47))
        for c in textured(model, torch.ones(2, 2))
    ]
    shoulder = fitted_shoulder(model, cases, factors)
    assert shoulder[0] > 0.01
    assert shoulder[1] == 0, "thickness has no upper bound"
    full = torch.zeros(3)
    for c in cases:
        detailed = c.mu + scaled(c.detail, factors)
        beyond = (detailed - (model.upper - shoulder)).clamp(min=0.0)
        for i, state in enumerate((c.state, model.cut(detailed), model.cut(detailed - 0.5 * beyond))):
            full[i] += float((state[:, 0] >= 1).sum())
    assert full[1] > 1.2 * full[0]
    assert float(full[2]) == pytest.approx(float(full[0]), rel=0.05)


def test_export_fits_them(detailed):
    prepared = prepared_file.load(detailed / "prepared.nc")
    model = rebuild(archive.load(detailed / "detailed.pt"))[0]
    exported = model.detail.octave_factors.clone(), model.detail.full_shoulder.clone()
    assert (exported[0] != 1).any()
    model.detail.octave_factors.fill_(3.0)
    model.detail.full_shoulder.fill_(3.0)
    fit_detail(model, prepared)
    torch.testing.assert_close(model.detail.octave_factors, exported[0])
    torch.testing.assert_close(model.detail.full_shoulder, exported[1])


def test_a_model_without_detail_stays_as_it_is(tiny, detailed):
    model = rebuild(archive.load(tiny / "tiny.pt"))[0]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fit_detail(model, prepared_file.load(detailed / "prepared.nc"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_the_pack_is_away_from_edge_and_coast(model):
    state = torch.ones(1, *model.gain.shape)
    state[:, :, :, :14] = 0.0
    pack = inside_the_pack(model, state)
    assert pack.shape == (1, 1, *model.gain.shape[1:])
    assert not pack[..., :20].any()
    assert pack.any()


def test_training_states_come_with_what_the_sampler_would_end_with(model, detailed):
    prepared = prepared_file.load(detailed / "prepared.nc")
    cases = detailed_states(model, prepared)
    assert len(cases) == min(16, int(prepared.training.sum()))
    for c in cases:
        assert c.state.shape == c.mu.shape == c.detail.shape == c.seen.shape
        assert torch.isfinite(c.mu).all()
        assert c.detail.abs().max() > 0
