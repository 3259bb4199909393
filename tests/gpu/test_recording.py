# SPDX-License-Identifier: MIT
"""The sampler recorded and replayed gives what running it gives; torch 2.13 or newer records, on a GPU."""

import dataclasses

import numpy as np
import pytest
import torch

from icegen.host.backend import BackendError
from on_device import require_near

pytestmark = pytest.mark.gpu


def test_replay_as_running(make, device, dated, monkeypatch):
    """Also where more shapes are asked for than recordings are kept, and inputs change between replays."""
    monkeypatch.setenv("ICEGEN_RECORD", "off")
    running = make()
    monkeypatch.setenv("ICEGEN_RECORD", "on")
    recorded = make()
    requests = [
        dataclasses.replace(dated, members=tuple(range(first, first + size)), condition=condition, steps=steps)
        for first, size, condition, steps in (
            (1, 1, (2001, 75), 4), (1, 2, (2001, 75), 4), (5, 1, (2002, 10), 4), (1, 1, (), 4), (1, 1, (2001, 75), 3),
            (1, 3, (2001, 75), 4), (9, 1, (2000, 360), 4), (1, 1, (2001, 75), 4),
        )
    ]  # fmt: skip
    for request in requests:
        states, wanted = (model.generate(request.members, **request.keywords) for model in (recorded, running))
        if device == "cpu":
            np.testing.assert_array_equal(states, wanted)
        else:
            require_near(states, wanted, "float32")


@pytest.mark.skipif(torch.__version__ < "2.13", reason="torch 2.13 or newer records")
def test_a_replay_gives_the_same_bits_as_the_first(make, gpu, dated):
    model = make()
    first = model.generate(dated.members, **dated.keywords)
    for _ in range(3):
        np.testing.assert_array_equal(model.generate(dated.members, **dated.keywords), first)


def test_unknown_words_are_refused(make, monkeypatch):
    monkeypatch.setenv("ICEGEN_RECORD", "maybe")
    with pytest.raises(BackendError, match=r"^ICEGEN_RECORD is 'maybe'; wanted on or off$"):
        make()
