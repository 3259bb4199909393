# SPDX-License-Identifier: MIT
"""What icegen costs on thousands of ranks: a model made of what was measured on one machine, and of a network assumed.

Counts of messages follow from fortran_bridge/src: a reduction goes up a binomial tree and down again; MPI's scatterv
and gatherv send one message for each rank, one after the other.
"""

import math
import statistics
from dataclasses import dataclass

from icegen.bench.report import markdown
from icegen.bench.suite import Bench

LATENCY = 2e-6  # s, of a message between two nodes, assumed
OVERHEAD = 0.5e-6  # s, of a rank that sends many messages, for each, assumed
BANDWIDTH = 10e9  # bytes/s, into or out of one rank, assumed
CASES = {"64 GPUs": (10_000, 64), "a generator on each node of 64 ranks": (10_000, 157)}  # ranks, generators
# Reductions in each call, besides what else it does.
IN_OPEN, IN_ADD_TARGET, FOR_EACH_GENERATOR, IN_REQUEST, IN_RECEIVE = 10, 2, 7, 2, 1
BROADCASTS_IN_OPEN = 8
LINK_BYTES, TURN_BYTES, COUNT_BYTES = 16, 16, 8  # of a link; of its turn, with velocities; of a rank's counts


@dataclass(frozen=True)
class Pieces:
    """What was measured."""

    points: int  # of the target
    fields: int
    receive: float  # s, of one field that is ready, on one rank
    target_bytes: float  # sent for each point and generator
    reduction_bytes: float  # sent for each rank and reduction, headers included
    open: float  # s, on one rank
    sample: float  # s, by one generator on the CPU

    @classmethod
    def of(cls, outcome: Bench) -> "Pieces":
        """Raises ValueError if they were not measured."""
        wanted = ("bytes of a request", "`open`", "a sample through the bridge")
        for name in wanted:
            if name not in outcome.rows:
                raise ValueError(
                    f"the model of scale lacks a row: {name}: {outcome.left_out.get(name, 'not asked for')}"
                )
        traffic, opened, sample = (outcome.rows[name] for name in wanted)
        one, *_, most = sorted(traffic.details, key=lambda pieces: pieces["ranks"])
        if one["ranks"] != 1 or most["ranks"] < 2:
            raise ValueError("the model of scale wants traffic at 1 rank and at more")
        moved = most["valid_points"] * (1 - 1 / most["ranks"])
        return cls(
            points=one["valid_points"],
            fields=len(one["receive"]),
            receive=statistics.median(one["receive_seconds"]),
            target_bytes=most["add_target"] / moved,
            reduction_bytes=most["request"] / IN_REQUEST / (most["ranks"] - 1),
            open=opened.medians[1],
            sample=sample.medians[0],
        )


def costs(pieces: Pieces, ranks: int, generators: int) -> dict[str, float]:
    """Seconds of each call; bytes that a request moves, and that a generator keeps; samples a second."""
    climb = math.ceil(math.log2(ranks)) * LATENCY
    reduction = 2 * climb
    one_by_one = (ranks - 1) * OVERHEAD
    field = 4 * pieces.points
    links = pieces.target_bytes * pieces.points
    to_generator = FOR_EACH_GENERATOR * reduction + 4 * climb + 2 * one_by_one + links / BANDWIDTH
    moved = pieces.fields * field + (IN_REQUEST + pieces.fields * IN_RECEIVE) * pieces.reduction_bytes * (ranks - 1)
    return {
        "open": pieces.open + IN_OPEN * reduction + BROADCASTS_IN_OPEN * climb,
        "add_target": IN_ADD_TARGET * reduction + generators * to_generator,
        "request": IN_REQUEST * reduction,
        "receive": IN_RECEIVE * reduction + pieces.receive + one_by_one + field / BANDWIDTH,
        "moved": moved,
        "moved_by_rank": moved / ranks,
        "ratio": moved / (pieces.fields * field),
        "kept": links + COUNT_BYTES * ranks,
        "samples": generators / pieces.sample,
    }


def scaling(outcome: Bench) -> str:
    """The block of docs/scaling.md."""
    pieces = Pieces.of(outcome)
    counted = [
        (
            str(p["ranks"]),
            *(f"{p[name]:,}" for name in ("open", "add_target", "request")),
            f"{statistics.mean(p['receive']):,.0f}",
            f"{p['ratio']:.3f}",
            f"{1000 * statistics.median(p['receive_seconds']):.2f}",
        )
        for p in outcome.rows["bytes of a request"].details
    ]
    headings = ("ranks", "`open`", "`add_target`", "`request`", "`receive` of a field", "ratio", "`receive`, ms")
    found = {case: costs(pieces, *numbers) for case, numbers in CASES.items()}
    lines = {
        "`open`, s": ("open", 1, ".2f"),
        "`add_target`, once, s": ("add_target", 1, ".2f"),
        "`request`, ms": ("request", 1e3, ".2f"),
        "`receive` of a field that is ready, ms": ("receive", 1e3, ".1f"),
        "bytes of a request and its fields, all ranks, MB": ("moved", 1e-6, ".1f"),
        "the same, over 4 bytes x points x fields": ("ratio", 1, ".2f"),
        "the same, mean of a rank, bytes": ("moved_by_rank", 1, ",.0f"),
        "a generator's part of a target, MB": ("kept", 1e-6, ".1f"),
        "samples a minute, at this CPU's seconds each": ("samples", 60, ".0f"),
    }
    modelled = [
        (what, *(format(scale * cost[key], form) for cost in found.values()))
        for what, (key, scale, form) in lines.items()
    ]
    cases = tuple(f"{ranks:,} ranks, {case}" for case, (ranks, _) in CASES.items())
    return (
        f"Counted on {outcome.about['machine']}: bytes sent by all ranks, {pieces.points:,} valid points:\n\n"
        f"{markdown(headings, counted)}\n"
        f"Pieces of the model: {pieces.receive * 1000:.2f} ms for a field on one rank, {pieces.target_bytes:.0f} bytes "
        f"a point and generator in `add_target`, {pieces.reduction_bytes:.0f} bytes a rank and reduction, "
        f"{pieces.open:.2f} s for `open`, {pieces.sample:.2f} s a sample. Extrapolated:\n\n"
        f"{markdown(('', *cases), modelled)}"
    )
