# SPDX-License-Identifier: MIT
"""What the bridge refuses of a host's own ice and of observations; what was given stays through a refusal."""

from pathlib import Path

import pytest

from bad_input import bridge
from bad_input.bridge import GOOD
from bad_input.cases import ARGUMENT, BACKEND, DISAGREE


def require_answers(folder: Path, rows: list[tuple[str, int, str]]) -> None:
    """The calls of the rows, one after the other, after those of an emulator that works: status and words of each."""
    lines = [*(line.format(folder=folder) for line in GOOD), *(line for line, *_ in rows)]
    heard = bridge.answers(folder, [line.split() for line in lines], ranks=2)[len(GOOD) :]
    for answer, (call, status, words) in zip(heard, rows, strict=True):
        assert (answer.status, answer.same) == (status, True), (call, answer)
        assert words in answer.text, (call, answer)


# What is refused where an archive can perturb: call, status, words. Each follows the calls above it.
PERTURBATIONS = [
    ("perturb 2 1 2 .3 2001 60", ARGUMENT, "no field was given since the last perturbation; wanted at least one"),
    ("give T sic 3 .5,.5,.5", 0, ""),
    ("perturb 2 0 2 .3 2001 60", ARGUMENT, "first_member is 0; wanted 1 to"),
    ("perturb 0 1 2 .3 2001 60", ARGUMENT, "slot is 0; wanted 1 or more"),
    ("perturb 2 1 0 .3 2001 60", ARGUMENT, "members is 0; wanted at least 1"),
    ("perturb 2 1 2 .3 1800 60", ARGUMENT, "year is 1800"),
    ("perturb 2 1 2 .3 2001 60@1=61", ARGUMENT, DISAGREE),
    ("receive 2 T sic 1 3 -", ARGUMENT, "slot 2 is empty"),
    ("give T sic 3 .5,.5,.5", ARGUMENT, "sic was given already"),
    ("perturb 2 1 2 .3 2001 60", 0, ""),
    ("receive 2 T sic_increment_increment 1 3 -", ARGUMENT, "unknown variable 'sic_increment_increment'"),
    ("receive 2 T sic 3 3 -", ARGUMENT, "member is 3; the request was for 1 to 2"),
    ("receive 2 T sic 1 3 -", BACKEND, "this backend cannot perturb"),
    ("perturb 2 1 2 .3 2001 60", ARGUMENT, "no field was given"),
    ("receive 1 T sic 3 3 -", 0, "0.750000"),
    ("close", 0, ""),
]


def test_perturbations(tmp_path):
    """What was given stays through what is refused."""
    archive = bridge.write_archive(tmp_path / "good.pt", contract=2)
    bridge.namelist(tmp_path / "good.nml", archive=str(archive), history="independent")
    require_answers(tmp_path, PERTURBATIONS)


# The same where an archive takes observations. "siu" is a component of drift; the other is missing.
OBSERVATIONS = [
    (
        "analyse 2 1 2 2001 60",
        ARGUMENT,
        "the archive's ocean was not observed since the last analysis; wanted an observ",
    ),
    ("observe T siu 3 .1,.1,.1 .1,.1,.1", ARGUMENT, "variable 'siu' cannot be observed; wanted one of sic"),
    ("observe T snow 3 .1,.1,.1 .1,.1,.1", ARGUMENT, "variable 'snow' cannot be observed; wanted one of sic"),
    ("observe T sic 3 .5,.5,nan .1,.1,.1", ARGUMENT, "sic of point 3 is nan; wanted 0 to 1"),
    ("observe T sic 3 .5,.5,.5@1=.5,2,.5 .1,.1,.1", ARGUMENT, "on rank 1: sic of point 2 is 2; wanted 0 to 1"),
    ("observe T sic 3 .5,.5,.5 .1,-.1,.1", ARGUMENT, "the error of sic of point 2 is -0.1; wanted 0.001 to 10"),
    ("observe T sic 3 .5,.5,.5 .1,.1,.1@1=11,.1,.1", ARGUMENT, "on rank 1: the error of sic of point 1 is 11; wanted"),
    ("observe T sic 3 .5,.5,.5 null", ARGUMENT, "errors is a null pointer"),
    ("observe T sic 3 null .1,.1,.1", ARGUMENT, "values is a null pointer"),
    ("observe T sic 2 .5,.5 .1,.1", ARGUMENT, "target 'T' has 3 points here; the arrays hold 2"),
    ("observe T sic@1=siu 3 .5,.5,.5 .1,.1,.1", ARGUMENT, DISAGREE),
    ("target F 1 0 -60 degrees nearest 0", 0, ""),
    ("observe F sic 1 .5 .1", 0, ""),
    ("analyse 2 1 2 2001 60", ARGUMENT, "the archive's ocean was not observed since the last analysis"),
    ("observe T sic 3 .5,.5,.5 .1,.1,.1", 0, ""),
    ("analyse 2 0 2 2001 60", ARGUMENT, "first_member is 0; wanted 1 to"),
    ("analyse 0 1 2 2001 60", ARGUMENT, "slot is 0; wanted 1 or more"),
    ("analyse 2 1 0 2001 60", ARGUMENT, "members is 0; wanted at least 1"),
    ("analyse 2 1 2 1800 60", ARGUMENT, "year is 1800"),
    ("analyse 2 1 2 2001 60@1=61", ARGUMENT, DISAGREE),
    ("receive 2 T sic 1 3 -", ARGUMENT, "slot 2 is empty"),
    ("analyse 2 1 2 2001 60", 0, ""),
    ("receive 2 T sic_increment 1 3 -", ARGUMENT, "sic_increment is known after perturb"),
    ("receive 2 T sic 0 3 -", ARGUMENT, "member is 0; the request was for 1 to 2"),
    ("receive 2 T sic 1 3 -", BACKEND, "this backend takes no observations"),
    ("analyse 2 1 2 2001 60", ARGUMENT, "the archive's ocean was not observed since the last analysis"),
    ("receive 1 T sic 3 3 -", 0, "0.750000"),
    ("close", 0, ""),
]


