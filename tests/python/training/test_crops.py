# SPDX-License-Identifier: MIT
"""Random crops: fields that belong to states are flipped and turned with them."""

import dataclasses

import numpy as np
import pytest
import torch

from icegen.data import prepared_file
from icegen.data.variables import variables
from icegen.training.crops import Crops
from icegen.training.share import Share


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


def test_means_are_flipped_and_turned_with_their_states(prepared, tmp_path):
    """Means that are the states themselves come as the same crops; drift changes signs and places with its axes."""
    generator = np.random.default_rng(0)
    states = generator.standard_normal((4, 3, *prepared.grid.shape)).astype(np.float16)
    made = dataclasses.replace(
        prepared,
        variables=variables(["sit", "siu", "siv"]),
        state=states.astype(np.float32),
        filled=np.zeros(states.shape, bool),
    )
    times = np.array([3, 1])
    np.save(tmp_path / "means.npy", states[times])
    crops = Crops(made, 32, 12, Share(), times, tmp_path / "means.npy")
    torch.manual_seed(0)
    plan = crops.plan()
    assert {choice[0] for choice in plan} == {0, 1}
    assert {choice[3] for choice in plan} == {True, False}
    state, seen, ocean, means = crops.read(plan)
    assert torch.equal(means, state)
    assert torch.equal(seen, (ocean > 0).expand_as(seen))
    np.testing.assert_array_equal(made.state, states.astype(np.float32))


def test_seen_values_of_drift_turn_with_it(prepared):
    """Where one component was not observed, it is the other one that was not after a turn."""
    states = np.zeros((1, 3, *prepared.grid.shape), np.float32)
    filled = np.zeros(states.shape, bool)
    filled[:, 1] = True
    made = dataclasses.replace(prepared, variables=variables(["sit", "siu", "siv"]), state=states, filled=filled)
    crops = Crops(made, 32, 8, Share(), np.array([0]))
    torch.manual_seed(0)
    plan = crops.plan()
    _, seen, _ = crops.read(plan)
    for (_, _, _, turned), cells in zip(plan, seen, strict=True):
        assert bool(cells[1].any()) == turned
        assert bool(cells[2].any()) != turned
