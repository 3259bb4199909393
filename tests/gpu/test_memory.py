# SPDX-License-Identifier: MIT
"""Memory of a device: none is lost over many requests, and having too little of it is an error that passes."""

import contextlib

import numpy as np
import pytest
import torch

from icegen.bench import process

pytestmark = pytest.mark.gpu
REQUESTS = {"cuda": 500, "cpu": 50}
GROWTH = 8.0  # MB of the host's memory, which counts its pages lazily


def test_flat_over_many_requests(make, device, dated):
    model = make()

    def serve(number: int) -> None:
        for i in range(number):
            condition = (2000 + i % 3, 1 + i % 365)
            model.generate((i + 1, i + 2)[: 1 + i % 2], **dated.keywords | {"condition": condition, "time": 730000 + i})

    def held() -> list[float]:
        on_device = [torch.cuda.memory_allocated(), torch.cuda.memory_reserved()] if device == "cuda" else []
        return [process.reset_peak(), *on_device]

    serve(20)
    before = held()
    serve(REQUESTS[device])
    after = held()
    assert after[1:] == before[1:], "the device's"
    assert after[0] - before[0] < GROWTH, "the host's"


@contextlib.contextmanager
def memory_of_gpu(more: float):
    """Let this process take only ``more`` bytes of GPU 0 than it has now."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_reserved(0) + more) / total), 0)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, 0)


def test_too_little_memory_is_an_error_that_passes(make, gpu, dated):
    """Whether it lacks in the sampler, while that is recorded, or in the decoder."""
    model = make("cuda:0")
    wanted = model.generate(dated.members, **dated.keywords)
    with memory_of_gpu(more=1e9):
        for size in (128, 512):
            with pytest.raises(ValueError, match="out of memory"):
                model.generate(range(1, size + 1), **dated.keywords)
            np.testing.assert_array_equal(model.generate(dated.members, **dated.keywords), wanted)
    states = model.generate(range(1, 65), **dated.keywords)
    assert np.isfinite(states).all()


def test_the_bridge_outlives_too_little_memory(gpu, archive, tmp_path):
    bridge = pytest.importorskip("icegen.host.bridge", reason="the bridge needs MPI and Fortran", exc_type=ImportError)
    namelist = tmp_path / "icegen.nml"
    namelist.write_text(f"&icegen_nml archive = '{archive}', device = 'cuda', batch = 512 /\n")
    with bridge.Emulator(namelist) as ice:
        ice.add_target("T", [0.0, 90.0], [85.0, 86.0])
        ice.request(1, 2001, 75)
        wanted = ice.receive("T", "sic", 1)
        with memory_of_gpu(more=1e9):
            ice.request(512, 2001, 75, slot=2)
            with pytest.raises(bridge.BridgeError, match="out of memory") as caught:
                ice.receive("T", "sic", 1, slot=2)
            assert caught.value.status != 0
            ice.request(1, 2001, 75, slot=3)
            np.testing.assert_array_equal(ice.receive("T", "sic", 1, slot=3), wanted)