def test_observations(tmp_path):
    """What was observed stays through what is refused."""
    variables = [
        {"id": "sic", "standard_name": "sea_ice_area_fraction", "lower": 0.0, "upper": 1.0},
        {"id": "siu", "standard_name": "sea_ice_x_velocity"},
    ]
    archive = bridge.write_archive(tmp_path / "good.pt", contract=2, variables=variables, observations={"states": 9})
    bridge.namelist(tmp_path / "good.nml", archive=str(archive), history="independent")
    require_answers(tmp_path, OBSERVATIONS)


DRIFT = [
    ("observe T siu 3 .1,.1,.1 .1,.1,.1", ARGUMENT, "variable 'siu' cannot be observed; wanted one of siu_east, siv"),
    ("observe T siu_east 3 .1,101,.1 .1,.1,.1", ARGUMENT, "siu_east of point 2 is 101; wanted -100 to 100"),
    ("observe T siu_east 3 .1,.1,.1 .1,.1,.1", 0, ""),
    ("analyse 2 1 2 2001 60", ARGUMENT, "siu_east and siv_north were not observed at the same points with the same"),
    ("observe T siv_north 3 .1,.1,.1 .1,.1,.1", 0, ""),
    ("analyse 2 1 2 2001 60", 0, ""),
    ("close", 0, ""),
]


def test_observations_of_drift(tmp_path):
    """They need both components."""
    names = {"siu": "sea_ice_x_velocity", "siv": "sea_ice_y_velocity"}
    variables = [{"id": key, "standard_name": name} for key, name in names.items()]
    archive = bridge.write_archive(tmp_path / "good.pt", contract=2, variables=variables, observations={"states": 9})
    bridge.namelist(tmp_path / "good.nml", archive=str(archive), history="independent")
    require_answers(tmp_path, DRIFT)


@pytest.mark.parametrize("further", [{}, {"contract": 2}, {"contract": 2, "observations": {}}])
def test_archives_that_take_no_observations(tmp_path, further):
    bridge.namelist(tmp_path / "good.nml", archive=str(bridge.write_archive(tmp_path / "good.pt", **further)))
    calls = ["observe T sic 3 .5,.5,.5 .1,.1,.1", "analyse 2 1 2 2001 60"]
    lines = [*(line.format(folder=tmp_path) for line in GOOD), *calls, "close"]
    *_, observed, analysed, closed = bridge.answers(tmp_path, [line.split() for line in lines], ranks=2)
    words = "this archive takes no observations; export it again"
    assert [(observed.status, observed.text), (analysed.status, analysed.text)] == [(ARGUMENT, words)] * 2
    assert closed.status == 0


def test_observations_without_a_date(tmp_path):
    """Their covariance is that of a day of the year, which a namelist with condition = 'none' does not give."""
    archive = bridge.write_archive(tmp_path / "good.pt", contract=2, observations={"states": 9})
    bridge.namelist(tmp_path / "good.nml", archive=str(archive), condition="none", history="independent")
    calls = ["observe T sic 3 .5,.5,.5 .1,.1,.1", "analyse 2 1 2 2001 60"]
    lines = [*(line.format(folder=tmp_path) for line in GOOD), *calls, "close"]
    *_, observed, analysed, _ = bridge.answers(tmp_path, [line.split() for line in lines], ranks=2)
    words = "condition is 'none'; wanted 'date', because observations belong to one"
    assert [(observed.status, observed.text), (analysed.status, analysed.text)] == [(ARGUMENT, words)] * 2
