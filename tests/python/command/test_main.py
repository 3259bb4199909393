# SPDX-License-Identifier: MIT
"""The command line from data to figures, on tiny data. tests/bad_input tests its error messages."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest
import yaml

from icegen import archive
from icegen.command import main as cli

TINY = {
    "autoencoder": {"latent_channels": 4, "widths": [8, 8, 8], "blocks": [1, 1, 1]},
    "denoiser": {"widths": [8, 8, 8], "blocks": [1, 1, 1], "embedding": 16, "position_channels": 2, "heads": 2},
    "autoencoder_training": {"steps": 2, "batch": 2, "crop": 32},
    "diffusion_training": {"steps": 2, "batch": 2},
    "sampler": {"steps": 2},
    "history": {"corrections": 1, "dates": 2, "members": 2},
}


def test_from_data_to_archive(icegen, tiny, tmp_path):
    """prepare, train twice, export, info: each command reads the result of the one before."""
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
    for words in ("made (contract 2)", "sea_ice_area_fraction", "year 2000 to 2002", "reconstruction: sic rmse"):
        assert words in out
    metadata = archive.describe(tmp_path / "made.pt").metadata
    assert metadata["provenance"]["commands"] == "icegen export run --data prepared.nc --out made.pt"
    assert metadata["scores"]["validation_times"] == 12


def test_prepare_idealised_shows_how_near_it_comes(icegen):
    years = ["--years", "2014:2016", "--test-years", "2016"]
    made = ["prepare", "idealised", "--size", 64, "--spacing", 100, "--states-per-month", 1, "--out", "made.nc"]
    status, out, err = icegen(*made, *years)
    assert status == 0, err
    lines = [line.split() for line in out.splitlines()]
    assert ["of", "the", "idealised", "states", "value", "neXtSIM", "wanted"] in lines
    assert [line[:2] for line in lines if "mean" in line][:5] == [
        [v, "mean"] for v in ("sic", "sit", "sid", "siu", "siv")
    ]
    status, out, err = icegen(
        "prepare", "cf", "made.nc", "--variables", "sit", "--grid", "ease2:32:150", "--out", "x.nc"
    )
    assert status == 0, err


def all_commands(command=cli.commands, path=()):
    yield path, hasattr(command, "commands")
    for name, inner in getattr(command, "commands", {}).items():
        yield from all_commands(inner, (*path, name))


@pytest.mark.parametrize(("path", "group"), [pytest.param(*c, id=" ".join(c[0]) or "icegen") for c in all_commands()])
def test_help(icegen, path, group):
    """Each command has help, and each except groups has an example."""
    status, out, _ = icegen(*path, "--help")
    assert status == 0
    assert "Usage: icegen" in out
    assert group or "Example: icegen " + " ".join(path) in " ".join(out.split())


def test_sample_and_plot(icegen, tiny, tmp_path):
    arguments = ["--archive", tiny / "tiny.pt", "--members", 2, "--years", "2000:2001", "--dates", "03-15,09-15"]
    status, out, err = icegen("sample", *arguments, "--out", "ensemble")
    assert status == 0, err
    assert out.splitlines() == ["ensemble/seaice_2000.nc", "ensemble/seaice_2001.nc"]
    assert err.splitlines()[-1].startswith("sampling 8/8")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("ensemble/*")}
    assert icegen("sample", *arguments, "--out", "ensemble")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("ensemble/*")} == before, "finished files are kept"
    for extra in ([], ["--archive", tiny / "tiny.pt"], ["--variables", "sit,sic", "--month", 9, "--dpi", 150]):
        status, out, err = icegen("plot", "ensemble/seaice_2001.nc", *extra, "--out", "seaice.png")
        assert (status, out) == (0, "seaice.png\n"), err
    assert (tmp_path / "seaice.png").stat().st_size > 20_000


def sampling(tiny, out, **options) -> subprocess.Popen:
    """`icegen sample` as a process that takes a while."""
    command = [sys.executable, "-m", "icegen", "sample", "--archive", tiny / "tiny.pt", "--out", out]
    command += ["--years", "2000:2002", "--dates", "daily"]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.mark.long
@pytest.mark.parametrize(("sign", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(tiny, tmp_path, sign, status):
    """Ctrl-C, or the time limit of a batch job: no partial file remains."""
    with sampling(tiny, tmp_path) as process:
        for _ in range(12_000):
            if list(tmp_path.glob(".*.partial")) or process.poll() is not None:
                break
            time.sleep(0.01)
        process.send_signal(sign)
        _, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
    assert ("icegen: interrupted" in err) == (sign == signal.SIGINT)


@pytest.mark.long
def test_full_disk(tiny, tmp_path):
    """A full disk, here a limit of 100 kB on the size of files."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    with sampling(tiny, tmp_path, preexec_fn=limit) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith(f"icegen: {tmp_path}/seaice_2000.nc cannot be written, with ")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(icegen, tiny, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    usual = ["--archive", tiny / "tiny.pt", "--years", "2001", "--out"]
    assert "locked/out cannot be created: Permission denied" in icegen("sample", *usual, "locked/out")[2]
    assert "folder locked is not writable" in icegen("sample", *usual, "locked")[2]


def test_output_that_nobody_can_take(tiny):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "icegen", "info", tiny / "tiny.pt"]
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert run.stderr.startswith("icegen: [Errno 28] No space left on device")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(icegen, monkeypatch, shell):
    monkeypatch.setenv("_ICEGEN_COMPLETE", f"{shell}_source")
    status, out, _ = icegen()
    assert status == 0
    assert "_ICEGEN_COMPLETE" in out


def test_completes(icegen, monkeypatch):
    monkeypatch.setenv("_ICEGEN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "icegen sam")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert icegen()[1] == "plain,sample\n"


@pytest.mark.long
def test_as_a_program(tiny):
    """`python -m icegen`: one line and no traceback, except with --debug."""
    command = [sys.executable, "-m", "icegen", "info", tiny / "text.pt"]
    plain = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert plain.returncode == 1
    assert len(plain.stderr.splitlines()) == 1
    debug = subprocess.run([*command, "--debug"], capture_output=True, text=True, timeout=120, check=False)
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr
