# SPDX-License-Identifier: MIT
"""Restarts of neXtSIM-DG, with groups and without."""

import netCDF4
import numpy as np
import pytest

from host_files import write_nextsim, write_pop_grid
from icegen.ensemble.nextsim import NextSIMTemplate
from icegen.ensemble.points import PointIce


@pytest.mark.parametrize("old", [True, False])
def test_ice_and_its_slopes(bridge, tmp_path, old):
    """Old files have a group, x before y, and no coordinates; new ones have slopes within the cells."""
    grid = write_pop_grid(tmp_path / "grid.nc")
    path = write_nextsim(tmp_path / "restart.nc", grid, old=old)
    template = NextSIMTemplate(path, grid if old else None)
    north = (template.points[1] > 0).astype(float)
    (tmp_path / "out").mkdir()
    template.write(tmp_path / "out", PointIce(0.9 * north, 1.8 * north, north), "icegen")
    with netCDF4.Dataset(path) as before, netCDF4.Dataset(tmp_path / "out/restart.nc") as after:
        assert after.history == "icegen"
        first, second = (
            {n: v[...].filled() for n, v in (f["data"] if old else f).variables.items()} for f in (before, after)
        )
    assert first["u"].tobytes() == second["u"].tobytes()
    if old:
        first, second = ({n: v.T for n, v in fields.items()} for fields in (first, second))
    else:
        assert np.all(second["hice"][ours(template)][:, 1:] == 0), "no slopes"
        np.testing.assert_array_equal(second["hice"][~ours(template)], first["hice"][~ours(template)])
        assert first["hice"][~ours(template)][:, 1:].any()
        first, second = ({n: v[..., 0] if v.ndim == 3 else v for n, v in fields.items()} for fields in (first, second))
    np.testing.assert_allclose(second["cice"][ours(template)], 0.9)
    np.testing.assert_allclose(second["hice"][ours(template)], 1.8)
    assert np.all(second["hsnow"][ours(template)] > 0)
    for name in ("cice", "hice", "hsnow"):
        np.testing.assert_array_equal(second[name][~ours(template)], first[name][~ours(template)])
    assert np.all(second["tice"].reshape(ours(template).shape)[ours(template)] == -9)


def ours(template):
    return template.grid.ocean & (template.grid.latitude > 0)


def test_refusals(tmp_path):
    grid = write_pop_grid(tmp_path / "grid.nc")
    path = write_nextsim(tmp_path / "restart.nc", grid, old=True)
    with pytest.raises(
        ValueError, match=r"has no longitude and latitude of its cells; wanted a file with them, --grid"
    ):
        NextSIMTemplate(path)
    with pytest.raises(ValueError, match=r"lacks hsnow; wanted a restart of neXtSIM-DG"):
        NextSIMTemplate(write_nextsim(tmp_path / "lacks.nc", grid, leave_out="hsnow"))
    with netCDF4.Dataset(grid) as nc:
        inner = {name: v[1:] for name, v in nc.variables.items()}
    small = write_pop_grid(tmp_path / "small.nc", **inner)
    with pytest.raises(ValueError, match=r"small.nc has coordinates of 21 x 30 cells; the template is of 22 x 30"):
        NextSIMTemplate(path, small)
    (tmp_path / "mesh.bin").write_bytes(b"a mesh of the Lagrangian model")
    with pytest.raises(ValueError, match=r"mesh.bin cannot be read as NetCDF"):
        NextSIMTemplate(tmp_path / "mesh.bin", grid)
