# SPDX-License-Identifier: MIT
"""The decoder's mu of denoised states: what the sampler's last step leaves of them."""

import copy

import numpy as np
import pytest
import torch

from icegen import archive
from icegen.archive.rebuild import rebuild
from icegen.data import prepared_file
from icegen.training.means import mean_of, write_means
from icegen.training.share import Share


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


@pytest.fixture(scope="module")
def model(tiny):
    return rebuild(archive.load(tiny / "tiny.pt"))[0]


@torch.no_grad()
def test_with_hardly_any_noise_mu_is_that_of_the_state_itself(model, prepared):
    """With much, it loses variance."""
    state = torch.from_numpy(prepared.state[:1].astype(np.float32))
    date = torch.tensor([[int(prepared.year[0]), int(prepared.day_of_year[0])]])
    exact = model.decode_mean(model.encode(state), model.latent_noise)
    errors = []
    for gamma in (20.0, 0.0, -10.0):
        changed = copy.copy(model)
        changed.gamma_high = gamma
        errors.append(float((mean_of(changed, state, date, seed=0) - exact).square().mean()))
    assert errors[0] < 1e-4 < errors[1] < errors[2]


def test_the_file_has_the_normalised_mu_of_the_times(model, prepared, tmp_path):
    path = tmp_path / "run" / "means.npy"
    write_means(path, model, prepared, np.array([5, 2]), Share())
    stored = torch.from_numpy(np.load(path))
    assert stored.dtype == torch.float16
    state = torch.from_numpy(prepared.state[[2]].astype(np.float32))
    date = torch.tensor([[int(prepared.year[2]), int(prepared.day_of_year[2])]])
    with torch.no_grad():
        wanted = (mean_of(model, state, date, seed=2) - model.mean) / model.std
    assert torch.equal(stored[1], wanted[0].half())
    assert stored.shape == (2, *prepared.state.shape[1:])


def test_refuses_a_folder_that_cannot_be(model, prepared, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_means(tmp_path / "file" / "means.npy", model, prepared, np.array([0]), Share())
