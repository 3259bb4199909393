# SPDX-License-Identifier: MIT
"""icegen.bridge: Python calls the Fortran module, and gets the same bits as from the archive."""

import os
import subprocess
import sys
import sysconfig

import numpy as np
import pandas as pd
import pytest

import icegen
from compiled import BUILD, ENVIRONMENT, require_built
from observations import analysed, cell_fields
from perturbations import as_taken, near, own_ice

EXTENSION = BUILD / "lib" / f"_icegen_flat{sysconfig.get_config_var('EXT_SUFFIX')}"


@pytest.fixture(scope="module")
def bridge():
    require_built(EXTENSION)
    patch = pytest.MonkeyPatch()
    for name, value in (ENVIRONMENT | {"ICEGEN_BUILD": str(BUILD)}).items():
        patch.setenv(name, value)
    from icegen.host import bridge

    yield bridge
    patch.undo()


@pytest.fixture
def ice(bridge, tiny):
    with bridge.Emulator(tiny / "icegen.nml") as emulator:
        yield emulator


@pytest.fixture(params=["tiny", "detailed"])
def path(request):
    """An archive, and one with a detail network."""
    return request.getfixturevalue(request.param) / f"{request.param}.pt"


@pytest.fixture
def ice_of(bridge, path):
    with bridge.Emulator(path.parent / "icegen.nml") as emulator:
        yield emulator


def test_the_same_bits_as_the_archive(ice_of, path):
    """At the archive's own cell centres; NaN where it has no ocean."""
    ice, archive = ice_of, icegen.load(path)
    ice.add_target("cells", *archive.grid.lonlat)
    ice.request(3, 2001, 75)
    states = archive.sample(3, seed=7, year=2001, day_of_year=75)
    for member in (1, 3):
        for variable in ("sic", "sit"):
            wanted = states[variable].sel(realization=member).values
            received = ice.receive("cells", variable, member).reshape(wanted.shape)
            np.testing.assert_array_equal(received, wanted.astype(np.float64))
    assert np.nanstd(received) > 0.01


def test_slots_and_first_member(ice, tiny):
    archive = icegen.load(tiny / "tiny.pt")
    lon, lat = archive.grid.lonlat
    ice.add_target("cells", lon, lat)
    ice.request(1, 2001, 75)
    ice.request(2, 2002, 10, slot=2, first_member=5)
    for slot, member, date in ((2, 6, (2002, 10)), (1, 1, (2001, 75))):
        wanted = archive.sample([member], seed=7, year=date[0], day_of_year=date[1]).sit.values[0]
        np.testing.assert_array_equal(ice.receive("cells", "sit", member, slot=slot).reshape(lat.shape), wanted)
        assert ice.ready(slot)


def test_perturb(bridge, ice_of, path):
    """The bits of the module at the archive's own cells, where NaN and what is not valid are not given."""
    ice, archive = ice_of, icegen.load(path)
    lon, lat = archive.grid.lonlat
    own = own_ice(lon, lat)
    away = lon < -90
    ice.add_target("cells", lon, lat)
    ice.give("cells", "sic", np.where(away, np.nan, own["sic"]))
    ice.give("cells", "sit", own["sit"], valid=~away)
    ice.perturb(2, 0.3, 2001, 75, slot=4, first_member=8)
    weight = np.broadcast_to(~away & archive.grid.ocean, (2, *lat.shape))
    given = np.where(weight, as_taken(np.stack([own["sic"], own["sit"]])), 0)
    states = near(archive, given, weight, [0, 9], 0.3, 7, 2001, 75)
    wanted = np.where(archive.grid.ocean, states, np.nan).astype(np.float64)
    for i, variable in enumerate(("sic", "sit")):
        for member, state in zip((0, 9), wanted, strict=True):
            received = ice.receive("cells", variable, member, slot=4).reshape(lat.shape)
            np.testing.assert_array_equal(received, state[i])
        increment = ice.receive("cells", f"{variable}_increment", 9, slot=4).reshape(lat.shape)
        np.testing.assert_array_equal(increment, wanted[1, i] - wanted[0, i])
    with pytest.raises(bridge.BridgeError, match="no field was given since the last perturbation"):
        ice.perturb(1, 0.3, 2001, 75)
    ice.request(1, 2001, 75)
    with pytest.raises(bridge.BridgeError, match="sic_increment is known after perturb"):
        ice.receive("cells", "sic_increment", 1)


