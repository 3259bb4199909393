# SPDX-License-Identifier: MIT
"""The demonstration host on a tiny archive: what it writes, on any number of ranks, and what it refuses."""

import netCDF4
import numpy as np
import pytest

from compiled import mpirun

NAMELIST = """\
&host_nml nlon = 72, nlat = 36, year = 2001, members = 2, output = '{output}'{host} /
&icegen_nml archive = '{archive}', seed = 3{icegen} /
"""


@pytest.fixture
def run(tiny, tmp_path):
    """A function that runs the host with further namelist entries; returns the finished process and the output."""

    def go(ranks=1, archive="tiny.pt", host="", icegen="", name="seaice.nc", program="demo_host"):
        output = tmp_path / name
        text = NAMELIST.format(output=output, archive=tiny / archive, host=host, icegen=icegen)
        (tmp_path / "host.nml").write_text(text)
        return mpirun(ranks, program, tmp_path / "host.nml"), output

    return go


def test_writes_a_year_of_sea_ice(run):
    process, path = run(ranks=2)
    assert process.returncode == 0, process.stdout + process.stderr
    with netCDF4.Dataset(path) as nc:
        assert nc["sic"].dimensions == ("time", "member", "lat", "lon")
        assert nc["sic"].shape == nc["sit"].shape == (12, 2, 36, 72)
        sic, sit = nc["sic"][:], nc["sit"][:]
        assert sic.min() >= 0
        assert sic.max() <= 1
        assert sit.min() >= 0
        np.testing.assert_array_equal(sic.mask, sit.mask)
        assert sic.mask[..., :18, :].all(), "missing in the southern hemisphere"
        assert 0 < (~sic.mask).sum() < sic.size
        assert (sic[:, 0] != sic[:, 1]).any(), "members differ"
        area = nc["cell_area"][:]
        extent = np.where(sic.filled(0) >= 0.15, area, 0).sum((2, 3))
        np.testing.assert_allclose(nc["extent"][:], extent, rtol=1e-9)
        np.testing.assert_allclose(nc["volume"][:], (sit.filled(0) * area).sum((2, 3)), rtol=1e-5)
        times = netCDF4.num2date(nc["time"][:], nc["time"].units)
        assert [(t.year, t.month, t.day) for t in times] == [(2001, month, 15) for month in range(1, 13)]


@pytest.mark.long
def test_perturbs_its_own_ice(run):
    """At level 0 all members are the host's ice, as the archive's grid has it; their spread grows with the level."""
    ice = {}
    for level in (0.0, 0.2, 1.0):
        process, path = run(ranks=2, host=f", level = {level}", name=f"{level}.nc")
        assert process.returncode == 0, process.stdout + process.stderr
        with netCDF4.Dataset(path) as nc:
            ice[level] = nc["sic"][:]
    np.testing.assert_array_equal(ice[0.0][:, 0], ice[0.0][:, 1])
    spread = [np.abs(sic[:, 0] - sic[:, 1]).mean() for sic in ice.values()]
    assert 0 == spread[0] < spread[1] < spread[2]
    departure = np.abs(ice[0.2] - ice[0.0]).mean()
    assert 0 < departure < np.abs(ice[1.0] - ice[0.0]).mean()


@pytest.mark.long
def test_agrees_with_what_it_observed(run):
    """Members are nearer to each other where all of them agree with the same observations, on any number of ranks."""
    ice = []
    for ranks, host in ((2, ""), (2, ", error = 0.02"), (3, ", error = 0.02")):
        process, path = run(ranks=ranks, host=host, name=f"{ranks}{len(host)}.nc")
        assert process.returncode == 0, process.stdout + process.stderr
        with netCDF4.Dataset(path) as nc:
            ice.append(nc["sic"][:])
    free, observed, same = ice
    np.testing.assert_array_equal(observed, same)
    spread = [np.abs(sic[:, 0, :, ::10] - sic[:, 1, :, ::10]).mean() for sic in (free, observed)]
    assert spread[1] < 0.7 * spread[0]


def contents(path):
    """All variables of a file, with fill values where they are missing."""
    with netCDF4.Dataset(path) as nc:
        return {name: np.ma.filled(v[:]) for name, v in nc.variables.items()}


@pytest.mark.long
def test_any_number_of_ranks_and_any_compiler_options_write_the_same_file(run):
    """demo_host_strict: -fdefault-real-8, big-endian files, floating-point traps, checks, signalling NaN."""
    expected = None
    for ranks, program in ((1, "demo_host"), (4, "demo_host"), (7, "demo_host"), (2, "demo_host_strict")):
        process, path = run(ranks=ranks, name=f"{program}_{ranks}.nc", program=program)
        assert process.returncode == 0, process.stdout + process.stderr
        found = contents(path)
        expected = expected or found
        assert expected.keys() == found.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(values, found[name], err_msg=f"{name} of {program} on {ranks} ranks")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"archive": "nowhere.pt"}, "nowhere.pt cannot be read"),
        ({"archive": "truncated.pt"}, "does not end with its checksum"),
        ({"archive": "future.pt"}, "contract 99"),
        ({"icegen": ", devise = 'cpu'"}, "devise"),
        ({"icegen": ", device = 'cuda'"}, "CUDA"),
        ({"host": ", mambers = 3"}, "mambers"),
        ({"host": ", members = 0"}, "members"),
        ({"host": ", level = 1.5"}, "level = 1.500, wanted 0 to 1, or less than 0"),
        ({"host": ", error = -0.1"}, "error = -0.1000, wanted 0 to 1"),
        ({"host": ", error = 0.1, level = 0.5"}, "level and error are both given, wanted one of them"),
        ({"host": ", error = 0.1", "archive": "first_contract.pt"}, "this archive takes no observations"),
        ({"host": ", level = 0.5", "archive": "first_contract.pt"}, "an archive of contract 1 cannot perturb"),
        ({"host": ", year = 1900"}, "year is 1900; this archive takes 2000 to 2002"),
        ({"name": "no/folder/seaice.nc"}, "seaice.nc"),
    ],
)
def test_refuses(run, tmp_path, settings, words):
    """One clear line, a non-zero exit on any number of ranks, and nothing half-written."""
    process, path = run(ranks=2, **settings)
    assert process.returncode != 0
    lines = [line for line in process.stderr.splitlines() if line.startswith("demo_host: ")]
    assert len(lines) == 1
    assert words in lines[0]
    assert not path.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["host.nml"]
