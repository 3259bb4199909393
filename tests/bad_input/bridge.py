# SPDX-License-Identifier: MIT
"""Running tests/bad_input/host.cpp: many cases in one launch, each with a fresh emulator and good calls around it."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

import archives
from compiled import BUILD, mpirun

CELLS, SPACING = 8, 100e3  # of the archive, on either axis; m
X, Y = ((np.arange(CELLS) - 3.5) * s * SPACING for s in (1, -1))
LON, LAT = "0,90,180", "89,88,90"  # three points of each rank


@dataclass(frozen=True)
class Case:
    """Something refused: `calls` that lead there, the last of them the refused one."""

    name: str
    calls: tuple[str, ...]  # as the shell would part their words; {folder} is that of the files
    status: int
    words: tuple[str, ...]
    opens: bool = False  # the calls are to open an emulator, and not of one that is open
    write: Callable[[Path], object] = lambda folder: None  # makes the files that it needs, beside good.pt


@dataclass(frozen=True)
class Answer:
    """What the ranks heard of a call."""

    status: int
    same: bool  # on all ranks
    text: str


def write_archive(path: Path, **options) -> Path:
    """An archive whose member m has m/4 everywhere, for the backend of tests/capi/field_backend.c."""
    field = np.full((CELLS, CELLS), 0.25)
    return archives.write(path, archives.projected(X, Y), {"sic": field, "sit": field}, **options)


def namelist(path: Path, **entries) -> Path:
    """A namelist file; texts are quoted, what is given as bytes is not."""
    entries = {"backend": str(BUILD / "lib/libfield_backend.so"), "generators": 2} | entries
    written = (f"{k} = {v.decode() if isinstance(v, bytes) else repr(v)}" for k, v in entries.items())
    path.write_text("&icegen_nml\n" + "\n".join(written) + "\n/\n")
    return path


GOOD = (
    "open {folder}/good.nml world",
    f"target T 3 {LON} {LAT} degrees nearest 0",
    "request 1 1 3 2001 60",
)
# What was there before the refused call still is, and the next request works.
AFTERWARDS = (
    ("receive 1 T sic 3 3 -", "0.750000 0.750000 0.750000"),
    ("request 1 1 2 2001 61", ""),
    ("receive 1 T sit 2 3 -", "0.500000 0.500000 0.500000"),
    ("close", ""),
)


def run(folder: Path, cases: list[Case], ranks: int) -> tuple[dict[str, list[Answer]], dict[str, str]]:
    """The answers to the calls of each case and to those around them, as far as the host came; and what words name."""
    good = write_archive(folder / "good.pt")
    namelist(folder / "good.nml", archive=str(good))
    known = {"folder": str(folder), "sha256": good.read_bytes()[-64:].decode()}
    scenario, calls_of = [], {}
    for case in cases:
        case.write(folder)
        after = tuple(call for call, _ in AFTERWARDS)
        calls = (*case.calls, *GOOD, *after) if case.opens else (*GOOD, *case.calls, *after)
        calls_of[case.name] = len(calls)
        scenario += [shlex.split(call.format(**known)) for call in calls]
    heard = iter(answers(folder, scenario, ranks))
    return {name: list(islice(heard, calls)) for name, calls in calls_of.items()}, known


def answers(folder: Path, lines: list[list[str]], ranks: int) -> list[Answer]:
    """Play a scenario."""
    scenario = folder / f"scenario_{ranks}"
    scenario.write_text("".join("\t".join(line) + "\n" for line in lines))
    finished = mpirun(ranks, "bad_input_host", scenario, timeout=300)
    heard = [line.split(" ", 2) for line in finished.stdout.splitlines()]
    heard = [Answer(int(status), same == "same", text.rstrip()) for status, same, text in heard]
    if finished.returncode != 0:
        heard.append(Answer(finished.returncode, False, f"the host died: {finished.stderr}"))
    return heard