def test_analyse(bridge, ice_of, path):
    """The bits of the module at the archive's own cells, where NaN and what is not valid are not observed."""
    ice, archive = ice_of, icegen.load(path)
    lon, lat = archive.grid.lonlat
    own = own_ice(lon, lat)
    near_pole = lat > 78
    errors = 0.1 + 0.01 * (90 - lat)
    ice.add_target("cells", lon, lat)
    ice.observe("cells", "sic", np.where(near_pole, own["sic"], np.nan), 0.05)
    ice.observe("cells", "sit", own["sit"], errors, valid=near_pole)
    ice.analyse(2, 2001, 75, slot=4, first_member=8)
    cells = np.flatnonzero(near_pole & archive.grid.ocean)
    sic, sit = (own[v].ravel()[cells] for v in ("sic", "sit"))
    points = [[(cells, sic, np.full(cells.shape, 0.05))], [(cells, sit, errors.ravel()[cells])]]
    states = analysed(archive, *cell_fields(lat.shape, points), [9], 7, 2001, 75)
    places = {"longitude": lon.ravel()[cells], "latitude": lat.ravel()[cells]}
    table = pd.concat(
        [
            pd.DataFrame(places | {"variable": "sic", "value": sic, "error": 0.05}),
            pd.DataFrame(places | {"variable": "sit", "value": sit, "error": errors.ravel()[cells]}),
        ]
    )
    of_table = archive.sample([9], seed=7, year=2001, day_of_year=75, observations=table)
    for variable, state in zip(("sic", "sit"), np.where(archive.grid.ocean, states[0], np.nan), strict=True):
        np.testing.assert_array_equal(ice.receive("cells", variable, 9, slot=4).reshape(lat.shape), state)
        np.testing.assert_array_equal(of_table[variable][0], state)
    with pytest.raises(bridge.BridgeError, match="the archive's ocean was not observed since the last analysis"):
        ice.analyse(1, 2001, 75)


def test_no_points(ice):
    ice.add_target("none", [], [])
    ice.request(1, 2001, 75)
    assert ice.receive("none", "sic", 1).shape == (0,)


def test_a_target_that_is_removed(bridge, ice):
    ice.add_target("T", [0.0, 10.0], [90.0, 85.0])
    ice.request(1, 2001, 75)
    both = ice.receive("T", "sic", 1)
    ice.remove_target("T")
    with pytest.raises(bridge.BridgeError, match="unknown target 'T'"):
        ice.receive("T", "sic", 1)
    with pytest.raises(bridge.BridgeError, match="unknown target 'T'"):
        ice.remove_target("T")
    ice.add_target("T", [10.0], [85.0])
    np.testing.assert_array_equal(ice.receive("T", "sic", 1), both[1:])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda ice: ice.request(0, 2001, 75), "members"),
        (lambda ice: ice.request(1, 1066, 75), "1066"),
        (lambda ice: ice.add_target("T", [0.0, 1.0], [80.0]), "T"),
        (lambda ice: ice.receive("nowhere", "sic", 1), "nowhere"),
        (lambda ice: ice.give("nowhere", "sic", [0.5]), "nowhere"),
        (lambda ice: ice.perturb(1, 0.5, 2001, 75), "no field was given"),
        (lambda ice: ice.perturb(1, 1.01, 2001, 75), "level is 1.01; wanted 0 to 1"),
        (lambda ice: ice.observe("nowhere", "sic", [0.5], [0.1]), "nowhere"),
        (lambda ice: ice.analyse(1, 2001, 75), "the archive's ocean was not observed"),
    ],
)
def test_refusals_are_exceptions_and_leave_it_usable(bridge, ice, call, words):
    with pytest.raises(bridge.BridgeError, match=words) as refusal:
        call(ice)
    assert refusal.value.status > 0
    assert str(refusal.value) == str(refusal.value).strip()
    ice.add_target("pole", [0.0], [90.0])
    ice.request(1, 2001, 75)
    assert 0 <= ice.receive("pole", "sic", 1)[0] <= 1


def test_closed(bridge, tiny):
    ice = bridge.Emulator(tiny / "icegen.nml")
    ice.close()
    ice.close()
    with pytest.raises(bridge.BridgeError, match="closed"):
        ice.request(1, 2001, 75)


def test_missing_namelist_and_damaged_archive(bridge, tiny, tmp_path):
    with pytest.raises(bridge.BridgeError, match=r"nowhere\.nml"):
        bridge.Emulator(tmp_path / "nowhere.nml")
    (tmp_path / "icegen.nml").write_text(f"&icegen_nml archive = '{tiny / 'flipped.pt'}' /\n")
    with pytest.raises(bridge.BridgeError, match="damaged"):
        bridge.Emulator(tmp_path / "icegen.nml")


def test_says_what_is_missing(tmp_path):
    """Without the built bridge, the error names the missing tools."""
    environment = os.environ | {"ICEGEN_BUILD": str(tmp_path), "FC": "nagfor", "PATH": str(tmp_path)}
    command = [sys.executable, "-c", "from icegen import bridge"]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    last = run.stderr.splitlines()[-1]
    assert last.startswith("ImportError: icegen was installed without its Fortran bridge; install CMake and ")
    assert "a Fortran compiler ($FC or gfortran) and MPI (mpifort)" in last
