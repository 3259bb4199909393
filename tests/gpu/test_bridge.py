# SPDX-License-Identifier: MIT
"""The whole bridge, as a host calls it, with its model on the device; needs MPI, Fortran and f90wrap."""

import dataclasses
from datetime import date

import numpy as np
import pytest

from compiled import BUILD, ENVIRONMENT
from on_device import PythonModel, require_near

pytestmark = pytest.mark.gpu
MEMBERS = (1, 2, 3)


@pytest.fixture
def bridge(device, monkeypatch):
    for name, value in (ENVIRONMENT | {"ICEGEN_BUILD": str(BUILD)}).items():
        monkeypatch.setenv(name, value)
    return pytest.importorskip("icegen.host.bridge", reason="no bridge for Python", exc_type=ImportError)


@pytest.fixture
def namelist(archive, device, tmp_path):
    path = tmp_path / "icegen.nml"
    path.write_text(f"&icegen_nml archive = '{archive}', device = '{device}', seed = 7, steps = 4, batch = 2 /\n")
    return path


def received(ice, archive, variables, member) -> np.ndarray:
    fields = [ice.receive("cells", v.id, member).reshape(archive.grid.shape) for v in variables]
    return np.nan_to_num(np.stack(fields)).astype(np.float32)


def test_members_as_python_makes_them(bridge, namelist, archive, device, dated):
    """A batch of two and one that is left over, at every cell."""
    icegen = pytest.importorskip("icegen")
    loaded = icegen.load(archive)
    request = dataclasses.replace(dated, members=MEMBERS, time=date(2001, 3, 16).toordinal())
    wanted = PythonModel(archive, device).generate(request)
    with bridge.Emulator(namelist) as ice:
        ice.add_target("cells", *loaded.grid.lonlat)
        ice.request(len(MEMBERS), 2001, 75)
        for member in MEMBERS:
            states = received(ice, loaded, loaded.variables, member)
            require_near(states[None], wanted[member - 1][None], "float32")


def test_two_emulators_on_one_device(bridge, namelist):
    """Both generate while the host waits for neither."""
    with bridge.Emulator(namelist) as first, bridge.Emulator(namelist) as second:
        for ice in (first, second):
            ice.add_target("T", [0.0, 90.0], [85.0, 86.0])
            ice.request(2, 2001, 75)
        fields = [ice.receive("T", "sic", 2) for ice in (first, second)]
    np.testing.assert_allclose(fields[0], fields[1], atol=1e-3)
