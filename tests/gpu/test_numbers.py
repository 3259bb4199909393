# SPDX-License-Identifier: MIT
"""What a backend makes on a device: as Python there, near to the CPU, whatever the batch, and the same in each run."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compiled import BUILD, ROOT
from on_device import PythonModel, Request, require_near, tf32

pytestmark = pytest.mark.gpu
BATCHES = (1, 2, 16, 64)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_as_python_on_the_same_device(make, device, archive, dated, precision):
    states = make(precision=precision).generate(dated.members, **dated.keywords)
    wanted = PythonModel(archive, device, precision).generate(dated)
    assert states.std() > 0.01
    if device == "cpu":
        np.testing.assert_array_equal(states, wanted)
    else:  # the bridge samples both members together, Python one by one
        require_near(states, wanted, precision)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_near_to_the_cpu(make, device, archive, dated, precision):
    if precision == "tf32" and device == "cpu":
        pytest.skip("the CPU knows no TF32")
    wanted = PythonModel(archive, "cpu").generate(dated)
    with tf32(precision == "tf32"):
        states = make(precision="bfloat16" if precision == "bfloat16" else "float32").generate(
            dated.members, **dated.keywords
        )
    require_near(states, wanted, precision)
    if precision == "bfloat16":
        assert not np.array_equal(states, wanted), "the precision is taken"


def test_any_batch(make, device, dated):
    """Each member is the one asked for, whatever its companions."""
    model = make()
    largest = tuple(range(1, BATCHES[-1] + 1))
    wanted = {m: model.generate([m], **dated.keywords)[0] for m in (1, 2, 3, 16, 33, 64)}
    for size in BATCHES:
        states = model.generate(largest[:size], **dated.keywords)
        for member in (m for m in wanted if m <= size):
            if device == "cpu":
                np.testing.assert_array_equal(states[member - 1], wanted[member])
            else:
                require_near(states[member - 1][None], wanted[member][None], "float32")
    swapped = model.generate([3, 1], **dated.keywords)
    require_near(swapped, np.stack([wanted[3], wanted[1]]), "float32")
    assert not np.array_equal(wanted[1], wanted[2])


def test_without_a_date(make, device, archive):
    request = Request(members=(5,))
    require_near(make().generate((5,), **request.keywords), PythonModel(archive, device).generate(request), "float32")


def test_the_same_bits_in_each_run(device, archive, dated):
    """Of two processes, and of the first and the last request of each."""
    program = Path(__file__).with_name("one_run.py")
    environment = os.environ | {"ICEGEN_BUILD": str(BUILD), "PYTHONPATH": f"{ROOT / 'python'}:{ROOT / 'tests'}"}
    digests = [
        subprocess.run(
            [sys.executable, "-W", "ignore", program, archive, device],
            capture_output=True, text=True, check=True, env=environment, timeout=600,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    (first, last), other = digests[0], digests[1]
    assert len(first) == len(hashlib.sha256().hexdigest())
    assert first == last
    assert [first, last] == other


def test_refusals(make, device, dated):
    """A request that the model refuses is an error, and the next one works."""
    model = make()
    wanted = model.generate(dated.members, **dated.keywords)
    with pytest.raises(ValueError, match="steps"):
        model.generate(dated.members, **dated.keywords | {"steps": -1})
    np.testing.assert_array_equal(model.generate(dated.members, **dated.keywords), wanted)
