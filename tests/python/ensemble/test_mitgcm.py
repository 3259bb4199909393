# SPDX-License-Identifier: MIT
"""Pickups of MITgcm: what changes, what keeps its bits, and what is refused."""

import numpy as np
import pytest

from host_files import COLUMNS, ROWS, write_mds, write_mitgcm
from icegen.archive import describe as describe_archive
from icegen.ensemble import mitgcm
from icegen.ensemble.mitgcm import MITgcmTemplate
from icegen.ensemble.points import PointIce, PointRequest
from icegen.ensemble.ranks import Ranks
from icegen.ensemble.restarts import write_restarts


@pytest.fixture
def pickup(tmp_path):
    return write_mitgcm(tmp_path)


def read(path, step="pickup_seaice.0000000010"):
    file = mitgcm.describe(path / step)
    return file.fields, file.read()


def test_area_thickness_and_snow_change_and_nothing_else(bridge, tiny, pickup, tmp_path):
    template = MITgcmTemplate(pickup, tmp_path)
    archive = describe_archive(tiny / "tiny.pt")
    request = PointRequest(archive.path, 2001, 75, seed=7, steps=2)
    paths = write_restarts(template, archive, request, 2, tmp_path / "out", Ranks())
    assert sorted(p.name for p in paths[0].parent.iterdir()) == [
        "pickup_seaice.0000000010.data", "pickup_seaice.0000000010.meta"
    ]  # fmt: skip
    fields, before = read(tmp_path)
    names, after = read(paths[0].parent)
    assert names == fields
    changed = [fields[max(0, i - 6)] for i in range(len(before)) if before[i].tobytes() != after[i].tobytes()]
    assert changed == ["siAREA", "siHEFF", "siHSNOW", "siHSALT"]
    south = template.grid.latitude < 0
    assert before[:, south].tobytes() == after[:, south].tobytes()
    assert before[:, ~template.grid.ocean].tobytes() == after[:, ~template.grid.ocean].tobytes()
    area, volume, snow = after[7:10]
    assert np.array_equal(area > 0, volume > 0)
    assert np.all(area <= 1)
    assert np.all(snow <= volume / 3 + 1e-12)
    ours = template.grid.ocean & ~south & (volume > 0)
    np.testing.assert_allclose(after[10][ours] / volume[ours], 4.0)  # salt goes with volume
    assert "icegen" in paths[0].with_suffix(".meta").read_text()


def test_categories(bridge, tmp_path):
    template = MITgcmTemplate(write_mitgcm(tmp_path, categories=True), tmp_path, snow="fifth")
    ones = np.ones(template.points[0].shape)
    fields = template.with_ice(PointIce(0.9 * ones, 1.8 * ones, ones))
    assert fields["siAREAn"].shape == (7, ones.size)
    np.testing.assert_allclose(fields["siAREAn"].sum(0), 0.9)
    np.testing.assert_allclose(fields["siHEFFn"].sum(0), 1.8)
    np.testing.assert_allclose(fields["siHSNOWn"], 0.2 * np.minimum(fields["siAREAn"], fields["siHEFFn"]))


def test_no_weight_no_change(bridge, pickup, tmp_path):
    template = MITgcmTemplate(pickup, tmp_path)
    zeros = np.zeros(template.points[0].shape)
    (tmp_path / "out").mkdir()
    template.write(tmp_path / "out", PointIce(zeros, zeros, zeros), "nothing")
    np.testing.assert_array_equal(read(tmp_path)[1], read(tmp_path / "out")[1])


def test_refusals(pickup, tmp_path):
    with pytest.raises(ValueError, match=r"nowhere.meta cannot be read: No such file .*; wanted a .data and its .meta"):
        MITgcmTemplate(tmp_path / "nowhere", tmp_path)
    with pytest.raises(ValueError, match=r"XC.meta cannot be read"):
        MITgcmTemplate(pickup, tmp_path / "nowhere")
    cut = tmp_path / "pickup_seaice.cut"
    cut.with_name("pickup_seaice.cut.meta").write_text(pickup.with_suffix(".meta").read_text())
    cut.with_name("pickup_seaice.cut.data").write_bytes(pickup.with_suffix(".data").read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"cut.data has \d+ bytes; its .meta tells of \d+"):
        MITgcmTemplate(cut, tmp_path)
    write_mds(tmp_path / "none", np.zeros((2, ROWS, COLUMNS)), ("siUICE", "siVICE"))
    with pytest.raises(ValueError, match=r"none.meta lists no siAREA, siHEFF, siHSNOW; wanted a pickup_seaice"):
        MITgcmTemplate(tmp_path / "none", tmp_path)
    write_mds(tmp_path / "small", np.zeros((3, ROWS, 4)), ("siAREA", "siHEFF", "siHSNOW"))
    with pytest.raises(ValueError, match=rf"is of {ROWS} x {COLUMNS} cells; the template is of {ROWS} x 4"):
        MITgcmTemplate(tmp_path / "small", tmp_path)
    tile = tmp_path / "tile.001.001.meta"
    tile.write_text(pickup.with_suffix(".meta").read_text().replace(f" {COLUMNS},", f" {2 * COLUMNS},", 1))
    with pytest.raises(ValueError, match=r"is of one tile; wanted a file of the whole grid"):
        MITgcmTemplate(tile, tmp_path)
    (tmp_path / "text.meta").write_text("hello")
    with pytest.raises(ValueError, match=r"text.meta is no .meta of MITgcm: 'dimList'"):
        MITgcmTemplate(tmp_path / "text", tmp_path)
