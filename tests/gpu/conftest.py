# SPDX-License-Identifier: MIT
"""The device and the archive of these tests: a GPU and a shipped archive, or the CPU and a tiny one."""

from pathlib import Path

import pytest

from compiled import BUILD, ROOT, require_built
from on_device import Request, device_wanted, tf32


@pytest.fixture(scope="session")
def device() -> str:
    """Cuda or cpu; skips where no GPU is and none is to be stood in for."""
    wanted = device_wanted()
    if wanted is None:
        pytest.skip("there is no GPU")
    require_built(BUILD / "lib/libicegen_backend_torch.so")
    return wanted


@pytest.fixture
def gpu(device) -> str:
    """The device, where the CPU cannot stand in for it."""
    if device == "cpu":
        pytest.skip("the CPU cannot show this")
    return device


@pytest.fixture(scope="session")
def archive(device, request) -> Path:
    """Its real sizes on a GPU."""
    return ROOT / "torchscript/arctic_observed.pt" if device == "cuda" else request.getfixturevalue("tiny") / "tiny.pt"


@pytest.fixture
def dated() -> Request:
    """A request with a date that all archives of these tests know."""
    return Request(members=(1, 2), condition=(2001, 75), time=730560, history=True)


@pytest.fixture(autouse=True)
def no_tf32():
    with tf32(False):
        yield


@pytest.fixture
def make(device, archive, monkeypatch):
    """Makes models of a backend, which are freed when the test ends."""
    from icegen.host.backend import Backend

    monkeypatch.setenv("ICEGEN_BUILD", str(BUILD))
    made = []

    def made_with(where: str = device, **settings) -> Backend:
        made.append(Backend(archive, where, **settings))
        return made[-1]

    yield made_with
    for model in made:
        model.close()
