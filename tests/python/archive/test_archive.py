# SPDX-License-Identifier: MIT
"""The archive: what goes in comes out, bit for bit; what is damaged or asked wrongly is refused."""

import hashlib
import zipfile

import numpy as np
import pytest
import torch

from icegen import archive
from icegen.archive import export
from icegen.archive.dates import time_of
from icegen.data import prepared_file


@pytest.fixture(scope="module")
def loaded(tiny):
    return archive.load(tiny / "tiny.pt")


@pytest.mark.parametrize("date", [(2001, 75), ()])
def test_loaded_archive_and_eager_modules_agree_bit_for_bit(tiny, loaded, date):
    emulator, _ = export.build_model(tiny, prepared_file.load(tiny / "prepared.nc"))
    members = [1, 2, 3]
    condition = torch.tensor([date] * 3, dtype=torch.int64).reshape(3, -1)
    with torch.inference_mode():
        time = torch.full([3], time_of(*(date or (None, None)), "continuous"))
        wanted = emulator.generate(7, torch.tensor(members), condition, time, bool(date), 4)
        latent = emulator.encode(wanted)
    year, day = date or (None, None)
    for _ in range(3):  # the profiling executor changes code between the first calls
        assert torch.equal(loaded.generate(members, seed=7, year=year, day_of_year=day), wanted)
        assert torch.equal(loaded.encode(wanted), latent)
        assert torch.equal(loaded.decode(latent), emulator.decode(latent))
        assert torch.equal(loaded.module.generate(7, torch.tensor(members), condition, time, bool(date), 4), wanted)


def test_half_the_precision_is_nearly_the_same_ice(tiny, loaded):
    half = archive.load(tiny / "tiny.pt", precision="bfloat16")
    key = {"seed": 7, "year": 2001, "day_of_year": 75}
    states, wanted = half.generate([1, 2], **key), loaded.generate([1, 2], **key)
    assert states.dtype == torch.float32
    assert torch.equal(half.generate([2], **key)[0], states[1])
    latent = half.encode(wanted)
    assert torch.equal(latent, loaded.encode(wanted))
    assert torch.equal(half.decode(latent), loaded.decode(latent))
    difference = (states - wanted) / loaded.module.std
    assert 0 < difference.square().mean().sqrt() < 0.01
    assert half.sample(year=2001, day_of_year=75).attrs["icegen_precision"] == "bfloat16"


def test_unknown_precision(tiny):
    with pytest.raises(ValueError, match="precision is 'double'; wanted float32 or bfloat16"):
        archive.load(tiny / "tiny.pt", precision="double")


def test_default_steps_are_the_archives(loaded):
    assert loaded.default_steps == 4
    default = loaded.generate([1])
    assert torch.equal(loaded.generate([1], steps=4), default)
    assert not torch.equal(loaded.generate([1], steps=5), default)


def test_describe_runs_nothing(tiny, monkeypatch):
    def trip(*arguments, **keywords):
        raise AssertionError("describe() loaded the module")

    monkeypatch.setattr(torch.jit, "load", trip)
    monkeypatch.setattr(torch, "load", trip)
    described = archive.describe(tiny / "tiny.pt")
    prepared = prepared_file.load(tiny / "prepared.nc")
    assert [v.id for v in described.variables] == ["sic", "sit"]
    assert described.variables == prepared.variables
    np.testing.assert_array_equal(described.grid.ocean, prepared.grid.ocean)
    np.testing.assert_allclose(described.grid.x, prepared.grid.x)
    np.testing.assert_allclose(described.grid.y, prepared.grid.y)
    np.testing.assert_allclose(described.grid.lonlat, prepared.grid.lonlat)


def test_checksum_is_that_of_all_before_it(tiny, loaded):
    """So that `head -c -86 tiny.pt | sha256sum` verifies an archive without icegen."""
    content = (tiny / "tiny.pt").read_bytes()
    body, trailer = content[:-86], content[-86:]
    assert trailer == b"icegen-archive sha256:" + hashlib.sha256(body).hexdigest().encode()
    assert loaded.sha256 == hashlib.sha256(body).hexdigest()


def test_is_still_a_zip_that_any_reader_opens(tiny):
    with zipfile.ZipFile(tiny / "tiny.pt") as opened:
        assert opened.testzip() is None
        assert opened.comment.startswith(b"icegen-archive sha256:")
        assert any(name.endswith("extra/icegen.json") for name in opened.namelist())
    assert torch.jit.load(str(tiny / "tiny.pt")) is not None


