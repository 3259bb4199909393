# SPDX-License-Identifier: MIT
"""The whole emulator: same key, same bits; another key, another sample; physical states always."""

import copy
import math

import pytest
import torch

import tiny as making
from icegen.archive import export
from icegen.data import prepared_file
from icegen.data.variables import variables
from icegen.model.autoencoder import IdentityDecoder, IdentityEncoder
from icegen.model.denoiser import DenoiserConfig, UViT
from icegen.model.generative_model import Constraints, GenerativeModel, Normalisation
from icegen.model.sampler import SamplerConfig

LATENT = (4, making.ROWS // 8, making.COLUMNS // 8)
STEPS = 3


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


@pytest.fixture(scope="module")
def emulator(tiny, prepared):
    return export.build_model(tiny, prepared)[0]


@pytest.fixture(scope="module")
def scripted(emulator):
    return torch.jit.script(copy.deepcopy(emulator))


def generate(emulator, members=(1, 2, 3), date=(2001, 75), seed=7, steps=STEPS, history=True):
    condition = torch.tensor([date] * len(members), dtype=torch.int64).reshape(len(members), -1)
    with torch.inference_mode():
        return emulator.generate(seed, torch.tensor(members), condition, times(date, len(members)), history, steps)


def times(date, n):
    """Days, as the time of the noise."""
    return torch.full([n], 365 * date[0] + date[1] if date else 0)


@pytest.mark.parametrize("date", [(2001, 75), (2000, 366), ()])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_states_are_physical(emulator, prepared, date, steps):
    state = generate(emulator, date=date, steps=steps)
    assert state.shape == (3, 2, making.ROWS, making.COLUMNS)
    assert state.dtype == torch.float32
    assert torch.isfinite(state).all()
    assert state.min() >= 0
    assert state[:, 0].max() <= 1
    sea = torch.from_numpy(prepared.grid.ocean)
    assert (state[..., ~sea] == 0).all()
    assert state[..., sea].std() > 0.01


@pytest.mark.parametrize("date", [(2001, 75), ()])
def test_scripted_gives_the_same_bits(emulator, scripted, date):
    wanted = generate(emulator, date=date)
    for _ in range(3):  # the profiling executor changes code between the first calls
        assert torch.equal(generate(scripted, date=date), wanted)


def test_repeated_calls_give_the_same_bits(emulator):
    torch.manual_seed(1)
    first = generate(emulator)
    torch.manual_seed(2)
    assert torch.equal(generate(emulator), first)


@pytest.mark.parametrize("of", ["emulator", "scripted"])
def test_members_do_not_depend_on_their_companions(request, of):
    model = request.getfixturevalue(of)
    together = generate(model, (5, 1, 900_000, 2))
    for i, member in enumerate((5, 1, 900_000, 2)):
        assert torch.equal(generate(model, (member,))[0], together[i])


def test_a_condition_belongs_to_its_member(emulator):
    condition = torch.tensor([[2000, 10], [2002, 250]])
    with torch.inference_mode():
        time = torch.cat([times((2000, 10), 1), times((2002, 250), 1)])
        together = emulator.generate(7, torch.tensor([1, 2]), condition, time, True, STEPS)
    assert torch.equal(together[0], generate(emulator, (1,), (2000, 10))[0])
    assert torch.equal(together[1], generate(emulator, (2,), (2002, 250))[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8},
        {"seed": 7 + 2**32},
        {"members": (2,)},
        {"date": (2002, 75)},
        {"date": (2001, 76)},
        {"date": ()},
        {"steps": STEPS + 1},
        {"history": False},
    ],
)
def test_another_key_gives_another_sample(emulator, changes):
    a, b = (generate(emulator, **({"members": (1,)} | change)) for change in ({}, changes))
    assert (a - b).abs().max() > 1e-3


def test_the_condition_reaches_the_network_and_not_the_noise_alone(emulator):
    with torch.inference_mode():
        y = emulator.noise(7, torch.tensor([1]), torch.tensor([75]), True)
        ocean = torch.zeros(1, 64, *LATENT[1:])
        features = torch.zeros(2, 1, 6)
        features[1, 0, -1] = 1
        a, b = (emulator.denoise(y, 1.0, f, ocean) for f in features)
    assert (a - b).abs().max() > 1e-5


