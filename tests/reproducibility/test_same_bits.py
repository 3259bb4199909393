# SPDX-License-Identifier: MIT
"""The same key gives the same bits: on any ranks, in any order, beside whatever else, through any restart."""

import functools

import numpy as np
import pytest
import torch

import icegen
from icegen.archive.dates import time_of
from reproducibility.host import CELLS, REVERSED, count_received, expected, namelist, play, receive, request, target

SEED, STEPS = 7, 3
DATE, OTHER_DATE = (2001, 75), (2002, 230)
TOGETHER = [request(1, 1, 3, *DATE), *receive(1, (1, 2, 3))]

# Numbers of generators that share three members, by the number of ranks; of more than three, some have nothing to do.
GENERATORS = {1: (1,), 2: (1, 2), 3: (1, 2, 3), 5: (1, 2, 3, 4, 5), 8: (1, 2, 3, 8)}

# Name: ranks, entries of the namelist, targets in order, requests and receives.
CASES = {
    f"{ranks} ranks, {generators} of them generators": (ranks, {"generators": generators}, [CELLS], TOGETHER)
    for ranks, numbers in GENERATORS.items()
    for generators in numbers
} | {
    f"batches of {batch} members": (
        2,
        {"generators": 1, "batch": batch},
        [CELLS],
        [request(1, 1, 5, *DATE), *receive(1, range(1, 6))],
    )
    for batch in (2, 3, 8)
}
CASES |= {
    name: (3, {"generators": 2}, targets, lines)
    for name, (targets, lines) in {
        "received in another order, and again": (
            [CELLS],
            [request(1, 1, 3, *DATE), *receive(1, (3, 1, 2)), *receive(1, (2, 3))],
        ),
        "one by one, each when the one before is received": (
            [CELLS],
            [line for member in (1, 2, 3) for line in (request(1, member, 1, *DATE), *receive(1, [member]))],
        ),
        "one by one, the last first, in slots of any number": (
            [CELLS],
            [
                *(request(slot, member, 1, *DATE) for slot, member in ((4, 3), (1000000, 2), (2, 1))),
                *(line for slot, member in ((2, 1), (4, 3), (1000000, 2)) for line in receive(slot, [member])),
            ],
        ),
        "a later member without those before it": ([CELLS], [request(1, 3, 1, *DATE), *receive(1, [3])]),
        "another date in flight, and received first": (
            [CELLS],
            [request(2, 1, 2, *DATE), request(1, 1, 2, *OTHER_DATE), *receive(1, (1, 2)), *receive(2, (2, 1))],
        ),
        "after a request that was given up": (
            [CELLS],
            [request(1, 1, 40, *OTHER_DATE), *TOGETHER],
        ),
        "after another sample in the same slot": (
            [CELLS],
            [request(1, 1, 2, *OTHER_DATE), *receive(1, (1, 2)), *TOGETHER],
        ),
        "another target before": ([REVERSED, CELLS], TOGETHER),
        "another target after, and received in between": (
            [CELLS, REVERSED],
            [request(1, 1, 2, *DATE), *receive(1, [1], REVERSED), *receive(1, (1, 2)), *receive(1, [2], REVERSED)],
        ),
    }.items()
}


@pytest.fixture(scope="module")
def archive(tiny):
    return icegen.load(tiny / "tiny.pt")


@pytest.fixture(scope="module")
def state(archive):
    """The archive's own states, each generated alone."""

    @functools.cache
    def generate(member: int, year: int, day_of_year: int) -> np.ndarray:
        return archive.generate([member], seed=SEED, year=year, day_of_year=day_of_year, steps=STEPS)[0].numpy()

    return generate


@pytest.fixture(scope="module")
def played(archive, tmp_path_factory) -> dict[str, np.ndarray]:
    """What each case received, all in one launch of 8 ranks."""
    folder = tmp_path_factory.mktemp("cases")
    script = []
    for ranks, values, targets, lines in CASES.values():
        settings = namelist(folder, archive.path, seed=SEED, steps=STEPS, **values)
        added = [target(folder, archive, name) for name in targets]
        script += [f"ranks {ranks}", f"open {settings}", *added, *lines, "close"]
    ends = np.cumsum([count_received(lines) for *_, lines in CASES.values()])
    return dict(zip(CASES, np.split(play(script, 8, folder), ends[:-1]), strict=True))


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_same_key_same_bits(played, archive, state, case):
    fields = expected(CASES[case][-1], archive, state)
    assert len(np.unique(fields)) > 1000, "fields that are alike would prove little"
    np.testing.assert_array_equal(played[case], fields)


# What a namelist says of dates, and the same in Python, at dates beyond the record too. Name: file, namelist, Python.
RULES = {
    "members with a history": ("tiny.pt", {"years": "held"}, {"years": "held"}),
    "independent draws": (
        "tiny.pt",
        {"history": "independent", "years": "held"},
        {"history": "independent", "years": "held"},
    ),
    "one year for all": ("tiny.pt", {"years": "2001"}, {"years": 2001}),
    "an archive of contract 1": ("first_contract.pt", {"years": "held"}, {"years": "held"}),
    "the calendar of 365 days": (
        "tiny.pt",
        {"years": "held", "history": "independent", "calendar": "365_day"},
        {"years": "held", "history": "independent"},
    ),
}
DATES = [(2001, 75), (1850, 1), (1850, 2), (2050, 365), (9999, 40)]


