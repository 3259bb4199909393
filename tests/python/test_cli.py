# SPDX-License-Identifier: MIT
"""The command line as a person uses it: the whole path on tiny data, and what it refuses, in one line each."""

import subprocess
import sys

import pytest
import yaml

from icegen import archive, cli

TINY = {
    "autoencoder": {"latent_channels": 4, "widths": [8, 8, 8], "blocks": [1, 1, 1]},
    "denoiser": {"widths": [8, 8, 8], "blocks": [1, 1, 1], "embedding": 16, "position_channels": 2, "heads": 2},
    "autoencoder_training": {"steps": 2, "batch": 2, "crop": 32},
    "diffusion_training": {"steps": 2, "batch": 2},
    "sampler": {"steps": 2},
}


@pytest.fixture
def icegen(monkeypatch, capsys, tmp_path):
    """A function that runs the command line in this process and in an empty folder; returns status, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["icegen", *(str(a) for a in arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code or 0, *capsys.readouterr()

    return run


def test_from_data_to_archive(icegen, tiny, tmp_path):
    """prepare, train twice, export, info: each does its part and the next takes it."""
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    commands = [
        ["prepare", "cf", tiny / "source.nc", "--out", "prepared.nc"],
        ["train", "autoencoder", "--config", "./tiny.yaml", "--data", "prepared.nc", "--out", "run"],
        ["train", "diffusion", "--config", "./tiny.yaml", "--data", "prepared.nc", "--out", "run"],
        ["export", "run", "--data", "prepared.nc", "--out", "made.pt"],
        ["info", "made.pt"],
    ]
    for command in commands:
        status, out, err = icegen(*command)
        assert status == 0, err
    for words in ("made (contract 1)", "sea_ice_area_fraction", "year 2000 to 2002", "reconstruction: sic rmse"):
        assert words in out
    metadata = archive.describe(tmp_path / "made.pt").metadata
    assert metadata["provenance"]["commands"] == "icegen export run --data prepared.nc --out made.pt"
    assert metadata["scores"]["validation_times"] == 12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["info", "nowhere.pt"], "archive nowhere.pt cannot be read: No such file or directory"),
        (["info", "{tiny}/text.pt"], "is not a whole icegen archive"),
        (["info", "{tiny}/truncated.pt"], "does not end with its checksum"),
        (["info", "{tiny}/flipped.pt"], "is damaged"),
        (["info", "{tiny}/future.pt"], "follows archive contract 99; this icegen reads 1"),
        (["prepare", "cf", "nowhere.nc", "--out", "x.nc"], "nowhere.nc does not exist"),
        (["prepare", "cf", "{tiny}/text.pt", "--out", "x.nc"], "cannot be read as NetCDF"),
        (["prepare", "cf", "{tiny}/source.nc", "--out", "no/x.nc"], "folder no does not exist"),
        (["prepare", "cf", "{tiny}/source.nc", "--out", "x.nc", "--variables", "sic,snow"], "unknown variable 'snow'"),
        (["prepare", "cf", "{tiny}/source.nc", "--out", "x.nc", "--variables", "sic,sid"], "has no variable sid"),
        (
            ["prepare", "cf", "{tiny}/source.nc", "--out", "x.nc", "--validation-years", "soon"],
            "validation years are 'soon'",
        ),
        (
            ["prepare", "cf", "{tiny}/source.nc", "--out", "x.nc", "--validation-years", "1900"],
            "validation split is empty",
        ),
        (["train", "autoencoder", "--data", "{tiny}/source.nc", "--out", "run"], "is not a prepared file"),
        (["train", "autoencoder", "--data", "{tiny}/prepared.nc", "--out", "run"], "crop is 256; the grid has only"),
        (["train", "diffusion", "--data", "{tiny}/prepared.nc", "--out", "run"], "no checkpoint run/autoencoder.pt"),
        (["train", "diffusion", "--config", "mine", "--data", "x", "--out", "run"], "configuration file mine does not"),
        (["export", "run", "--data", "{tiny}/prepared.nc", "--out", "x.pt"], "no checkpoint run/autoencoder.pt"),
        (["plot", "nowhere.nc", "--out", "x.png"], "nowhere.nc does not exist"),
        (["plot", "{tiny}/source.nc", "--archive", "nowhere.pt", "--out", "x.png"], "nowhere.pt cannot be read"),
    ],
)
def test_refuses_in_one_line(icegen, tiny, tmp_path, arguments, words):
    status, _, err = icegen(*(a.format(tiny=tiny) for a in arguments))
    assert status == 1
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("icegen: ")
    assert words in lines[0]
    assert [p.name for p in tmp_path.iterdir()] in ([], ["run"]), "nothing half-written"


@pytest.mark.parametrize("arguments", [["nonsense"], ["plot"], ["prepare", "cf", "x.nc"], ["train", "--nonsense"]])
def test_usage(icegen, arguments):
    status, _, err = icegen(*arguments)
    assert status == 2
    assert "Usage: icegen" in err


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["prepare"],
        ["prepare", "cf"],
        ["prepare", "idealised"],
        ["train"],
        ["train", "autoencoder"],
        ["export"],
        ["info"],
        ["plot"],
    ],
)
def test_help(icegen, command):
    status, out, _ = icegen(*command, "--help")
    assert status == 0
    assert "Usage: icegen" in out
    if command not in ([], ["prepare"], ["train"]):
        assert "Example: icegen " + " ".join(command) in " ".join(out.split())


def test_as_a_program(tiny):
    """`python -m icegen`: one line and no traceback, unless it is asked for."""
    command = [sys.executable, "-m", "icegen", "info", tiny / "text.pt"]
    plain = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert plain.returncode == 1
    assert len(plain.stderr.splitlines()) == 1
    debug = subprocess.run([*command, "--debug"], capture_output=True, text=True, timeout=120, check=False)
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr
