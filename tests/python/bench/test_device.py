# SPDX-License-Identifier: MIT
"""The bench on a device: what is counted is right, and each row works on the CPU or says what it lacks."""

import json

import pytest
import torch
from click.testing import CliRunner

import icegen
from compiled import BUILD, require_built
from icegen.bench import limits, suite, training
from icegen.bench.busy import busy, covered
from icegen.bench.device import OnDevice
from icegen.bench.eager import eager
from icegen.command.main import commands

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def archive(tiny):
    return icegen.load(tiny / "tiny.pt")


def test_intervals_that_overlap_count_once():
    assert covered([]) == 0
    assert covered([(5, 6), (0, 2), (1, 3), (1, 2)]) == 4


def test_operations_of_a_convolution():
    convolution = torch.nn.Conv2d(3, 5, 3, padding=1)
    counted = limits._operations(convolution, torch.zeros(2, 3, 8, 8, device="meta"))
    assert counted == 2 * (2 * 5 * 8 * 8) * (3 * 3 * 3)
    assert convolution.weight.device == CPU


def test_work_of_a_batch(archive):
    plain = eager(archive)
    one, two, half = (
        limits.work_of(plain, 7, members, precision)
        for members, precision in ((1, "float32"), (2, "float32"), (1, "bfloat16"))
    )
    assert two.operations == 2 * one.operations
    assert two.bytes == one.bytes > half.bytes > one.bytes / 2
    attention = plain.denoiser.bottleneck
    tokens = torch.zeros(1, 70, 8, device="meta")
    assert limits._operations(attention, tokens, torch.zeros(1, 16, device="meta")) > 4 * 70 * 70 * 8, "counted too"


def test_the_least_time():
    device = limits.Limits(operations=100.0, bandwidth=10.0)
    assert device.seconds(limits.Work(operations=200.0, bytes=10.0)) == 2
    assert device.seconds(limits.Work(operations=200.0, bytes=30.0)) == 3
    found = limits.limits(CPU, "float32")
    assert found.operations > 1e8
    assert found.bandwidth > 1e8


def test_what_wants_a_gpu_says_so(archive):
    on = OnDevice(archive, CPU, 1, 1)
    for row in (lambda: on.kernels(1), lambda: on.copies(1), lambda: on.recorded(1)):
        with pytest.raises(ValueError, match=r"^the device is cpu; wanted a GPU, whose "):
            row()
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match=r"^there is no GPU"):
            busy(lambda: None)


def test_states_made_up_for_a_training():
    config = training.load_config("nextsim")
    data = training.made_up(config, (16, 24), 5)
    assert data.state.shape == (5, 5, 16, 24)
    assert data.training.all()
    assert data.grid.dx == data.grid.dy == 12500
    assert (data.state.min(), data.state.max()) >= (0, 0.9)


@pytest.mark.long
def test_command(tiny, tmp_path, monkeypatch):
    require_built(BUILD / "lib/libicegen_backend_torch.so")
    monkeypatch.setenv("ICEGEN_BUILD", str(BUILD))
    file = tmp_path / "bench.json"
    arguments = ["bench", str(tiny / "tiny.pt"), "--quick", "--device", "cpu", "--tiny", "--json", str(file)]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(file.read_text())
    assert found["about"]["device"] == "cpu, which stands in for a GPU"
    seconds = found["rows"]["seconds of a sample, 2, float32"]
    (detail,) = seconds["details"]
    assert detail["operations_per_second"] == pytest.approx(detail["operations"] / (2 * seconds["figure"]))
    assert found["rows"]["of the device's limit, 2, float32"]["figure"] > 1
    assert {"half the precision", "the latent space", "training of the autoencoder"} <= set(found["rows"])
    assert {"share of kernels, 1", "recording, 2", "copies to the host", "compiled networks"} <= set(found["left_out"])


def test_a_device_that_is_not_there(tiny):
    done = CliRunner().invoke(commands, ["bench", str(tiny / "tiny.pt"), "--device", "cuda:99"])
    assert done.exit_code == 1
    assert "device is 'cuda:99'; this machine offers" in str(done.exception)
    done = CliRunner().invoke(commands, ["bench", str(tiny / "tiny.pt"), "--device", "cpu", "--docs", "."])
    assert "--docs and --device are given; wanted one" in str(done.exception)


def test_measurements_that_fail_are_named():
    def fails():
        raise OSError("no\nspace")

    outcome = suite.Bench({})
    outcome.measure({"a": fails}, lambda what: None)
    assert outcome.left_out == {"a": "no space"}
