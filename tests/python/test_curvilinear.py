# SPDX-License-Identifier: MIT
"""A curvilinear grid all the way: prepared, trained on, exported, sampled, plotted, and received by a host."""

import dataclasses
import datetime
import sysconfig

import numpy as np
import pytest
import xarray as xr

import icegen
import tiny as making
from compiled import BUILD, ENVIRONMENT, require_built
from icegen.archive import export
from icegen.command.main import commands
from icegen.data import prepared_file
from icegen.data.consistency import MODELLED
from icegen.data.grid import CurvilinearGrid, Grid
from icegen.data.variables import variables
from icegen.maps import plot
from icegen.training import trainings

IDS = ("sic", "sit", "siu", "siv")


class Ice:
    """Two years of ice on cells that no projection names: a plane, turned and bent."""

    variables = variables(IDS)
    split = None
    averaging = None
    thickness = MODELLED

    def __init__(self):
        self.attributes = {}
        plane = Grid((np.arange(48) - 20) * 120e3, (np.arange(40) - 24) * 110e3, "EPSG:3413", np.ones((40, 48), bool))
        longitude, latitude = plane.lonlat
        self.latitude = latitude + 9 * np.sin(np.radians(3 * longitude)) * np.cos(np.radians(latitude)) ** 3
        self.grid = CurvilinearGrid(longitude, self.latitude, (longitude < 0) | (longitude > 25))
        self.times = [datetime.datetime(year, month, 15) for year in (2000, 2001) for month in range(1, 13)]

    def read(self, t):
        sic = np.clip((self.latitude - 72 + 6 * np.cos(t * np.pi / 6)) / 5, 0, 1)
        state = np.stack([sic, 2 * sic, 0.1 * sic, -0.05 * sic]) * (
            1 + 0.01 * t * np.array([0, 1, 1, 1])[:, None, None]
        )
        return np.where(self.grid.ocean, state, np.nan)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curvilinear")
    config = dataclasses.replace(making.CONFIG, variables=IDS)
    prepared = prepared_file.load(prepared_file.prepare(Ice(), folder / "prepared.nc", validation_years=[2001]))
    trainings.train_autoencoder(config, prepared, trainings.Run(folder))
    trainings.train_diffusion(config, prepared, trainings.Run(folder))
    export.export(folder, prepared, folder / "curvilinear.pt", "curvilinear")
    return folder / "curvilinear.pt"


def test_the_archive_keeps_the_grid(path):
    found, made = icegen.load(path).grid, Ice().grid
    assert isinstance(found, CurvilinearGrid)
    np.testing.assert_allclose(found.longitude, made.longitude, atol=1e-12)
    np.testing.assert_allclose(found.latitude, made.latitude, atol=1e-12)
    np.testing.assert_array_equal(found.ocean, made.ocean)


def test_samples_are_cf_and_can_be_drawn(path, tmp_path):
    states = icegen.load(path).sample(2, year=2000, day_of_year=75)
    states.to_netcdf(tmp_path / "ice.nc")
    read = xr.open_dataset(tmp_path / "ice.nc")
    assert {"lat", "lon"} <= set(read.coords)
    assert "crs" not in read.variables
    assert "grid_mapping" not in read.sit.attrs | read.sit.encoding
    np.testing.assert_allclose(read.cell_area, Ice().grid.cell_area)
    plot.maps(read, ["sic", "siu"]).savefig(tmp_path / "ice.png")
    assert (tmp_path / "ice.png").stat().st_size > 20_000


def test_info_says_so(path, capsys):
    commands(["info", str(path)], standalone_mode=False)
    assert "40 x 48 curvilinear cells" in capsys.readouterr().out


def test_a_host_gets_the_same_bits_at_the_cells_and_drift_turned(path, tmp_path, monkeypatch):
    require_built(BUILD / "lib" / f"_icegen_flat{sysconfig.get_config_var('EXT_SUFFIX')}")
    for name, value in (ENVIRONMENT | {"ICEGEN_BUILD": str(BUILD)}).items():
        monkeypatch.setenv(name, value)
    from icegen.host import bridge

    archive = icegen.load(path)
    states = archive.sample(1, seed=3, year=2000, day_of_year=75).isel(realization=0)
    (tmp_path / "icegen.nml").write_text(f"&icegen_nml archive = '{path}', seed = 3 /\n")
    with bridge.Emulator(tmp_path / "icegen.nml") as ice:
        ice.add_target("cells", *archive.grid.lonlat)
        ice.request(1, 2000, 75)
        east, north, sit = (ice.receive("cells", name, 1).reshape(40, 48) for name in ("siu_east", "siv_north", "sit"))
    np.testing.assert_array_equal(sit, states.sit)
    wanted = (states.siu + 1j * states.siv).values * archive.grid.x_direction
    inner = (slice(1, -1), slice(1, -1))  # directions at the rim are one-sided differences
    np.testing.assert_allclose((east + 1j * north)[inner], wanted[inner], atol=2e-3)
    assert np.nanmax(np.abs(wanted)) > 0.01
