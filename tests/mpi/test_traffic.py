# SPDX-License-Identifier: MIT
"""What each call sends: counted by tests/mpi/traffic.c, over nodes that tests/mpi/profiled.c simulates."""

import json

import numpy as np
import pyproj
import pytest

import archives
from compiled import BUILD, mpirun

X = (np.arange(512) - 255.5) * 25e3
OCEAN_CELLS, MEMBERS, VARIABLES = 127_773, 5, 2
STATE = 4 * OCEAN_CELLS * VARIABLES  # bytes
# All messages go over TCP, where the kernel counts them, if the MPI is Open MPI.
COUNTED = {"OMPI_MCA_btl": "self,tcp", "OMPI_MCA_btl_tcp_if_include": "lo"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An archive as large as those that ship, and beside it points at the ocean cells."""
    folder = tmp_path_factory.mktemp("traffic")
    x, y = np.meshgrid(X, X)
    ocean = np.zeros(x.size, bool)
    ocean[np.argsort(np.hypot(x, y).ravel(), kind="stable")[:OCEAN_CELLS]] = True
    lon, lat = pyproj.Transformer.from_crs("EPSG:6931", "EPSG:4326", always_xy=True).transform(x, y)
    np.stack([lon.ravel(), lat.ravel()], 1)[ocean].tofile(folder / "points.bin")
    fields = {"sic": np.full(x.shape, 0.5), "sit": np.hypot(x, y)}
    return archives.write(folder / "a.pt", archives.projected(X, X), fields, ocean.reshape(x.shape))


def count(archive, ranks: int, nodes: int, generators: int = 1, members: int = MEMBERS) -> dict[str, dict]:
    """What traffic.c prints, by kind of call."""
    namelist = archive.parent / "icegen.nml"
    backend = BUILD / "lib/libfield_backend.so"
    namelist.write_text(f"&icegen_nml archive = '{archive}', backend = '{backend}', generators = {generators} /\n")
    arguments = [namelist, archive.parent / "points.bin", members, "sic", "sit"]
    finished = mpirun(ranks, "traffic", *arguments, environment=COUNTED | {"SIMULATED_NODES": str(nodes)})
    assert finished.returncode == 0, finished.stdout + finished.stderr
    lines = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith("{")]
    return {line.pop("what"): line for line in lines}


@pytest.fixture(scope="module")
def counted(archive) -> dict[str, dict]:
    return count(archive, ranks=32, nodes=4)


@pytest.mark.long
def test_a_state_goes_once_to_each_node(counted, record_property):
    """Between nodes: for 3 targets and 2 fields, hardly more than the state of each member for each other node."""
    first, later = counted["first_receive"], counted["later_receive"]
    assert first["broadcasts"] == MEMBERS  # on leaders
    assert first["others"] == 0
    if first["bytes"] == 0:
        pytest.skip("this MPI sends nothing over TCP")
    between = first["bytes_between"] + later["bytes_between"]
    record_property("figure", f"{between:,} bytes")
    assert between >= 3 * MEMBERS * STATE, "less would mean that they were not counted"
    assert between <= 1.1 * 4 * MEMBERS * STATE


def test_a_state_on_the_node_costs_one_reduction(counted):
    """Further fields and targets of a member."""
    later = counted["later_receive"]
    assert later["calls"] == 5 * MEMBERS
    assert later["reductions"] == later["calls"]
    assert later["broadcasts"] == later["barriers"] == later["others"] == 0
    assert later["messages"] == 2 * 31 * later["calls"]


def test_other_calls(counted):
    for what in ("request", "test", "remove_target"):
        assert counted[what]["reductions"] == 1
        assert counted[what]["broadcasts"] == counted[what]["barriers"] == counted[what]["others"] == 0


@pytest.mark.long
def test_add_target_knows_no_generators(archive, counted):
    """It exchanges nothing but errors, however many generators there are."""
    few, many = counted["add_target"], count(archive, ranks=32, nodes=4, generators=8)["add_target"]
    assert few["reductions"] == many["reductions"] == 2 * few["calls"]
    assert few["broadcasts"] == few["barriers"] == few["others"] == 0
    assert few["messages"] == many["messages"] == 2 * 31 * few["reductions"]


def test_each_rank_interpolates_its_own_points(counted):
    assert counted["points"]["most"] <= OCEAN_CELLS / 32 + 1


def test_windows_are_few(archive):
    """Their number grows with the logarithm of the members that are held."""
    few, many = (count(archive, ranks=2, nodes=1, members=members)["close"]["barriers"] for members in (1, 31))
    assert (few, many) == (1, 5)


def test_an_archive_is_read_once_on_each_node(archive, tmp_path):
    """In pieces: neither the first rank nor a generator has it in memory, unless its model does."""
    large = tmp_path / "large.pt"
    weights = np.random.default_rng(0).bytes(100_000_000)
    archives.pack(large, archives.unpack(archive) | {"weights.bin": weights})
    (tmp_path / "points.bin").write_bytes((archive.parent / "points.bin").read_bytes())
    large.with_name("large.pt.f4").write_bytes(archive.with_name("a.pt.f4").read_bytes())
    size = large.stat().st_size
    opening = count(large, ranks=4, nodes=2, generators=2, members=1)["opening"]
    assert 2 * size <= opening["read"] < 2.1 * size
    assert opening["grown"] < 0.1 * size
