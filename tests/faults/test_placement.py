# SPDX-License-Identifier: MIT
"""On which CPUs the thread that generates runs, where a launcher binds the host's."""

import os
import subprocess

import pytest

from compiled import BUILD, ENVIRONMENT, require_built

CPUS = sorted(os.sched_getaffinity(0))
pytestmark = pytest.mark.skipif(len(CPUS) < 2, reason="one CPU")


def placed(folder, tiny, bound_to: set, entries: str = "") -> list[str]:
    """What a host says that is started bound to some CPUs, with entries of the namelist."""
    namelist = folder / "icegen.nml"
    backend = BUILD / "lib/libbroken_backend.so"
    namelist.write_text(f"&icegen_nml archive = '{tiny / 'tiny.pt'}', backend = '{backend}' {entries} /\n")
    program = BUILD / "bin/placed"
    require_built(program)
    finished = subprocess.run(
        [program, namelist],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | ENVIRONMENT,
        preexec_fn=lambda: os.sched_setaffinity(0, bound_to),
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout.splitlines()[:-1]


def listed(cpus) -> str:
    """As the system writes them."""
    cpus = sorted(cpus)
    ranges = []
    for cpu in cpus:
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges)


def test_takes_what_the_host_does_not_use(tmp_path, tiny):
    others = listed(CPUS[1:])
    assert placed(tmp_path, tiny, {CPUS[0]}) == [
        f"CPUs {others}",
        f"generator 1 of 1 on this node, CPUs {others} (which the host does not use)",
    ]


def test_stays_with_a_host_that_may_run_anywhere(tmp_path, tiny):
    anywhere = listed(CPUS)
    assert placed(tmp_path, tiny, set(CPUS)) == [
        f"CPUs {anywhere}",
        f"generator 1 of 1 on this node, CPUs {anywhere} (as the host's thread)",
    ]


def test_leaves_other_ranks_their_cpus(tmp_path, tiny):
    """Another process of the launcher is bound to all the others."""
    others = set(CPUS[1:])
    with subprocess.Popen(["sleep", "60"], preexec_fn=lambda: os.sched_setaffinity(0, others)) as rank:
        try:
            # Until it is bound: it would claim nothing before.
            while os.sched_getaffinity(rank.pid) != others:
                pass
            said = placed(tmp_path, tiny, {CPUS[0]})
        finally:
            rank.kill()
    assert said == [f"CPUs {CPUS[0]}", f"generator 1 of 1 on this node, CPUs {CPUS[0]} (as the host's thread)"]


def test_does_as_the_namelist_says(tmp_path, tiny):
    last = CPUS[-1]
    assert placed(tmp_path, tiny, {CPUS[0]}, f", cpus = '{last}', generators = 5") == [
        f"CPUs {last}",
        f"generator 1 of 1 on this node, CPUs {last} (as the namelist says); "
        "the node has fewer ranks than the 5 generators of the namelist",
    ]


def test_refuses_cpus_that_the_job_does_not_have(tmp_path, tiny):
    (said,) = placed(tmp_path, tiny, {CPUS[0]}, ", cpus = '0,16000'")
    assert said.startswith("refused: cpus is '0,16000'; this job may use ")
