# SPDX-License-Identifier: MIT
"""Calibrated decoding keeps the exact zeros and ones of training states."""

import math

import numpy as np
import pytest
import torch

from icegen.archive import export
from icegen.data import prepared_file
from icegen.training import calibration
from icegen.training.calibration import CalibrationConfig


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


@pytest.fixture
def emulator(tiny, prepared):
    return export.build_model(tiny, prepared)[0]


def states(prepared):
    times = np.flatnonzero(prepared.training)
    seen = torch.from_numpy(prepared.grid.ocean & ~prepared.filled[times])
    return torch.from_numpy(prepared.state[times]).float(), seen


settings = CalibrationConfig


def test_nothing_wanted_changes_nothing(emulator, prepared):
    calibration.calibrate(emulator, prepared, settings())
    assert torch.equal(emulator.zero_threshold, emulator.lower)
    assert (emulator.full_shoulder == 0).all()


def test_gain(emulator, prepared):
    """The gain corrects what a cell lacks at all times; an earlier gain makes no difference."""
    state, seen = states(prepared)
    between = seen & (state > 0) & (state < emulator.upper)
    row, column = (int(i) for i in (between[:, 1].sum(0) == len(state)).nonzero()[0])

    def error():
        return (emulator.decode_mean(emulator.encode(state)) - state)[:, 1, row, column].square().mean()

    calibration.calibrate(emulator, prepared, settings(gain=True))
    assert torch.equal(emulator.gain, emulator.gain.half().float())
    assert (emulator.gain[~between.any(0)] == 0).all()
    right, gain = error(), emulator.gain.clone()
    emulator.gain.zero_()
    assert right < error()
    emulator.gain[1, row, column] = -0.5
    assert right < 0.5 * error()
    calibration.calibrate(emulator, prepared, settings(gain=True))
    assert torch.equal(emulator.gain, gain)


def test_the_wanted_share_of_zeros_is_kept(emulator, prepared):
    state, seen = states(prepared)

    def kept():
        decoded = emulator.decode(emulator.encode(state))
        return [(decoded[:, i][zero] == 0).float().mean().item()
                for i, zero in ((i, seen[:, i] & (state[:, i] == 0)) for i in range(2))]  # fmt: skip

    before = kept()
    wanted = max(before) + 0.5 * (1 - max(before))
    calibration.calibrate(emulator, prepared, settings(zeros_kept=wanted))
    assert (emulator.zero_threshold > 0).all()
    np.testing.assert_allclose(kept(), wanted, atol=0.01)
    assert min(kept()) > wanted - 1e-3  # states one by one or in a batch differ in rounding
    calibration.calibrate(emulator, prepared, settings(zeros_kept=0.01))
    assert torch.equal(emulator.zero_threshold, emulator.lower)  # more are kept anyway; never below the bound


def test_no_more_ones_than_in_truth(emulator, prepared):
    emulator.constrain_thickness(-1, 0.0, math.inf)  # thickness would follow concentration
    state, seen = states(prepared)
    sic = seen[:, 0]

    def ones():
        return (emulator.decode(emulator.encode(state))[:, 0][sic] == 1).float().mean().item()

    true = (state[:, 0][sic] == 1).float().mean().item()
    emulator.decoder.head.bias[:4] += 3.0  # a decoder with too many
    assert ones() > true + 0.01
    before = emulator.decode(emulator.encode(state))
    calibration.calibrate(emulator, prepared, settings(ones_matched=True))
    assert emulator.full_shoulder[0] > 0
    assert emulator.full_shoulder[1] == 0  # no upper bound
    assert ones() == pytest.approx(true, abs=2e-3)
    after = emulator.decode(emulator.encode(state))
    assert torch.equal(after[:, 1], before[:, 1])
    assert (after <= before).all()
    below = before[:, 0] < 1 - emulator.full_shoulder[0, 0, 0]
    assert torch.equal(after[:, 0][below], before[:, 0][below])


def test_cut_and_shoulder_keep_the_order_and_make_no_step(emulator):
    emulator.zero_threshold[0], emulator.full_shoulder[0] = 0.2, 0.1
    mu = torch.linspace(-0.1, 1.3, 1401)
    emulator.decode_mean = lambda latent, noise: mu[:, None, None, None].expand(-1, 2, *emulator.ocean.shape[2:])
    sea = emulator.ocean[0, 0].bool()
    decoded = emulator.decode(torch.zeros(1401, 1))[:, 0][:, sea][:, 0]
    assert (decoded.diff() >= 0).all()
    assert decoded.diff().max() < 2.1e-3
    assert (decoded[mu < 0.1999] == 0).all()
    assert (decoded[mu > 0.2001] > 0).all()
    unchanged = (mu >= 0.4) & (mu <= 0.9)
    torch.testing.assert_close(decoded[unchanged], mu[unchanged])
    assert (decoded[mu < 1.0999] < 1).all()
    assert (decoded[mu > 1.1001] == 1).all()


@pytest.mark.parametrize(
    ("mu", "state", "upper", "shoulder"),
    [
        ([0.2, 1.3, 1.1, 1.2], [0.2, 1.0, 0.9, 1.0], 1.0, 0.2),
        ([0.2, 0.9, 1.1, 1.2], [0.2, 1.0, 1.0, 1.0], 1.0, 0.0),  # too few anyway
        ([0.2, 1.3], [0.2, 0.9], 1.0, 0.0),  # none in truth: no share to match
        ([0.2, 1.3], [0.2, 1.3], float("inf"), 0.0),
    ],
)
def test_shoulder_of_few_values(mu, state, upper, shoulder):
    found = calibration.full_shoulder(torch.tensor(mu), torch.tensor(state), upper)
    assert found == pytest.approx(shoulder, abs=1e-6)


def test_a_variable_without_bounds_stays_as_decoded(emulator, prepared):
    emulator.constrain_thickness(-1, 0.0, math.inf)
    emulator.lower[1], emulator.upper[1] = -torch.inf, torch.inf
    calibration.calibrate(emulator, prepared, settings(zeros_kept=0.99, ones_matched=True))
    latent = emulator.encode(states(prepared)[0])
    free = emulator.decode_mean(latent) * emulator.ocean
    state = emulator.decode(latent)
    assert torch.equal(state[:, 1], free[:, 1])
    assert not torch.equal(state[:, 0], free[:, 0])
