# SPDX-License-Identifier: MIT
"""Threads and processors change the last bits of a sample, always in the same way, and no more."""

import hashlib

import numpy as np
import pytest
import torch

import icegen
from icegen.archive import shipped
from icegen.model.noise import standard_normal
from reproducibility import golden, machines
from reproducibility.host import namelist, play, receive, request, target

NORMALS = "9409ba2681de67d642af1e84e788d9572949ddf377912e54b20ded59c9467657"  # SHA-256 of the first 65,536 of a key


def check(found: dict[str, machines.Difference], archive) -> None:
    for v in archive.variables:
        largest, rms = golden.tolerance(archive, v.units)
        assert found[v.id].largest <= largest, v.id
        assert found[v.id].rms <= rms, v.id


def test_noise_is_the_same_on_any_machine():
    """Its words are integers; its normals, made in float64, are rounded to float32."""
    normals = standard_normal(2**16, 7, 1, 1024 * 2001 + 75, 0, torch.device("cpu")).numpy().astype("<f4")
    assert hashlib.sha256(normals.tobytes()).hexdigest() == NORMALS


@pytest.fixture(scope="module")
def archive(tiny):
    return icegen.load(tiny / "tiny.pt")


@pytest.fixture(scope="module")
def with_two_threads(archive):
    return machines.generate(machines.THREADS, archive.path, golden.STEPS)


def test_two_threads_against_one(archive, with_two_threads):
    one = golden.samples(archive)
    check(machines.differences(archive, one, with_two_threads), archive)


def test_two_threads_of_a_host(archive, with_two_threads, tmp_path):
    """The same bits as two threads in Python, in another process."""
    settings = namelist(tmp_path, archive.path, seed=golden.SEED, steps=golden.STEPS, threads=2)
    lines = [request(1, 1, 1, 2001, 75), *receive(1, [1])]
    script = ["ranks 1", f"open {settings}", target(tmp_path, archive), *lines, "close"]
    sit, sic = play(script, 1, tmp_path).reshape(2, *archive.grid.shape)
    ocean = archive.grid.ocean
    np.testing.assert_array_equal(np.stack([sic, sit])[:, ocean], with_two_threads[0][:, ocean])


@pytest.fixture(scope="module", params=shipped.names())
def shipped_states(request):
    archive = icegen.load(request.param)
    return archive, machines.generate(machines.HERE, archive.path, archive.default_steps)


@pytest.mark.soak
@pytest.mark.parametrize("machine", machines.OTHERS, ids=lambda machine: machine.name)
def test_shipped_archives_on_other_machines(shipped_states, machine, record_property):
    archive, states = shipped_states
    found = machines.differences(archive, states, machines.generate(machine, archive.path, archive.default_steps))
    largest = ", ".join(f"{v.id} {found[v.id].largest:.1e} {v.units}" for v in archive.variables)
    record_property("figure", f"largest difference: {largest}")
    check(found, archive)