@pytest.fixture(scope="module")
def by_rules(tiny, tmp_path_factory) -> dict[str, np.ndarray]:
    """What a host receives under each rule at each date, all in one launch."""
    folder = tmp_path_factory.mktemp("rules")
    asked = [line for date in DATES for line in (request(1, 1, 1, *date), *receive(1, [1]))]
    script = ["ranks 2"]
    for i, (file, values, _) in enumerate(RULES.values()):
        (folder / str(i)).mkdir()
        settings = namelist(folder / str(i), tiny / file, seed=SEED, steps=STEPS, **values)
        script += [f"open {settings}", target(folder, icegen.load(tiny / file)), *asked, "close"]
    return dict(zip(RULES, np.split(play(script, 2, folder), len(RULES)), strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_dates_mean_what_they_mean_in_python(by_rules, tiny, rule):
    file, _, options = RULES[rule]
    archive = icegen.load(tiny / file)
    asked = [line for date in DATES for line in (request(1, 1, 1, *date), *receive(1, [1]))]

    def state(member: int, year: int, day_of_year: int) -> np.ndarray:
        return archive.generate([member], seed=SEED, year=year, day_of_year=day_of_year, steps=STEPS, **options)[
            0
        ].numpy()

    np.testing.assert_array_equal(by_rules[rule], expected(asked, archive, state))


def test_rules_differ(by_rules):
    """Each changes the ice; a contract of today gives the ice of contract 1 where draws are independent."""
    on_one_date = {rule: fields[0].tobytes() for rule, fields in by_rules.items()}
    assert on_one_date["members with a history"] != on_one_date["independent draws"]
    assert on_one_date["an archive of contract 1"] == on_one_date["independent draws"]
    for rule in ("members with a history", "one year for all"):
        first, second = by_rules[rule][2], by_rules[rule][4]  # successive days
        assert np.abs(second - first).max() > 0, rule


def test_without_condition_the_date_still_tells_samples_apart(tiny, tmp_path):
    """By the module's own methods, since Python offers no date without condition."""
    archive = icegen.load(tiny / "tiny.pt")
    dates = [(1850, 1), (1850, 2), (2050, 200)]
    lines = [line for date in dates for line in (request(1, 1, 1, *date), *receive(1, [1]))]

    def state(member: int, year: int, day_of_year: int) -> np.ndarray:
        time, none = torch.tensor([time_of(year, day_of_year, "continuous")]), torch.zeros(1, 0, dtype=torch.int64)
        with torch.inference_mode():
            return archive.module.generate(SEED, torch.tensor([member]), none, time, True, STEPS)[0].numpy()

    settings = namelist(tmp_path, archive.path, seed=SEED, steps=STEPS, condition="none")
    fields = play(["ranks 2", f"open {settings}", target(tmp_path, archive), *lines, "close"], 2, tmp_path)
    np.testing.assert_array_equal(fields, expected(lines, archive, state))
    assert len(np.unique(fields[::2], axis=0)) == len(dates)


STEPS_OF_HOST = 4
STATES_OF_HOST = range(STEPS_OF_HOST)  # kept before each step


def host_from(step: int, folder) -> list[str]:
    """A host from one of its steps on, which has the next step's sample made while it receives this one's, in two
    slots, and keeps its state before each step."""

    def ask(t: int) -> str:
        return request(1 + t % 2, 1, 2, 2000 + t // 2, 30 + 90 * t)

    lines = [ask(step)]
    for t in range(step, STEPS_OF_HOST):
        lines += [f"get_state '{folder}/state_{t}_of_{step}'", *([ask(t + 1)] if t + 1 < STEPS_OF_HOST else [])]
        lines += receive(1 + t % 2, (1, 2))
    return lines


@pytest.fixture(scope="module")
def uncut(archive, tmp_path_factory):
    """Folder of the states that a host kept which ran through, and the fields that it received."""
    folder = tmp_path_factory.mktemp("uncut")
    settings = namelist(folder, archive.path, seed=SEED, steps=STEPS, generators=2)
    lines = ["ranks 3", f"open {settings}", target(folder, archive), *host_from(0, folder), "close"]
    return folder, play(lines, 3, folder)


def test_uncut(uncut, archive, state):
    np.testing.assert_array_equal(uncut[1], expected(host_from(0, uncut[0]), archive, state))


@pytest.mark.parametrize("step", STATES_OF_HOST)
def test_cut_by_a_restart(uncut, archive, tmp_path, step):
    """A new process, of other ranks and under a namelist of another seed and steps and other rules of dates, that takes
    the state which was kept goes on with the bits of the run that was not cut, and keeps the same state."""
    folder, fields = uncut
    ranks = 1 + step
    other_dates = {"history": "independent", "years": "2002", "calendar": "360_day"}
    settings = namelist(tmp_path, archive.path, seed=SEED + 1, steps=STEPS - 1, generators=1, **other_dates)
    state = f"set_state '{folder}/state_{step}_of_0'"
    lines = host_from(step, tmp_path)
    script = [f"ranks {ranks}", f"open {settings}", state, target(tmp_path, archive), *lines, "close"]
    np.testing.assert_array_equal(play(script, ranks, tmp_path), fields[-count_received(lines) :])
    for later in range(step, STEPS_OF_HOST):
        kept = (tmp_path / f"state_{later}_of_{step}").read_text()
        assert kept == (folder / f"state_{later}_of_0").read_text()