@pytest.mark.parametrize("history", [False, True])
def test_noise_is_keyed_and_zero_where_there_is_no_ocean(emulator, history):
    members = torch.tensor([1, 4])
    noise, other = emulator.noise(7, members, torch.tensor([75, 440]), history)
    assert noise.shape == LATENT
    cells = emulator.ocean_cells[0].bool().expand(LATENT)
    assert 0 < cells.float().mean() < 1
    assert (noise[~cells] == 0).all()
    assert abs(noise[cells].std() - 1) < 0.2
    assert torch.equal(emulator.noise(7, members[1:], torch.tensor([440]), history)[0], other)
    assert not torch.equal(emulator.noise(7, members, torch.tensor([0, 0]), history)[0], noise)


def test_encode_and_decode(emulator, scripted, prepared):
    state = torch.from_numpy(prepared.state[:5]).float()
    with torch.inference_mode():
        latent = emulator.encode(state)
        back = emulator.decode(latent)
        assert latent.shape == (5, *LATENT)
        assert back.shape == state.shape
        assert torch.equal(scripted.encode(state), latent)
        assert torch.equal(scripted.decode(latent), back)
        assert (latent * (1 - emulator.ocean_cells) == 0).all()
        sea = emulator.ocean.bool().expand_as(state)
        assert (back[~sea] == 0).all()
        # 40 steps of training are few, but the right state must be told from another.
        right, wrong = (back - state)[sea].abs().mean(), (back.roll(2, 0) - state)[sea].abs().mean()
        assert right < 0.7 * wrong
        # What lies on land does not matter.
        assert torch.equal(emulator.encode(torch.where(sea, state, 1e3)), latent)


def test_latents_of_the_training_data_are_standardised(emulator, prepared):
    with torch.inference_mode():
        latent = emulator.encode(torch.from_numpy(prepared.state[prepared.training]).float()).double()
    cells = emulator.ocean_cells[0, 0].bool()
    # The weights were rounded to half precision after the latents' statistics were taken.
    assert latent[..., cells].mean(0).abs().max() < 0.02
    torch.testing.assert_close(
        latent[..., cells].square().mean((0, 2)).sqrt(), torch.ones(4).double(), atol=0.02, rtol=0
    )


