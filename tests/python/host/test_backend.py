# SPDX-License-Identifier: MIT
"""icegen.host.backend: a backend without the bridge makes the bits that the archive makes, and says what it refuses."""

import numpy as np
import pytest

import icegen
from compiled import BUILD, require_built
from icegen.archive.dates import time_of
from icegen.host.backend import Backend, BackendError


@pytest.fixture(autouse=True)
def built(monkeypatch):
    require_built(BUILD / "lib/libicegen_backend_torch.so")
    monkeypatch.setenv("ICEGEN_BUILD", str(BUILD))


def test_the_same_bits_as_the_archive(tiny):
    wanted = icegen.load(tiny / "tiny.pt").generate([2, 5], seed=7, year=2001, day_of_year=75).numpy()
    time = time_of(2001, 75, "continuous")
    with Backend(tiny / "tiny.pt") as model:
        states = model.generate([2, 5], seed=7, condition=(2001, 75), time=time, history=True)
        assert states.std() > 0.01
        np.testing.assert_array_equal(states, wanted)
        free = model.generate([1], seed=7)
    np.testing.assert_array_equal(free, icegen.load(tiny / "tiny.pt").generate([1], seed=7).numpy())
    model.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "cuda:99"}, r"device is 'cuda'; wanted CUDA device 99, this node has \d"),
        ({"name": "aoti"}, "it has no compiled networks"),
    ],
)
def test_refusals(tiny, settings, message):
    try:
        with pytest.raises(BackendError, match=message):
            Backend(tiny / "tiny.pt", **settings)
    except FileNotFoundError:
        pytest.skip("this build has no backend aoti")


def test_a_backend_that_is_not_built(tiny):
    with pytest.raises(FileNotFoundError, match="the bridge was built without backend 'onnx'"):
        Backend(tiny / "tiny.pt", name="onnx")


def test_steps_that_make_no_sense(tiny):
    with Backend(tiny / "tiny.pt") as model, pytest.raises(BackendError, match="steps"):
        model.generate([1], steps=-1)
