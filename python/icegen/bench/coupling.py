# SPDX-License-Identifier: MIT
"""Rows of what icegen costs a host under MPI: waiting, bytes, memory, opening."""

import os
import statistics
from dataclasses import replace

from icegen.bench.launching import Launcher
from icegen.bench.rows import Row, quartiles, ratio

MEMORY_RANKS = 4
OPENING_RANKS = 8


def waiting(launcher: Launcher, pairs: int) -> Row:
    """How long `receive` waits if the host's own step is as long as a sample. ValueError without a spare core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) <= launcher.threads:
        raise ValueError(f"there is {len(cores)} core; wanted {launcher.threads + 1}: one for the host")
    host_core, *others = cores
    model_cores = others[: launcher.threads]
    found = launcher.host("waiting", 1, full=True, times=pairs, host_core=host_core, model_cores=model_cores)["pairs"]
    return ratio("wait in `receive` after a step as long as a sample", "the sample's time", found, "s", 0.05)


def traffic(launcher: Launcher, ranks: tuple[int, ...]) -> Row:
    """Bytes that a request and the receives of its fields move on one node, at several numbers of ranks: the largest
    ratio. What goes through shared memory is no message.
    """
    found = []
    for number in ranks:
        pieces = launcher.host("traffic", number, counted=True, times=5)
        wanted = 4 * pieces["valid_points"] * len(pieces["receive"])
        moved = pieces["request"] + sum(pieces["receive"])
        found.append(pieces | {"moved": moved, "wanted": wanted, "ratio": moved / wanted})
    worst = max(found, key=lambda pieces: pieces["ratio"])
    return Row(
        f"bytes sent for a request and its receives on one node, most at {worst['ranks']} of "
        f"{', '.join(map(str, ranks))} ranks",
        "4 bytes x points x fields received",
        worst["ratio"],
        (min(pieces["ratio"] for pieces in found), worst["ratio"]),
        *(0.1, (worst["moved"], worst["wanted"]), "bytes", tuple(found)),
    )


def idle_memory(launcher: Launcher, launches: int) -> Row:
    """Peak memory that ranks gain that do not generate."""
    added = [max(launcher.host("memory", MEMORY_RANKS)["added"][1:]) for _ in range(launches)]
    most = statistics.median(added)
    what = f"peak memory that a rank gains that does not generate, most of {MEMORY_RANKS - 1}"
    return Row(what, "", most, quartiles(added), 20.0, (most,), "MB")


def generator_memory(launcher: Launcher, launches: int) -> Row:
    """Peak memory of a rank that generates, its host's interpreter included, against Python's."""
    return ratio(
        "peak memory of a rank that generates, its host in Python",
        "a Python process that samples from the same archive",
        [(launcher.host("memory", 1)["peak"], launcher.python_process()["peak"]) for _ in range(launches)],
        *("MB", 0.9),
    )


def opening(launcher: Launcher, pairs: int) -> Row:
    """What more ranks add to the time of `open`."""
    found = launcher.host("opening", OPENING_RANKS, times=pairs)["pairs"]
    cores = len(os.sched_getaffinity(0))
    row = ratio(f"`open` on {OPENING_RANKS} ranks", "on 1 rank", found, "s", 1.3)
    return row if cores >= OPENING_RANKS else replace(row, what=f"{row.what} ({cores} cores)")
