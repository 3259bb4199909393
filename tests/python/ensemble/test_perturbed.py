# SPDX-License-Identifier: MIT
"""Restarts near the template's own ice: level 0 keeps it, more level spreads the members; for each host."""

import netCDF4
import numpy as np
import pytest

from host_files import write_cice, write_mitgcm, write_nextsim, write_pop_grid, write_si3
from icegen.archive import describe
from icegen.ensemble.cice import CICETemplate
from icegen.ensemble.mitgcm import MITgcmTemplate
from icegen.ensemble.nextsim import NextSIMTemplate
from icegen.ensemble.points import PointIce, PointRequest, PointSource
from icegen.ensemble.ranks import Ranks
from icegen.ensemble.restarts import write_restarts
from icegen.ensemble.si3 import SI3Template

AREA_AND_VOLUME = {
    "cice": ("aicen", "vicen"), "mitgcm": ("siAREA", "siHEFF"), "mitgcm_categories": ("siAREA", "siHEFF"),
    "si3": ("a_i", "v_i"), "nextsim": ("cice", "hice"),
}  # fmt: skip


def template_of(host, folder):
    grid = write_pop_grid(folder / "grid.nc")
    match host:
        case "cice":
            return CICETemplate(write_cice(folder / "iced.nc", grid), grid)
        case "si3":
            return SI3Template(write_si3(folder / "restart_ice.nc", grid), grid, 2.0)
        case "nextsim":
            return NextSIMTemplate(write_nextsim(folder / "restart.nc", grid))
    return MITgcmTemplate(write_mitgcm(folder, categories=host == "mitgcm_categories"), folder)


@pytest.mark.parametrize("host", AREA_AND_VOLUME)
def test_its_own_ice(host, tmp_path):
    """What a template says of its ice is what it writes where the ice of a member is the same."""
    template = template_of(host, tmp_path)
    area, volume = template.own
    there = (area > 0) & (volume > 0)
    assert there.sum() > 10
    fields = template.with_ice(PointIce(np.where(there, area, 0), np.where(there, volume, 0), np.ones_like(area), True))
    for i, wanted in enumerate((area, volume)):
        name = next((n for n in fields if n.startswith(AREA_AND_VOLUME[host][i])), None)
        if name is not None:  # else it kept its bits
            np.testing.assert_allclose(fields[name].sum(0)[there], wanted[there], rtol=1e-9)


def test_levels(bridge, tiny, tmp_path):
    """Members lie nearer to the template's ice at a lower level, and none is impossible."""
    template = template_of("cice", tmp_path)
    archive = describe(tiny / "tiny.pt")
    distance = []
    for level in (0.0, 0.3, 1.0):
        request = PointRequest(archive.path, 2001, 75, seed=7, steps=2, level=level)
        with PointSource(request, *template.points, template.own) as source:
            first, second = source.members([1, 2])
        assert ((first.area >= 0) & (first.area <= 1)).all()
        assert ((first.area > 0) == (first.volume > 0)).all()
        assert first.near_own
        distance.append(float(np.abs(first.area - template.own[0]).mean()))
        if level > 0:
            assert np.abs(first.area - second.area).max() > 0.01
        else:
            own = np.where(template.own[1] > 0, template.own[0], 0)
            np.testing.assert_array_equal(first.area, own)
    assert distance[0] < distance[1] < distance[2]


def test_at_level_0_a_restart_keeps_its_ice(bridge, tiny, tmp_path):
    template = template_of("cice", tmp_path)
    archive = describe(tiny / "tiny.pt")
    request = PointRequest(archive.path, 2001, 75, seed=7, steps=2, level=0.0)
    (path,) = write_restarts(template, archive, request, 1, tmp_path / "out", Ranks())
    made = CICETemplate(path, tmp_path / "grid.nc")
    for one, other in zip(made.own, template.own, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)
    with netCDF4.Dataset(path) as file:
        assert "near the template's own at level 0" in file.history


def test_a_level_that_is_none(icegen, tiny, tmp_path):
    grid = write_pop_grid(tmp_path / "grid.nc")
    template = write_cice(tmp_path / "iced.nc", grid)
    status, _, err = icegen(
        "restart", "cice", "--template", template, "--grid", grid, "--archive", tiny / "tiny.pt",
        "--year", 2001, "--day", 75, "--perturb", 1.5, "--out", "out",
    )  # fmt: skip
    assert status == 1
    assert "level is 1.5; wanted 0 to 1" in err
    assert not (tmp_path / "out").exists()
