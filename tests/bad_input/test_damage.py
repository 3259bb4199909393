# SPDX-License-Identifier: MIT
"""Bytes that flip and files that are cut: every one is refused, before libtorch sees the file, and no process dies."""

import os
import random
import shutil
from pathlib import Path

import pytest
import torch

from bad_input import bridge
from bad_input.bridge import Answer
from compiled import ROOT
from icegen import archive

FLIPS, CUTS = 500, 50
END = 108  # bytes of the zip's end record and the checksum behind it
WHOLE = "does not end with its checksum|damaged: its checksum is"
SHIPPED = sorted((ROOT / "torchscript").glob("*.pt"))


def damage(size: int, flips: int = FLIPS, cuts: int = CUTS) -> tuple[list[tuple[int, int]], list[int]]:
    """Flips, (offset, bits), a fifth of them in the end record or the checksum; and sizes to cut to, falling."""
    rng = random.Random(size)
    offsets = [rng.randrange(size - END, size) if i % 5 == 0 else rng.randrange(size) for i in range(flips)]
    sizes = {size - 1, size - 86, size - 87, size - END, 0} | {rng.randrange(size) for _ in range(cuts)}
    return [(offset, 1 << rng.randrange(8)) for offset in offsets], sorted(sizes, reverse=True)[:cuts]


def refuses_all(path: Path, flips: list[tuple[int, int]], sizes: list[int], monkeypatch) -> None:
    """Python; `path` may be changed."""

    def trip(*_, **__):
        raise AssertionError("libtorch read a damaged file")

    def refused() -> None:
        with pytest.raises(ValueError, match=WHOLE) as refusal:
            archive.load(path)
        assert str(refusal.value).startswith(str(path))

    monkeypatch.setattr(torch.jit, "load", trip)
    whole = archive.describe(path).sha256
    with open(path, "r+b", buffering=0) as file:
        for offset, bits in flips:
            byte = os.pread(file.fileno(), 1, offset)
            os.pwrite(file.fileno(), bytes([byte[0] ^ bits]), offset)
            refused()
            os.pwrite(file.fileno(), byte, offset)
        assert archive.describe(path).sha256 == whole
        for size in sizes:
            file.truncate(size)
            refused()


def bridge_refuses_all(path: Path, flips: list[tuple[int, int]], sizes: list[int]) -> None:
    """The bridge on two ranks, in one process each; `path` may be changed."""
    namelist = bridge.namelist(path.with_suffix(".nml"), archive=str(path))
    open_it, close_it = ["open", str(namelist), "world"], ["close"]
    lines = []
    for offset, bits in flips:
        flip = ["flip", str(path), str(offset), str(bits)]
        lines += [flip, open_it, flip]
    lines += [open_it, close_it]
    for size in sizes:
        lines += [["cut", str(path), str(size)], open_it]
    heard = bridge.answers(path.parent, lines, ranks=2)
    assert len(heard) == len(flips) + 2 + len(sizes)
    good = heard[len(flips) : len(flips) + 2]
    assert good == [Answer(0, True, "")] * 2
    for answer in heard[: len(flips)] + heard[len(flips) + 2 :]:
        assert answer.status == 3
        assert answer.same
        assert answer.text.startswith(str(path))
        assert any(words in answer.text for words in WHOLE.split("|"))


@pytest.fixture
def copy(tiny, tmp_path) -> Path:
    return Path(shutil.copy(tiny / "tiny.pt", tmp_path / "copy.pt"))


def test_python(copy, monkeypatch):
    refuses_all(copy, *damage(copy.stat().st_size), monkeypatch)


def test_bridge(copy):
    bridge_refuses_all(copy, *damage(copy.stat().st_size))


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: path.stem)
def test_shipped(shipped, tmp_path, monkeypatch):
    path = Path(shutil.copy(shipped, tmp_path))
    refuses_all(path, *damage(path.stat().st_size, flips=20, cuts=5), monkeypatch)


@pytest.mark.soak
@pytest.mark.parametrize("through", ["Python", "bridge"])
@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: path.stem)
def test_shipped_at_length(shipped, through, tmp_path, monkeypatch, record_property):
    path = Path(shutil.copy(shipped, tmp_path))
    flips, sizes = damage(path.stat().st_size)
    if through == "Python":
        refuses_all(path, flips, sizes, monkeypatch)
    else:
        for start in range(0, FLIPS, 25):  # a launch has two minutes
            bridge_refuses_all(path, flips[start : start + 25], [])
        bridge_refuses_all(path, [], sizes)
    record_property("figure", f"{FLIPS} flips and {CUTS} cuts refused")
