# SPDX-License-Identifier: MIT
"""`icegen restart`: a refusal is one line and leaves nothing behind; a run that was stopped goes on."""

import re

import netCDF4
import numpy as np
import pytest

from host_files import CATEGORIES, write_cice, write_pop_grid
from icegen.archive import describe
from icegen.ensemble.cice import CICETemplate
from icegen.ensemble.points import PointIce, PointRequest
from icegen.ensemble.ranks import Ranks
from icegen.ensemble.restarts import write_restarts


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("restarts")
    grid = write_pop_grid(folder / "grid.nc")
    return write_cice(folder / "iced.nc", grid), grid


def fewer_categories(folder, iced, grid):
    """aicen of one category less than the other fields."""
    with netCDF4.Dataset(iced) as old, netCDF4.Dataset(folder / "fewer.nc", "w") as new:
        for name, dimension in old.dimensions.items():
            new.createDimension(name, dimension.size)
        new.createDimension("fewer", CATEGORIES - 1)
        for name, field in old.variables.items():
            axes = ("fewer", *field.dimensions[1:]) if name == "aicen" else field.dimensions
            new.createVariable(name, "f8", axes)[:] = field[: CATEGORIES - 1] if name == "aicen" else field[:]
    return folder / "fewer.nc", grid


def without_categories(folder, iced, grid):
    return write_cice(folder / "without.nc", grid, leave_out="vicen"), grid


def other_grid(folder, iced, grid):
    return iced, write_pop_grid(folder / "other.nc", kmt=np.arange(30) * np.ones((22, 1)) < 15)


def cut(folder, iced, grid):
    (folder / "cut.nc").write_bytes(iced.read_bytes()[:-5000])
    return folder / "cut.nc", grid


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (fewer_categories, r"\w+ of \S+fewer.nc has shape \(5, 22, 30\); aicen has \(4, 22, 30\)"),
        (without_categories, r"\S+without.nc lacks vicen; wanted a restart of CICE in NetCDF"),
        (other_grid, r"\S+ has \d+% of its ice on land of \S+other.nc; wanted the grid of the template"),
        (cut, r"\S+cut.nc cannot be read as NetCDF: .*"),
    ],
)
def test_a_template_that_is_refused(icegen, tiny, files, tmp_path, change, line):
    template, grid = change(tmp_path, *files)
    before = sorted(tmp_path.iterdir())
    date = ("--year", 2001, "--day", 75, "--archive", tiny / "tiny.pt")
    status, output, errors = icegen("restart", "cice", "--template", template, "--grid", grid, *date, "--out", "out")
    assert (status, output) == (1, "")
    assert re.fullmatch(f"icegen: {line}\n", errors)
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_cannot_be_made(bridge, icegen, tiny, files, tmp_path):
    (tmp_path / "file").touch()
    date = ("--year", 2001, "--day", 75, "--archive", tiny / "tiny.pt")
    given = ("--template", files[0], "--grid", files[1], *date, "--out", tmp_path / "file/out")
    status, output, errors = icegen("restart", "cice", *given)
    assert (status, output) == (1, "")
    assert errors == f"icegen: folder {tmp_path}/file/out cannot be created: Not a directory\n"


def test_a_request_that_is_refused_binds_no_folder(bridge, tiny, files, tmp_path):
    template, archive, out = CICETemplate(*files), describe(tiny / "tiny.pt"), tmp_path / "out"
    with pytest.raises(ValueError, match="year is 1801; this archive takes 2000 to 2002"):
        write_restarts(template, archive, PointRequest(archive.path, 1801, 75, steps=2), 1, out, Ranks())
    assert not out.exists()
    out.mkdir()
    (out / "icegen_restarts.json").write_text('{"year": 1801}')  # of a run that was killed before its first member
    write_restarts(template, archive, PointRequest(archive.path, 2001, 75, steps=2), 1, out, Ranks())
    assert (out / "member_001/iced.nc").exists()


def test_a_stopped_run_goes_on(bridge, tiny, files, tmp_path):
    """The second member fails half-way; what is there stays, and the files are those of a run that was not stopped."""

    class Stopping(CICETemplate):
        def write(self, folder, ice: PointIce, note: str) -> None:
            super().write(folder, ice, note)
            if "member 2" in note:
                raise OSError("stopped")

    archive, out = describe(tiny / "tiny.pt"), tmp_path / "out"
    request = PointRequest(archive.path, 2001, 75, steps=2)
    with pytest.raises(OSError, match=r"member 2 cannot be written to .*: stopped"):
        write_restarts(Stopping(*files), archive, request, 3, out, Ranks())
    assert sorted(path.name for path in out.iterdir()) == ["icegen_restarts.json", "member_001"]
    first = (out / "member_001/iced.nc").stat().st_mtime_ns
    made = write_restarts(CICETemplate(*files), archive, request, 3, out, Ranks())
    assert made[0].stat().st_mtime_ns == first
    whole = write_restarts(CICETemplate(*files), archive, request, 3, tmp_path / "whole", Ranks())
    for one, other in zip(made, whole, strict=True):
        with netCDF4.Dataset(one) as a, netCDF4.Dataset(other) as b:
            assert all(a[name][...].tobytes() == b[name][...].tobytes() for name in a.variables)
