# SPDX-License-Identifier: MIT
"""Latents are encoded once, standardised when they are read, and encoded anew for another encoder or other data."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from icegen.data import prepared_file
from icegen.model.autoencoder import IdentityEncoder
from icegen.training import checkpoints, latents
from icegen.training.share import Share

CPU = torch.device("cpu")
ALL = torch.arange(48)


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


@pytest.fixture(scope="module")
def encoder(tiny):
    return checkpoints.load_autoencoder(tiny)[0].encoder


@pytest.fixture(scope="module")
def encoded(encoder, prepared, tmp_path_factory):
    return latents.encode(encoder, prepared, tmp_path_factory.mktemp("encoded"), CPU, Share())


def test_latents_are_standardised(encoded, prepared):
    assert encoded.shape == (48, 4, 5, 7)
    assert len(encoded) == 48
    assert encoded.mean.shape == (4, 5, 7)
    assert encoded.std.shape == (4, 1, 1)
    found = encoded[ALL]
    assert found.dtype == torch.float16
    cells = torch.nn.functional.max_pool2d(torch.from_numpy(prepared.grid.ocean)[None].float(), 8)[0].bool()
    assert (found[..., ~cells] == 0).all()
    known = found[torch.from_numpy(prepared.training)][..., cells].double()
    assert known.mean(0).abs().max() < 1e-3
    torch.testing.assert_close(known.square().mean((0, 2)).sqrt(), torch.ones(4).double(), atol=1e-3, rtol=0)
    assert torch.equal(encoded[torch.tensor([7, 3, 7])], found[[7, 3, 7]])


def test_latents_are_those_of_each_state_alone(encoded, encoder, prepared):
    ocean = torch.from_numpy(prepared.grid.ocean)[None, None].float()
    mean, std = (torch.from_numpy(a)[:, None, None].float() for a in (prepared.mean, prepared.std))
    with torch.no_grad():
        wanted = encoder((torch.from_numpy(prepared.state[9])[None].float() - mean) / std * ocean, ocean)[0]
    assert torch.equal(latents.read_raw(encoded.path, [9], encoded.mean.shape), wanted)


def test_states_of_data_space_are_standardised_variables(prepared, tmp_path):
    states = latents.encode(IdentityEncoder(), prepared, tmp_path, CPU, Share())
    assert states.shape == prepared.state.shape
    back = (states[ALL[5:6]][0].float() * states.std + states.mean).numpy()
    back = back * prepared.std[:, None, None] + prepared.mean[:, None, None]
    sea = prepared.grid.ocean
    np.testing.assert_allclose(back[:, sea], prepared.state[5][:, sea], atol=3e-3)


def test_latents_are_encoded_once(encoded, encoder, prepared):
    before = encoded.path.stat().st_mtime_ns
    again = latents.encode(encoder, prepared, encoded.path.parent, CPU, Share())
    assert encoded.path.stat().st_mtime_ns == before
    assert torch.equal(again[ALL], encoded[ALL])


def test_latents_that_were_not_finished_belong_to_no_encoder(encoder, prepared, tmp_path, monkeypatch):
    """Those of one encoder, then those of another, whose record of origin could not be written."""
    wanted = latents.encode(encoder, prepared, tmp_path, CPU, Share())[ALL]

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            latents.encode(IdentityEncoder(), prepared, tmp_path, CPU, Share())
    torch.testing.assert_close(latents.encode(encoder, prepared, tmp_path, CPU, Share())[ALL], wanted)


@pytest.mark.parametrize("what", ["encoder", "split", "data without digest", "file"])
def test_latents_of_something_else_are_encoded_anew(encoded, encoder, prepared, tmp_path, what):
    folder = shutil.copytree(encoded.path.parent, tmp_path / "copy")
    path = folder / latents.FILE
    before = path.stat().st_mtime_ns
    if what == "encoder":
        encoder = IdentityEncoder()
    if what == "split":
        prepared = dataclasses.replace(prepared, split=np.where(prepared.year < 2002, b"t", b"v"))
    if what == "data without digest":
        prepared = dataclasses.replace(prepared, sha256="")
    if what == "file":
        path.write_bytes(path.read_bytes()[:-4])
    latents.encode(encoder, prepared, folder, CPU, Share())
    assert path.stat().st_mtime_ns != before


class OneOfTwo(Share):
    """A rank that notes the shapes of what the ranks exchange."""

    def __init__(self, rank):
        super().__init__(rank, 2)
        self.shapes = []

    def mean(self, value):
        self.shapes.append(value.shape)
        return value

    def agree(self, failure, device):
        assert failure is None


def test_a_rank_without_training_states_takes_part(encoder, prepared, tmp_path):
    """The last of the ranks has the last years, which may all be for test."""
    split = np.where(np.arange(48) < 24, b"t", b"x")
    ranks = OneOfTwo(0), OneOfTwo(1)
    for rank in ranks:
        latents.encode(encoder, dataclasses.replace(prepared, split=split), tmp_path, CPU, rank)
    assert ranks[0].shapes == ranks[1].shapes


def test_refuses_latents_that_were_cut(encoded, tmp_path):
    path = tmp_path / latents.FILE
    path.write_bytes(encoded.path.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"latents\.f4 is truncated; remove it"):
        latents.read_raw(path, [46, 47], encoded.mean.shape)