def test_decode_cuts_to_the_bounds(emulator):
    far = 100 * torch.randn(4, *LATENT, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        state = emulator.decode(far)
    sea = emulator.ocean[0, 0].bool()
    assert state.min() == 0
    assert state[:, 0].max() == 1
    assert state[:, 1].max() > 1
    assert (state[:, 0][:, sea] == 0).any()


def of_data_space(ids, **constraints):
    """An emulator whose latents are the states of variables, on 8 x 8 cells of ocean."""
    known, n = variables(ids), len(ids)
    bounds = [torch.tensor([inf if b is None else b for b in side]) for side, inf in
              (([v.lower for v in known], -math.inf), ([v.upper for v in known], math.inf))]  # fmt: skip
    return GenerativeModel(
        encoder=IdentityEncoder(),
        decoder=IdentityDecoder(),
        denoiser=UViT(n, 1, (8, 8), DenoiserConfig((4, 8), (1, 1), embedding=8, eofs=0, heads=2)),
        feature_encoder=None,
        ocean=torch.ones(1, 1, 8, 8),
        normalisation=Normalisation(
            torch.zeros(n), torch.ones(n), torch.zeros(n, 8, 8), torch.ones(n, 1, 1), 2000.0, 1.0
        ),
        constraints=Constraints(
            lower=bounds[0],
            upper=bounds[1],
            concentration=ids.index("sic") if "sic" in ids else -1,
            on_ice_only=torch.tensor([float(v.on_ice_only) for v in known]),
            **constraints,
        ),
        conditional=False,
        sampler=SamplerConfig(steps=2),
    )


@pytest.mark.parametrize("scripted", [False, True])
def test_what_is_of_the_ice_fades_out_where_there_is_none(scripted):
    emulator = of_data_space(["siu", "sit", "sic", "sid"])
    emulator = torch.jit.script(emulator) if scripted else emulator
    mu = torch.full((2, 4, 8, 8), 0.4)
    mu[:, 0] = -0.3
    for x, concentration in enumerate((-0.2, 0.0, 0.0025, 0.01, 0.5, 2.0)):
        mu[:, 2, :, x] = concentration
    state = emulator.decode(mu)
    there = torch.tensor([0.0, 0.0, 0.25, 1.0, 1.0, 1.0])
    torch.testing.assert_close(state[1, 0, 3, :6], -0.3 * there)
    torch.testing.assert_close(state[1, 3, 3, :6], 0.4 * there)
    assert torch.equal(state[:, 1], mu[:, 1])  # thickness is over the sea


@pytest.mark.parametrize("scripted", [False, True])
def test_thickness_agrees_with_concentration(scripted):
    """One is zero where the other is, and their quotient lies in the range, whatever the network gives."""
    model = of_data_space(["sit", "sic"], thickness=0, thinnest=0.05, thickest=13.0)
    model = torch.jit.script(model) if scripted else model
    mu = 3 * torch.randn(50, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    mu[::2, 1] *= 1e-3
    mu[0, :, 0] = torch.tensor(
        [[5.0, 0.0, 1e-30, 0.5, 5.0, 5.0, 0.0, -1.0], [0.0, 0.5, 0.5, 1e-30, 1e-30, 1e-19, 0.0, 2.0]]
    )
    sit, sic = model.decode(mu).double().unbind(1)
    assert torch.equal(sit == 0, sic == 0)
    assert 0.1 < (sic == 0).float().mean() < 0.9
    ratio = (sit / sic)[sic > 0]
    assert ratio.min() >= 0.05
    assert ratio.max() <= 13.0
    inside = (sic > 0) & (mu[:, 0] > 0.06 * sic) & (mu[:, 0] < 12.9 * sic)
    assert torch.equal(sit[inside].float(), mu[:, 0][inside])


def test_thickness_follows_concentration_without_a_step():
    model = of_data_space(["sit", "sic"], thickness=0, thinnest=0.05, thickest=13.0)
    mu = torch.zeros(1, 2, 8, 8)
    mu[0, 0] = 2.0
    mu[0, 1, 0] = torch.linspace(-1e-4, 1e-4, 8)
    sit = model.decode(mu)[0, 0, 0]
    assert sit[0] == 0
    assert sit.diff().abs().max() < 13.0 * 3e-5


@pytest.mark.parametrize("ids", [["sic", "sit"], ["sit", "siu"]])
def test_nothing_fades_without_ice_to_fade_with(ids):
    emulator = of_data_space(ids)
    assert not emulator.fades_without_ice
    state = torch.rand(1, 2, 8, 8)
    assert torch.equal(emulator.decode(state), state)


@pytest.mark.parametrize("of", ["emulator", "scripted"])
def test_refuses_no_steps(request, of):
    with pytest.raises(Exception, match="steps must be at least 1"):
        generate(request.getfixturevalue(of), steps=0)


@pytest.mark.parametrize("multistep", [False, True])
@pytest.mark.parametrize("date", [(2001, 75), ()])
def test_solving_looks_at_no_value_on_the_device(tiny, prepared, date, multistep):
    """So a GPU can record it: tensors without values and elsewhere than the CPU's come through all of it."""
    emulator = export.build_model(tiny, prepared)[0]
    emulator.uses_multistep = multistep
    condition = torch.tensor([date] * 2, dtype=torch.int64).reshape(2, -1)
    with torch.inference_mode():
        time = times(date, 2)
        noise = emulator.noise(7, torch.tensor([1, 2]), time, True)
        latent = emulator.solve(noise, condition, STEPS)
        assert torch.equal(latent, emulator.sample_latent(7, torch.tensor([1, 2]), condition, time, True, STEPS))
        there = emulator.to("meta").solve(noise.to("meta"), condition.to("meta"), STEPS)
    assert there.is_meta
    assert there.shape == latent.shape