def test_weights_become_float32(loaded):
    assert all(p.dtype == torch.float32 for p in loaded.module.parameters())


def test_saved_again_it_is_the_same(tiny, loaded, tmp_path):
    described = archive.describe(tiny / "tiny.pt")
    sha256 = archive.save(tmp_path / "again.pt", loaded.module, described.metadata, described.grid)
    again = archive.load(tmp_path / "again.pt")
    assert again.sha256 == sha256
    assert again.metadata == described.metadata
    assert torch.equal(again.generate([4], seed=1, year=2000, day_of_year=1), loaded.generate(
        [4], seed=1, year=2000, day_of_year=1))  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == ["again.pt"]


def test_save_refuses_a_missing_folder_and_leaves_nothing(tiny, loaded, tmp_path):
    described = archive.describe(tiny / "tiny.pt")
    with pytest.raises(ValueError, match=r"folder .*nowhere does not exist"):
        archive.save(tmp_path / "nowhere" / "a.pt", loaded.module, described.metadata, described.grid)
    assert list(tmp_path.iterdir()) == []


def test_save_keeps_the_old_file_when_it_fails(tiny, loaded, tmp_path, monkeypatch):
    """A full disc, say, after half of the bytes."""
    path_type = type(tmp_path)
    write = path_type.write_bytes
    (tmp_path / "a.pt").write_bytes((tiny / "tiny.pt").read_bytes())

    def full(path, content):
        write(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(path_type, "write_bytes", full)
    described = archive.describe(tiny / "tiny.pt")
    with pytest.raises(OSError, match="No space left"):
        archive.save(tmp_path / "a.pt", loaded.module, described.metadata | {"name": "b"}, described.grid)
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]
    assert archive.load(tmp_path / "a.pt").metadata["name"] == "tiny"


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a CUDA device")
def test_refuses_cuda_where_there_is_none(tiny):
    with pytest.raises(ValueError, match="device is 'cuda'; this machine offers 0 CUDA devices"):
        archive.load(tiny / "tiny.pt", device="cuda")


def test_refuses_an_unknown_device(tiny):
    with pytest.raises(ValueError, match="device is 'gpu'"):
        archive.load(tiny / "tiny.pt", device="gpu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"members": 0}, "members are 0; wanted at least one, numbered from 1"),
        ({"members": -3}, "wanted at least one"),
        ({"members": []}, "wanted at least one"),
        ({"members": [2, 0]}, r"members are \[2, 0\]; wanted .*numbered from 1"),
        ({"members": [2**31]}, "numbered from 1"),
        ({"seed": -1}, r"seed is -1; wanted 0 to 2\^63 - 1"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"steps": 0}, "steps is 0; wanted at least 1"),
        ({"steps": -2}, "steps is -2"),
        ({"year": 1999, "day_of_year": 5}, "year is 1999; this archive takes 2000 to 2002"),
        ({"year": 2003, "day_of_year": 5}, "year is 2003; this archive takes 2000 to 2002"),
        ({"year": 2000, "day_of_year": 0}, "day_of_year is 0; wanted 1 to 366 in 2000"),
        ({"year": 2000, "day_of_year": 400}, "day_of_year is 400; wanted 1 to 366 in 2000"),
        ({"year": 2001, "day_of_year": 366}, "day_of_year is 366; .*365"),
        ({"year": 2001}, "year is 2001 and day_of_year None; wanted both or neither"),
        ({"day_of_year": 60}, "year is None"),
    ],
)
def test_refuses_a_request_it_cannot_honour(loaded, arguments, message):
    with pytest.raises(ValueError, match=message) as refusal:
        loaded.sample(**arguments)
    assert "\n" not in str(refusal.value)


def test_members_may_be_any_whole_numbers(loaded):
    wanted = loaded.generate([1, 2])
    for members in (2, np.int64(2), (1, 2), np.array([1, 2]), range(1, 3)):
        states = loaded.sample(members)
        assert states.realization.values.tolist() == [1, 2]
        sea = loaded.grid.ocean
        np.testing.assert_array_equal(states.sic.values[:, sea], wanted[:, 0].numpy()[:, sea])
