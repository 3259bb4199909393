# SPDX-License-Identifier: MIT
"""Restarts of SI3: contents follow the ice, all else keeps its bits."""

import netCDF4
import numpy as np
import pytest

from host_files import ROWS, write_pop_grid, write_si3
from icegen.ensemble.points import PointIce
from icegen.ensemble.si3 import SI3Template, bounds_of


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("si3")
    grid = write_pop_grid(folder / "mesh_mask.nc")
    return write_si3(folder / "restart_ice.nc", grid), grid


def read(path) -> dict[str, np.ndarray]:
    with netCDF4.Dataset(path) as nc:
        return {name: variable[...].filled() for name, variable in nc.variables.items()}


def test_bounds_of_categories():
    """Of five categories with a mean of 2 m, the default of NEMO."""
    np.testing.assert_allclose(bounds_of(5, 2.0), [0, 0.4540, 1.1293, 2.1415, 3.6706, 99.0], atol=1e-3)
    with pytest.raises(ValueError, match="is 0 m; wanted more than 0"):
        bounds_of(5, 0)


def test_contents_follow_the_ice(bridge, files, tmp_path):
    template = SI3Template(*files, bounds=2.0)
    north = (template.points[1] > 0).astype(float)
    template.write(tmp_path, PointIce(0.9 * north, 1.8 * north, north), "icegen")
    before, after = read(files[0]), read(tmp_path / "restart_ice.nc")
    assert {name for name in before if before[name].tobytes() != after[name].tobytes()} == {
        "a_i", "v_i", "v_s", "sv_i", "szv_i_l01", "oa_i", "a_ip", "t_su", "e_i_l01", "e_i_l02", "e_s_l01"
    }  # fmt: skip
    kept = ~template.grid.ocean | (template.grid.latitude < 0)
    for name in ("a_i", "e_i_l01", "oa_i"):
        assert before[name][..., kept].tobytes() == after[name][..., kept].tobytes()
    ours = template.grid.ocean & (template.grid.latitude > 0)
    area, volume, snow = (after[name][0][:, ours] for name in ("a_i", "v_i", "v_s"))
    np.testing.assert_allclose(area.sum(0), 0.9)
    np.testing.assert_allclose(volume.sum(0), 1.8)
    iced = volume > 0
    for name, amount, each in (("e_i_l01", volume, 2e8), ("sv_i", volume, 4.0), ("e_s_l01", snow, 1e8)):
        np.testing.assert_allclose(after[name][0][:, ours][iced], (each * amount)[iced])
    assert np.all(after["t_su"][0][:, ours][iced] == 260)
    had = before["a_i"][0][:, ours] > 0
    assert np.all(after["oa_i"][0][:, ours][iced & ~had] == 0), "new ice is young"
    np.testing.assert_allclose(after["oa_i"][0][:, ours][iced & had], 2 * area[iced & had])


def test_refusals(files, tmp_path):
    path, grid = files
    with pytest.raises(ValueError, match="there are 3 bounds; wanted 6 for the 5 categories"):
        SI3Template(path, grid, bounds=[0, 1, 2])
    with pytest.raises(ValueError, match=r"lacks.* e_s_l01; wanted a whole restart_ice of SI3"):
        SI3Template(write_si3(tmp_path / "lacks.nc", grid, leave_out="e_s_l01"), grid, bounds=2.0)
    with pytest.raises(ValueError, match="has no ice with snow; wanted a template"):
        SI3Template(write_si3(tmp_path / "free.nc", grid, ice=0.0), grid, bounds=2.0)
    small = write_pop_grid(tmp_path / "small.nc", **{n: v[1:] for n, v in read(grid).items()})
    with pytest.raises(ValueError, match=f"is of {ROWS - 1} x 30 cells; the template is of {ROWS} x 30"):
        SI3Template(path, small, bounds=2.0)
