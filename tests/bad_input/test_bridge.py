# SPDX-License-Identifier: MIT
"""What the bridge refuses: status, and what the message says was seen and wanted; cases.py has the rows.

All ranks hear the same, also where one rank alone goes wrong; what was requested before can still be received, and the
next request works.
"""

import shlex

import numpy as np
import pytest

import archives
from bad_input import bridge
from bad_input.bridge import AFTERWARDS, CELLS, GOOD, Answer
from bad_input.cases import ARCHIVE, ARGUMENT, BACKEND, CASES, DISAGREE, write_weights


@pytest.fixture(scope="module", params=[2, 3], ids="{} ranks".format)
def played(request, tmp_path_factory) -> tuple[dict[str, list[Answer]], dict[str, str]]:
    """The answers of each case, of one launch for all cases, and what words name."""
    folder = tmp_path_factory.mktemp("bad")
    write_weights(folder / "good.nc", {})
    return bridge.run(folder, CASES, request.param)


def test_each_case_has_its_own_name():
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused(played, case):
    heard, known = played
    answers = heard[case.name]
    before = 0 if case.opens else len(GOOD)
    refused = answers[before + len(case.calls) - 1]
    assert refused.status == case.status, refused
    assert refused.same, refused
    assert refused.text.isprintable()
    for words in case.words:
        assert words.format(**known) in refused.text
    others = answers[: before + len(case.calls) - 1] + answers[before + len(case.calls) :]
    wanted = [""] * (len(others) - len(AFTERWARDS)) + [text for _, text in AFTERWARDS]
    assert others == [Answer(0, True, text) for text in wanted]


def test_a_namelist_without_the_end_of_its_last_line(tmp_path):
    path = bridge.namelist(tmp_path / "good.nml", archive=str(bridge.write_archive(tmp_path / "good.pt")))
    path.write_text(path.read_text().rstrip("\n"))
    assert bridge.answers(tmp_path, [["open", str(path), "world"], ["close"]], ranks=2) == [Answer(0, True, "")] * 2


def test_a_request_that_its_slot_holds_is_not_generated_again(tmp_path):
    """The backend has nothing to read any more; only another date, or another state, asks it."""
    good = bridge.write_archive(tmp_path / "good.pt")
    bridge.namelist(tmp_path / "good.nml", archive=str(good))
    ask, received = GOOD[2], "receive 1 T sic {} 3 -"
    state = f"set_state 'icegen-state 1 archive {good.read_bytes()[-64:].decode()} seed 9 steps 2 condition date'"
    script = [
        *((line.format(folder=tmp_path), 0) for line in GOOD),
        *((received.format(member), 0) for member in (1, 2, 3)),
        (f"cut {good}.f4 0", None),
        *((line, 0) for _ in range(3) for line in (ask, received.format(2))),
        (state, 0),
        (ask, 0),
        (received.format(2), BACKEND),
        ("request 1 1 3 2001 61", 0),
        (received.format(2), BACKEND),
        ("request 2 1 3 2001 60", 0),
        ("receive 2 T sic 2 3 -", BACKEND),
        ("close", 0),
    ]
    heard = bridge.answers(tmp_path, [shlex.split(line) for line, _ in script], ranks=2)
    assert [answer.status for answer in heard] == [status for _, status in script if status is not None], heard
    assert {answer.text for answer in heard[7:12:2]} == {"0.500000 0.500000 0.500000"}


def test_a_refused_request_leaves_its_slot_empty(tmp_path):
    """So that nobody receives the one before; other slots keep theirs, and so does this one where ranks disagree."""
    bridge.namelist(tmp_path / "good.nml", archive=str(bridge.write_archive(tmp_path / "good.pt")))
    other_slot, disagreement = "request 2 4 2 2001 60", "request 1 1 1 2001 60@1=61"
    received, empty = (
        "receive 1 T sic 1 3 -",
        "slot 1 is empty: nothing was requested in it, or the request was refused",
    )
    script = [
        (GOOD[0].format(folder=tmp_path), (0, "")),
        (GOOD[1], (0, "")),
        (GOOD[2], (0, "")),
        (other_slot, (0, "")),
        (disagreement, (ARGUMENT, DISAGREE)),
        (received, (0, "0.250000")),
        ("request 1 1 1 1800 60", (ARGUMENT, "year is 1800")),
        ("receive 1 T sic 2 3 -", (ARGUMENT, empty)),
        ("test 1 -", (ARGUMENT, empty)),
        ("receive 2 T sic 4 3 -", (0, "1.000000")),
        ("request 1 1 3 2001 60", (0, "")),
        ("receive 1 T sic 3 3 -", (0, "0.750000")),
        ("close", (0, "")),
    ]
    heard = bridge.answers(tmp_path, [line.split() for line, _ in script], ranks=2)
    for answer, (_, (status, words)) in zip(heard, script, strict=True):
        assert (answer.status, answer.same) == (status, True), answer
        assert words in answer.text


