# SPDX-License-Identifier: MIT
"""`icegen validate`, from files to files."""

import csv
import json
import shutil
import sysconfig

import netCDF4
import pytest

from compiled import BUILD, ENVIRONMENT, require_built

RUN = ["--samples", "20", "--steps", "2", "--seed", "5"]


@pytest.fixture
def unseen(tiny, tmp_path):
    """A CF file of the year 2003 alone that marks no split."""
    path = tmp_path / "unseen.nc"
    shutil.copy(tiny / "source.nc", path)
    with netCDF4.Dataset(path, "a") as nc:
        nc["time"][:] = nc["time"][:] + 3 * 366
        nc.renameVariable("split", "mark")
    return path


def load(folder):
    return json.loads((folder / "scores.json").read_text())


@pytest.mark.long
def test_a_report_and_its_second_run(icegen, tiny, tmp_path):
    command = ["validate", tiny / "tiny.pt", "--reference", tiny / "prepared.nc", "--out", "report", *RUN]
    status, out, err = icegen(*command)
    assert status == 0, err
    report = tmp_path / "report"
    pictures = {"maps.png", "seasons.png", "spectra.png", "histograms.png", "unconditional.png", "memorisation.png"}
    names = {path.name for path in report.iterdir()}
    assert names == pictures | {"scores.json", "scores.csv", "report.html", "samples"}
    for name in pictures:
        assert (report / name).read_bytes().startswith(b"\x89PNG")

    found = load(report)
    assert found["about"]["samples"] == "20, seed 5, 2 steps, float32, through the archive"
    assert found["about"]["evaluated_on"] == "12 times of 2003"
    assert set(found["scores"]) == {"reconstruction", "generation", "unconditional"}
    assert found["scores"]["generation"]["extent_mean_MAM"]["units"] == "million km2"
    faed = found["scores"]["generation"]["faed"]
    assert faed["over_floor"] == pytest.approx(faed["value"] / faed["floor"])
    assert any("2005-2017" in what for what in found["left_out"])
    assert len(found["spectra"]["wavelength_km"]) == len(found["spectra"]["generated"]["sit"]["states"]) == 4

    with (report / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["group"], row["id"]) for row in rows] == [(g, i) for g, held in found["scores"].items() for i in held]
    assert float(rows[0]["value"]) == found["scores"]["reconstruction"]["sic_rmse"]["value"]

    page = (report / "report.html").read_text()
    assert page.count("data:image/png;base64,") == len(pictures)
    for row in rows:
        assert row["label"] in out
        assert row["label"] in page
    assert out.splitlines()[-1] == "report/report.html"

    (kept,) = (report / "samples").iterdir()
    samples = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(samples) == 40
    gone = next(iter(samples))
    gone.unlink()
    assert icegen(*command)[0] == 0
    assert load(report) == found
    again = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert {path for path in again if again[path] != samples[path]} == {gone}


@pytest.mark.long
def test_a_cf_file_without_split_is_all_to_evaluate_on(icegen, tiny, tmp_path, unseen):
    command = ["validate", tiny / "tiny.pt", "--reference", unseen, "--out", "report", *RUN]
    assert icegen(*command)[0] == 0
    found = load(tmp_path / "report")
    assert found["about"]["evaluated_on"] == "48 times of 2003, 2004, 2005, 2006"
    assert found["about"]["training_states"] == "none"
    assert "floor" not in found["scores"]["generation"]["faed"]
    assert "nearest_training" not in found["scores"]["generation"]
    assert found["left_out"]["floors, anomalies, memorisation"]

    assert icegen(*command, "--training", tiny / "prepared.nc")[0] == 0
    found = load(tmp_path / "report")
    assert found["about"]["training_states"] == f"36 of {tiny}/prepared.nc"
    assert found["scores"]["generation"]["faed"]["floor"] > 0
    assert found["scores"]["generation"]["nearest_training"]["value"] > 0


def test_refuses_a_file_without_a_variable(icegen, tiny, tmp_path, unseen):
    with netCDF4.Dataset(unseen, "a") as nc:
        nc.renameVariable("sit", "thickness")
        nc["thickness"].standard_name = "snow_thickness"
    refused(icegen, tmp_path, "no variable sit", tiny / "tiny.pt", "--reference", unseen, "--out", "report", *RUN)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tiny}/flipped.pt", "--reference", "{tiny}/prepared.nc"], "is damaged"),
        (["{tiny}/tiny.pt", "--reference", "nowhere.nc"], "data file nowhere.nc does not exist"),
        (["{tiny}/tiny.pt", "--reference", "{tiny}/prepared.nc", "--samples", "0"], "samples is 0; wanted at least 1"),
        (["{tiny}/tiny.pt", "--reference", "{tiny}/prepared.nc", "--steps", "0"], "steps is 0; wanted at least 1"),
        (["{tiny}/tiny.pt", "--reference", "{tiny}/prepared.nc", "--seed", "-1"], "seed is -1; wanted"),
        (["{tiny}/tiny.pt", "--reference", "{tiny}/prepared.nc", "--training", "unseen.nc"], "no times for training"),
    ],
)  # fmt: skip
def test_refuses_in_one_line(icegen, tiny, tmp_path, unseen, arguments, words):
    refused(icegen, tmp_path, words, *(a.format(tiny=tiny) for a in arguments), "--out", "report")


def refused(icegen, folder, words, *arguments):
    status, _, err = icegen("validate", *arguments)
    assert status == 1
    lines = [line for line in err.splitlines() if not line.startswith("icegen: prepared")]
    assert len(lines) == 1, err
    assert lines[0].startswith("icegen: ")
    assert words in lines[0]
    assert not (folder / "report").exists(), "nothing half-written"


def test_refuses_an_out_that_is_a_file(icegen, tiny, tmp_path):
    (tmp_path / "report").write_text("mine")
    status, _, err = icegen("validate", tiny / "tiny.pt", "--reference", tiny / "prepared.nc", "--out", "report", *RUN)
    assert status == 1
    (line,) = [line for line in err.splitlines() if "the archive was trained for" not in line]
    assert "report" in line
    assert (tmp_path / "report").read_text() == "mine"


@pytest.mark.long
def test_through_the_bridge_the_samples_are_the_same(icegen, tiny, tmp_path, monkeypatch):
    require_built(BUILD / "lib" / f"_icegen_flat{sysconfig.get_config_var('EXT_SUFFIX')}")
    for name, value in (ENVIRONMENT | {"ICEGEN_BUILD": str(BUILD)}).items():
        monkeypatch.setenv(name, value)
    # A host is refused years that the archive was not trained for.
    icegen("prepare", "cf", tiny / "source.nc", "--validation-years", "2001", "--out", "reference.nc")
    found = {}
    for through in ("archive", "bridge"):
        status, _, err = icegen(
            *("validate", tiny / "tiny.pt", "--reference", "reference.nc"),
            *("--out", through, "--through", through, *RUN),
        )
        assert status == 0, err
        found[through] = load(tmp_path / through)["scores"]
    beyond = {name: found["archive"]["generation"].pop(name) for name in ("sic_outside", "sit_outside")}
    assert min(score["value"] for score in beyond.values()) > 0  # never leaves the archive
    assert found["bridge"] == found["archive"]
    assert len(list((tmp_path / "bridge/samples").glob("*_bridge/*.npy"))) > 20
