# SPDX-License-Identifier: MIT
"""Files that are whole or not there."""

import os

import pytest

from icegen.files import replacing


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_takes_its_name_only_at_the_end(tmp_path):
    with replacing(tmp_path / "out") as partial:
        partial.write_text("new")
        assert partial.parent == tmp_path  # the same file system, so that the rename is atomic
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out").read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_replaces_what_was_there(tmp_path):
    (tmp_path / "out").write_text("old")
    with replacing(tmp_path / "out") as partial:
        partial.write_text("new")
        assert (tmp_path / "out").read_text() == "old"
    assert (tmp_path / "out").read_text() == "new"


def write_half(path, failure):
    with replacing(path) as partial:
        partial.write_text("half")
        raise failure


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_keeps_the_old_file_on_failure(tmp_path, failure):
    (tmp_path / "out").write_text("old")
    with pytest.raises(failure):
        write_half(tmp_path / "out", failure)
    assert (tmp_path / "out").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_refuses_a_missing_folder_before_any_work(tmp_path):
    with pytest.raises(ValueError, match=r"folder .*nowhere does not exist"):
        write_half(tmp_path / "nowhere" / "out", AssertionError("the body ran"))
    assert names(tmp_path) == []


def test_refuses_the_name_of_a_folder(tmp_path):
    with pytest.raises(ValueError, match="is a folder; wanted the name of a file"):
        write_half(tmp_path, AssertionError("the body ran"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_refuses_a_folder_it_may_not_write_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="is not writable"):
        write_half(tmp_path / "out", AssertionError("the body ran"))
