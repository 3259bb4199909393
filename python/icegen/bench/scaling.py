# SPDX-License-Identifier: MIT
"""What icegen costs on thousands of ranks: a model made of what was measured on one machine, and of a network assumed.

Counts of messages follow from fortran_bridge/src and are tested in tests/mpi/test_traffic.py: a reduction goes up a
binomial tree and down again, a state down a tree over the nodes.
"""

import math
import statistics
from dataclasses import dataclass

from icegen.bench.report import markdown
from icegen.bench.suite import Bench

LATENCY = 2e-6  # s, of a message, assumed
BANDWIDTH = 10e9  # bytes/s, into or out of one node, assumed
RANKS_ON_NODE = 64  # assumed
# Reductions in each call, besides what else it does; the first receive of a member brings its state to the nodes.
IN_OPEN, IN_ADD_TARGET, IN_REQUEST, IN_RECEIVE, IN_FIRST_RECEIVE = 12, 2, 1, 1, 2
BROADCASTS_IN_OPEN = 9
LINK_BYTES = 64  # of a point with four cells; velocities need as much again


@dataclass(frozen=True)
class Machine:
    """A host and what it runs on; ``points`` are those on the archive's ocean, evenly spread over the ranks."""

    ranks: int
    generators: int
    points: int

    @property
    def nodes(self) -> int:
        """How many there are."""
        return math.ceil(self.ranks / RANKS_ON_NODE)


CASES = {
    "640 ranks, 10 GPUs, 1 million points": Machine(640, 10, 1_000_000),
    "10,000 ranks, 160 GPUs, 10 million points": Machine(10_000, 160, 10_000_000),
}


@dataclass(frozen=True)
class Pieces:
    """What was measured, on one rank if nothing else is said."""

    points: int  # of the target
    fields: int  # variables of the archive
    receive: float  # s, of one field whose state is on the node
    add_target: float  # s
    reduction_bytes: float  # sent for each rank and reduction, headers included
    open: float  # s
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
        return cls(
            points=one["valid_points"],
            fields=len(one["receive"]),
            receive=statistics.median(one["receive_seconds"]),
            add_target=one["add_target_seconds"],
            reduction_bytes=most["request"] / IN_REQUEST / (most["ranks"] - 1),
            open=opened.medians[1],
            sample=sample.medians[0],
        )

    @property
    def state_bytes(self) -> int:
        """Of a member: the target's points are the archive's ocean cells."""
        return 4 * self.points * self.fields


def costs(pieces: Pieces, machine: Machine) -> dict[str, float]:
    """Seconds of each call; bytes between nodes, on a node and on a rank; samples a second."""
    climb = math.ceil(math.log2(machine.ranks)) * LATENCY
    reduction = 2 * climb
    own_points = machine.points / machine.ranks / pieces.points  # over those that one rank was measured with
    levels = math.ceil(math.log2(machine.nodes))
    bring = levels * (LATENCY + pieces.state_bytes / BANDWIDTH) + 2 * math.ceil(math.log2(RANKS_ON_NODE)) * LATENCY
    receive = IN_RECEIVE * reduction + own_points * pieces.receive
    between = (machine.nodes - 1) * pieces.state_bytes
    return {
        "open": pieces.open + IN_OPEN * reduction + BROADCASTS_IN_OPEN * climb,
        "add_target": IN_ADD_TARGET * reduction + own_points * pieces.add_target,
        "request": IN_REQUEST * reduction,
        "first": receive + (IN_FIRST_RECEIVE - IN_RECEIVE) * reduction + bring,
        "receive": receive,
        "between": between,
        "ratio": between / (4 * machine.points * pieces.fields),
        "reductions": 2 * (machine.ranks - 1),
        "on_node": pieces.state_bytes,
        "links": LINK_BYTES * machine.points / machine.ranks,
        "samples": machine.generators / pieces.sample,
    }


def scaling(outcome: Bench) -> str:
    """The block of docs/scaling.md."""
    pieces = Pieces.of(outcome)
    counted = [
        (
            str(p["ranks"]),
            *(f"{p[name]:,}" for name in ("open", "add_target", "request")),
            f"{p['receive'][0]:,}",
            f"{statistics.mean(p['receive'][1:] or p['receive']):,.0f}",
            f"{p['points_of_a_rank']:,}",
            f"{1000 * statistics.median(p['receive_seconds']):.2f}",
        )
        for p in outcome.rows["bytes of a request"].details
    ]
    headings = (
        *("ranks", "`open`", "`add_target`", "`request`", "a member's first `receive`", "a further `receive`"),
        *("points a rank interpolates, at most", "`receive`, ms"),
    )
    found = {case: costs(pieces, machine) for case, machine in CASES.items()}
    lines = {
        "`open`, s": ("open", 1, ".2f"),
        "`add_target`, once, ms": ("add_target", 1e3, ".2f"),
        "`request`, ms": ("request", 1e3, ".2f"),
        "a member's first `receive`, when it is generated, ms": ("first", 1e3, ".2f"),
        "each further `receive` of it, ms": ("receive", 1e3, ".2f"),
        "bytes between nodes for a member, MB": ("between", 1e-6, ".0f"),
        "the same, over 4 bytes x points x variables": ("ratio", 1, ".2f"),
        "messages of a reduction": ("reductions", 1, ",.0f"),
        "a member's state on each node, MB": ("on_node", 1e-6, ".1f"),
        "links of a target on a rank, kB": ("links", 1e-3, ".0f"),
        "samples a minute, at this CPU's seconds each": ("samples", 60, ".0f"),
    }
    modelled = [
        (what, *(format(scale * cost[key], form) for cost in found.values()))
        for what, (key, scale, form) in lines.items()
    ]
    return (
        f"Counted on {outcome.about['machine']}, one node: bytes sent by all ranks, {pieces.points:,} valid points:\n\n"
        f"{markdown(headings, counted)}\n"
        f"Pieces of the model: {pieces.receive * 1000:.2f} ms for a field and {pieces.add_target * 1000:.0f} ms for "
        f"`add_target` on one rank, {pieces.reduction_bytes:.0f} bytes a rank and reduction, {pieces.open:.2f} s for "
        f"`open`, {pieces.sample:.2f} s a sample; nodes of {RANKS_ON_NODE} ranks. Extrapolated:\n\n"
        f"{markdown(('', *CASES), modelled)}"
    )