def test_an_emulator_that_failed_to_open_says_why(tmp_path):
    bridge.namelist(tmp_path / "bad.nml", archive="nowhere.pt")
    calls = [
        "target T 3 0,1,2 89,89,89 degrees nearest 0",
        "request 1 1 1 2001 60",
        "receive 1 T sic 1 3 -",
        "get_state 256 -",
    ]
    lines = [["open", str(tmp_path / "bad.nml"), "world"], *(call.split() for call in calls)]
    opened, *later = bridge.answers(tmp_path, lines, ranks=2)
    assert opened.status == ARCHIVE
    assert "nowhere.pt cannot be read" in opened.text
    assert later == [
        Answer(ARGUMENT, True, f"the emulator is not open; the last open that failed: {opened.text}")
    ] * len(calls)


# sic and sit of one cell, and what the bridge says of them where sit / sic is to lie between .05 and 13 m.
CONTRADICTIONS = [
    (0.5, 0.0, "is 0 / 0.5 in cell 11"),
    (0.0, 0.25, "is 0.25 / 0 in cell 11"),
    (1e-30, 0.25, "m in cell 11"),
    (0.5, 7.0, "is 14 m in cell 11"),
    (0.5, 0.015625, "is 0.03125 m in cell 11"),
]


def test_states_that_contradict_themselves(tmp_path):
    """Refused in one line; what float32 numbers are rounded to is not."""
    limit = {"contract": 2, "consistency": {"sit_over_sic": {"lower": 0.05, "upper": 13.0, "units": "m"}}}
    fine = [
        (0.0, 0.0),
        (0.3, np.float32(0.3) * np.float32(13.0)),
        (0.7, np.float32(0.7) * np.float32(0.05)),
        (1.0, 2.0),
    ]
    lines = []
    for i, (sic, sit) in enumerate([*fine, *(row[:2] for row in CONTRADICTIONS)]):
        fields = {name: np.full((CELLS, CELLS), 0.5) for name in ("sic", "sit")}
        fields["sic"][1, 2], fields["sit"][1, 2] = sic, sit
        path = archives.write(tmp_path / f"{i}.pt", archives.projected(bridge.X, bridge.Y), fields, **limit)
        settings = bridge.namelist(tmp_path / f"{i}.nml", archive=str(path))
        lines += [
            ["open", str(settings), "world"],
            *(line.split() for line in GOOD[1:]),
            ["receive", "1", "T", "sic", "1", "3", "-"],
        ]
        lines.append(["close"])
    heard = bridge.answers(tmp_path, lines, ranks=2)[3::5]
    assert [answer.status for answer in heard] == [0] * len(fine) + [BACKEND] * len(CONTRADICTIONS)
    for answer, (*_, words) in zip(heard[len(fine) :], CONTRADICTIONS, strict=True):
        assert answer.same
        assert "generation failed: sit / sic of member 1 is " in answer.text
        assert words in answer.text
        assert answer.text.endswith("; wanted 0.05 to 13 m, or 0 / 0")


def test_pinned(tmp_path):
    """The digest that `icegen info` shows opens the archive, in letters of any size."""
    good = bridge.write_archive(tmp_path / "good.pt")
    digest = good.read_bytes()[-64:].decode()
    lines = []
    for i, text in enumerate((digest, digest.upper())):
        path = bridge.namelist(tmp_path / f"{i}.nml", archive=str(good), archive_sha256=text)
        lines += [["open", str(path), "world"], ["close"]]
    assert digest != digest.upper()
    assert bridge.answers(tmp_path, lines, ranks=2) == [Answer(0, True, "")] * 4
