# SPDX-License-Identifier: MIT
"""One request, every way to it: PyTorch modules, the TorchScript archive, `icegen sample`, C, and Fortran.

tests/python/test_bridge.py does the same with icegen.bridge; tests/reproducibility with all numbers of ranks.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from click.testing import CliRunner

import icegen
from compiled import mpirun
from icegen.archive import export
from icegen.archive.dates import time_of
from icegen.command.main import commands
from icegen.data import prepared_file

YEAR, DAY, MEMBERS, SEED = 2001, 75, 3, 7


@pytest.fixture(scope="module")
def archive(tiny):
    return icegen.load(tiny / "tiny.pt")


@pytest.fixture(scope="module")
def states(archive) -> np.ndarray:
    """The archive's own states, float32 [member, variable, y, x]."""
    return archive.generate([1, 2, 3], seed=SEED, year=YEAR, day_of_year=DAY).numpy()


def receive(program: str, ranks: int, folder: Path, tiny: Path, lon, lat, variables: str, **settings) -> np.ndarray:
    """Fields at points through a compiled program, float64 [member, variable, point], -1 where not valid."""
    np.stack([np.ravel(lon), np.ravel(lat)], 1).astype(np.float64).tofile(folder / "points.bin")
    namelist = folder / "icegen.nml"
    told = {"archive": str(tiny / "tiny.pt"), "seed": SEED} | settings
    namelist.write_text("&icegen_nml " + ", ".join(f"{key} = {value!r}" for key, value in told.items()) + " /\n")
    arguments = [namelist, folder / "points.bin", folder / "out.bin", YEAR, DAY, MEMBERS, variables]
    run = mpirun(ranks, program, *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    return np.fromfile(folder / "out.bin").reshape(MEMBERS, variables.count(",") + 1, -1)


def test_pytorch_modules_and_archive(tiny, states):
    """The modules that were scripted give the very bits of the script."""
    emulator, config = export.build_model(tiny, prepared_file.load(tiny / "prepared.nc"))
    condition = torch.tensor([[YEAR, DAY]] * MEMBERS)
    time = torch.full([MEMBERS], time_of(YEAR, DAY, "continuous"))
    with torch.inference_mode():
        eager = emulator.generate(SEED, torch.tensor([1, 2, 3]), condition, time, True, config.sampler.steps)
    np.testing.assert_array_equal(eager.numpy(), states)


def test_command_line(tmp_path, tiny, archive, states):
    """Files of `icegen sample` hold the archive's own bits, and nothing on land."""
    date = "03-16"  # day 75
    arguments = ["--archive", tiny / "tiny.pt", "--device", "cpu", "--members", MEMBERS, "--seed", SEED]
    arguments += ["--years", YEAR, "--dates", date]
    run = CliRunner().invoke(commands, ["sample", *map(str, arguments), "--out", str(tmp_path)])
    assert run.exit_code == 0, run.output
    with xr.open_dataset(tmp_path / f"seaice_{YEAR}.nc") as file:
        assert int(file.time.dt.dayofyear[0]) == DAY
        for i, v in enumerate(archive.variables):
            expected = np.where(archive.grid.ocean, states[:, i], np.nan)
            np.testing.assert_array_equal(file[v.id].values[0], expected)


@pytest.mark.parametrize(
    ("program", "ranks", "generators", "variables"),
    [
        ("probe_c", 1, 1, "sic"),
        ("probe_c", 2, 1, "sit"),
        ("probe_fortran", 2, 1, "sic,sit"),
        ("probe_fortran", 5, 2, "sit,sic"),
    ],
)
def test_archive_and_compiled(tmp_path, tiny, archive, states, program, ranks, generators, variables):
    """At the archive's own cell centres a host gets the archive's own bits, and nothing on land."""
    fields = receive(program, ranks, tmp_path, tiny, *archive.grid.lonlat, variables, generators=generators)
    ocean = archive.grid.ocean.ravel()
    index = [[v.id for v in archive.variables].index(variable) for variable in variables.split(",")]
    expected = states[:, index].reshape(*fields.shape)
    np.testing.assert_array_equal(fields[..., ocean], expected[..., ocean].astype(np.float64))
    assert (fields[..., ~ocean] == -1).all()
    assert len(np.unique(fields[..., ocean])) > 3, "a field that is the same everywhere would prove little"


def test_half_the_precision(tmp_path, tiny, archive):
    """A host gets the archive's own bits in bfloat16 too."""
    half = icegen.load(tiny / "tiny.pt", precision="bfloat16")
    expected = half.generate([1, 2, 3], seed=SEED, year=YEAR, day_of_year=DAY)[:, 0].flatten(1).numpy()
    fields = receive("probe_c", 1, tmp_path, tiny, *archive.grid.lonlat, "sic", precision="bfloat16")[:, 0]
    ocean = archive.grid.ocean.ravel()
    np.testing.assert_array_equal(fields[:, ocean], expected[:, ocean].astype(np.float64))


@pytest.mark.long
def test_between_the_cells(tmp_path, tiny, archive, states):
    """At a host's own points: bilinear between ocean cells, the same bits on all numbers of ranks."""
    lon, lat = np.meshgrid(np.arange(-180.0, 180.0, 7.3), np.arange(58.0, 90.0, 1.7))
    one = receive("probe_fortran", 1, tmp_path, tiny, lon, lat, "sit")[:, 0]
    three = receive("probe_fortran", 3, tmp_path, tiny, lon + 360.0, lat, "sit", generators=2)[:, 0]
    np.testing.assert_allclose(one, three, rtol=0, atol=1e-6)  # another longitude rounds its weights otherwise
    np.testing.assert_array_equal(one, receive("probe_fortran", 2, tmp_path, tiny, lon, lat, "sit")[:, 0])

    # Where all four cells are ocean, the weights are the plain bilinear ones.
    import pyproj

    x, y = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:6931", always_xy=True).transform(lon.ravel(), lat.ravel())
    column, row = (x - archive.grid.x[0]) / archive.grid.dx, (y - archive.grid.y[0]) / archive.grid.dy
    inside = (row > 0) & (column > 0) & (row < archive.grid.shape[0] - 1) & (column < archive.grid.shape[1] - 1)
    r, c = np.floor(row[inside]).astype(int), np.floor(column[inside]).astype(int)
    sea = archive.grid.ocean
    open_sea = sea[r, c] & sea[r + 1, c] & sea[r, c + 1] & sea[r + 1, c + 1]
    assert open_sea.sum() > 50
    r, c, fr, fc = (a[open_sea] for a in (r, c, (row[inside] - r), (column[inside] - c)))
    s = states[:, 1].astype(np.float64)
    expected = (1 - fr) * ((1 - fc) * s[:, r, c] + fc * s[:, r, c + 1])
    expected += fr * ((1 - fc) * s[:, r + 1, c] + fc * s[:, r + 1, c + 1])
    np.testing.assert_allclose(one[:, np.flatnonzero(inside)[open_sea]], expected, rtol=1e-6, atol=1e-6)


def test_libtorch_on_generators_alone(tmp_path, tiny):
    """Ranks that do not generate never load libtorch."""
    np.array([[0.0, 90.0]]).tofile(tmp_path / "points.bin")
    arguments = [tiny / "icegen.nml", tmp_path / "points.bin", tmp_path / "out.bin", YEAR, DAY, 1, "sic"]
    lines = sorted(line for line in mpirun(3, "probe_fortran", *arguments).stdout.splitlines() if "libtorch" in line)
    assert lines == ["rank 0 libtorch T", "rank 1 libtorch F", "rank 2 libtorch F"]
