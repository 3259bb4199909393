# SPDX-License-Identifier: MIT
"""What script_host shall do, line by line, and what it has to receive."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from compiled import mpirun

CELLS, REVERSED = "cells", "reversed"  # targets: the archive's own cells, and these in reversed order


def namelist(folder: Path, archive: Path, **values) -> str:
    """Write a namelist and return its path, quoted as a script's word."""
    settings = values | {"archive": str(archive)}
    path = folder / ("_".join(f"{name}{value}" for name, value in values.items()) + ".nml")
    path.write_text("&icegen_nml " + ", ".join(f"{name} = {value!r}" for name, value in settings.items()) + " /\n")
    return f"'{path}'"


def target(folder: Path, archive, name: str = CELLS) -> str:
    """The command that adds a target."""
    points = np.stack(archive.grid.lonlat, -1).reshape(-1, 2)
    path = folder / f"{name}.bin"
    (points[::-1] if name == REVERSED else points).tofile(path)
    return f"target {name} '{path}'"


def request(slot: int, first: int, members: int, year: int, day_of_year: int) -> str:
    return f"request {slot} {first} {members} {year} {day_of_year}"


def receive(slot: int, members: Iterable[int], name: str = CELLS) -> list[str]:
    """The commands that receive both variables of members, the later variable first."""
    return [f"receive {slot} {name} {variable} {member}" for member in members for variable in ("sit", "sic")]


def play(lines: list[str], ranks: int, folder: Path) -> np.ndarray:
    """Run a script on that many ranks; returns the field of each `receive`, float32 [receive, point]."""
    (folder / "script").write_text("".join(f"{line}\n" for line in lines))
    finished = mpirun(ranks, "script_host", folder / "script", folder / "out.bin", timeout=300)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return np.fromfile(folder / "out.bin", np.float32).reshape(count_received(lines), -1)


def count_received(lines: list[str]) -> int:
    return sum(line.startswith("receive ") for line in lines)


def expected(lines: list[str], archive, state: Callable[[int, int, int], np.ndarray]) -> np.ndarray:
    """As `play`, from the states [variable, y, x] that a function of (member, year, day of year) gives."""
    dates, fields = {}, []
    ids = [v.id for v in archive.variables]
    for command, *words in map(str.split, lines):
        if command == "request":
            dates[words[0]] = int(words[3]), int(words[4])
        elif command == "receive":
            slot, name, variable, member = words
            values = state(int(member), *dates[slot])[ids.index(variable)]
            field = np.where(archive.grid.ocean, values, -1).ravel()
            fields.append(field[::-1] if name == REVERSED else field)
    return np.stack(fields)
