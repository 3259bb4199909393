# SPDX-License-Identifier: MIT
"""icegen.host.backend: a backend without the bridge makes the bits that the archive makes, and says what it refuses."""

import numpy as np
import pytest

import icegen
from compiled import BUILD, require_built
from icegen.archive.dates import time_of
from icegen.host.backend import Backend, BackendError
from observations import analysed
from perturbations import near, own_ice


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


def test_the_same_bits_near_a_state(tiny):
    archive = icegen.load(tiny / "tiny.pt")
    weight = np.broadcast_to(archive.grid.lonlat[0] > 0, (2, *archive.grid.shape)).astype(np.float32)
    given = np.stack(list(own_ice(*archive.grid.lonlat).values())) * weight
    wanted = near(archive, given, weight, [0, 3, 2], 0.6, 7, 2001, 75)
    key = {"seed": 7, "condition": (2001, 75), "time": time_of(2001, 75, "continuous"), "history": True}
    with Backend(tiny / "tiny.pt") as model:
        np.testing.assert_array_equal(model.perturb(given, weight, 0.6, [0, 3, 2], **key), wanted)
        for member in model.perturb(given, weight, 0.0, [0, 3], **key):
            np.testing.assert_array_equal(member, wanted[0])
        with pytest.raises(ValueError, match=r"given has shape \(40, 56\); wanted \(2, 40, 56\)"):
            model.perturb(given[0], weight, 0.6, [1], **key)
        with pytest.raises(BackendError, match=r"level is 1.5; wanted 0 to 1"):
            model.perturb(given, weight, 1.5, [1], **key)
    with Backend(tiny / "first_contract.pt") as model, pytest.raises(BackendError, match="this archive cannot perturb"):
        model.perturb(given, weight, 0.6, [1], **key)


@pytest.mark.long
def test_the_same_bits_with_observations(tiny):
    """Also where other observations follow, or the same at another date, because a gain is kept."""
    archive = icegen.load(tiny / "tiny.pt")
    ocean, lat = archive.grid.ocean, archive.grid.lonlat[1]
    precision = np.stack([np.where(ocean & (lat > 75), 25, 0), np.where(ocean & (lat > 80), 4, 0)]).astype(np.float32)
    observed = np.full(precision.shape, 0.5, np.float32)
    with Backend(tiny / "tiny.pt") as model:
        for seen, day in ((precision, 75), (precision[::-1].copy(), 75), (precision, 75), (precision, 250)):
            key = {"condition": (2001, day), "time": time_of(2001, day, "continuous"), "history": True}
            states = model.analyse(observed, seen, [1, 4], seed=7, **key)
            np.testing.assert_array_equal(states, analysed(archive, observed, seen, [1, 4], 7, 2001, day))
        with pytest.raises(ValueError, match=r"precision has shape \(40, 56\); wanted \(2, 40, 56\)"):
            model.analyse(observed, precision[0], [1], **key)
    with (
        Backend(tiny / "first_contract.pt") as model,
        pytest.raises(BackendError, match="this archive takes no observ"),
    ):
        model.analyse(observed, precision, [1], **key)


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
