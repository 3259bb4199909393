# SPDX-License-Identifier: MIT
"""Half a minute of ci/fuzz, and what it refuses."""

import subprocess

import pytest

from compiled import BUILD, ROOT

RUNS = {"archive": 8000, "capi": 800, "grid": 20000, "namelist": 20000, "weights": 8000}


def fuzz(*arguments) -> subprocess.CompletedProcess:
    command = [str(ROOT / "ci/fuzz"), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.parametrize("target", RUNS)
def test_nothing_fails(target):
    process = fuzz("--runs", RUNS[target], "--seed", 1, "--build", BUILD / "fuzz", target)
    if "has no libFuzzer" in process.stderr:
        pytest.skip("no clang with libFuzzer; ci/setup --tests installs it where it may")
    log = BUILD / "fuzz" / f"{target}.log"
    assert process.returncode == 0, process.stderr + (log.read_text()[-4000:] if log.is_file() else process.stdout)
    assert process.stdout.split()[:3] == [target, str(RUNS[target]), "executions"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--runs", 0), "runs is '0'; wanted a whole number from 1"),
        (("--seconds", "x"), "seconds is 'x'; wanted a whole number from 1"),
        (("weather",), "target is 'weather'; wanted one of archive capi grid namelist weights"),
    ],
)
def test_refusals(arguments, words):
    process = fuzz(*arguments)
    assert process.returncode == 1
    assert process.stderr.splitlines() == [f"ci/fuzz: {words}"]
