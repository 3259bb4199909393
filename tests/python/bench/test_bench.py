# SPDX-License-Identifier: MIT
"""The bench: alternatives do the same work, figures follow from the counts, failed measurements are named."""

import json
import socket
import sysconfig

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import icegen
from compiled import BUILD, ENVIRONMENT, require_built
from icegen.archive.dates import time_of
from icegen.bench import coupling, eager, process, report, rows, scaling, suite
from icegen.bench.launching import Launcher
from icegen.command.main import commands

PAGE = "# A page\n\n<!-- bench -->\nbefore\n<!-- end -->\n\nMore.\n"


@pytest.fixture(scope="module")
def archive(tiny):
    return icegen.load(tiny / "tiny.pt")


@pytest.fixture
def bridge(monkeypatch):
    """The bridge of the build, in this process and in those that it launches."""
    require_built(BUILD / "lib" / f"_icegen_flat{sysconfig.get_config_var('EXT_SUFFIX')}")
    for name, value in (ENVIRONMENT | {"ICEGEN_BUILD": str(BUILD)}).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2m"])
def test_eager_modules_are_the_archives(archive, sampler):
    plain = eager.eager(archive, sampler)
    assert plain.uses_multistep == (sampler == "dpmpp_2m")
    convolution = plain.denoiser.stem.weight
    assert convolution.is_contiguous()
    assert not convolution.is_contiguous(memory_format=torch.channels_last)
    if sampler != archive.metadata["sampler"]["name"]:
        return
    condition, time = torch.tensor([[2001, 75]]), torch.tensor([time_of(2001, 75, "continuous")])
    with torch.inference_mode():
        state = plain.generate(7, torch.tensor([2]), condition, time, True, 3)
    wanted = archive.generate([2], seed=7, year=2001, day_of_year=75, steps=3)
    torch.testing.assert_close(state, wanted, atol=1e-4, rtol=1e-4)


def test_ratio_is_the_median_of_pairs(monkeypatch):
    times = iter([100.0, 1.0, 2.0, 1.0, 3.0, 2.0, 9.0, 3.0])  # the first pair is the warm-up
    monkeypatch.setattr(rows, "timed", lambda work: next(times))
    found = rows.paired("a", None, "b", None, 3, 1.6)
    assert (found.figure, found.medians, found.unit) == (2.0, (3.0, 2.0), "s")
    assert found.spread == (1.5, 3.0)
    assert found.holds is False
    assert report.row_texts(found)[4:6] == ("1.6", "no: 25% more")
    assert rows.ratio("a", "b", [(1.0, 2.0)], "s", 0.5).holds is True
    assert rows.ratio("a", "b", [(1.0, 2.0)], "s", None).holds is None


def test_an_archive_of_another_icegen_is_named(archive, monkeypatch):
    metadata = archive.metadata | {"provenance": {"configuration": {"denoiser": {"width": 3}}}}
    monkeypatch.setattr(archive, "metadata", metadata)
    with pytest.raises(ValueError, match=r"tiny.pt is of another version of icegen: unknown key denoiser.width"):
        eager.eager(archive)


def test_what_linux_counts():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
        far, _ = server.accept()
        with far:
            before = process.bytes_sent()
            near.sendall(bytes(1234))
            assert len(far.recv(1234, socket.MSG_WAITALL)) == 1234
            assert process.bytes_sent() - before == 1234
    before = process.reset_peak()
    wide = np.ones(16_000_000)  # 128 MB, which malloc takes from the system even if it has as much of its own
    assert 110 < process.peak_memory() - before < 140
    del wide
    assert process.reset_peak() < before + 20


def test_what_cannot_be_measured_is_said(archive, tmp_path, monkeypatch):
    launcher = Launcher(archive, 1, tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    with pytest.raises(ValueError, match="there is 1 core; wanted 2: one for the host"):
        coupling.waiting(launcher, 1)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="there is no mpirun"):
        coupling.traffic(launcher, (1, 2))
    with pytest.raises(ValueError, match="the model of scale lacks a row: bytes of a request: there is no mpirun"):
        scaling.Pieces.of(suite.Bench({}, left_out={"bytes of a request": "there is no mpirun"}))


def test_a_host_that_fails_says_why(archive, tmp_path, bridge):
    launcher = Launcher(archive, 1, tmp_path)
    launcher.threads = -1
    with pytest.raises(ValueError, match="threads is -1; wanted"):
        launcher.host("opening", 2)


def test_the_model_of_scale():
    pieces = scaling.Pieces(points=1000, fields=2, receive=0.01, add_target=0.1, reduction_bytes=40, open=1, sample=2)
    one = scaling.costs(pieces, scaling.Machine(ranks=1, generators=1, points=1000))
    assert one["open"] == 1
    assert one["request"] == one["between"] == 0
    assert one["receive"] == 0.01
    assert one["samples"] == 0.5
    few, many = (scaling.costs(pieces, scaling.Machine(1025, generators, 4000)) for generators in (1, 64))
    climb = 11 * scaling.LATENCY
    assert few["request"] == pytest.approx(2 * climb)
    assert few["receive"] == pytest.approx(2 * climb + 4 * 0.01 / 1025)
    assert few["add_target"] == pytest.approx(4 * climb + 4 * 0.1 / 1025)
    assert few["between"] == 16 * 8000, "17 nodes, of which one has it"
    assert few["ratio"] == few["between"] / (4 * 4000 * 2)
    assert many["samples"] == 64 * few["samples"]
    assert many | {"samples": 0} == few | {"samples": 0}


@pytest.mark.long
def test_command(tiny, tmp_path, bridge, monkeypatch):
    monkeypatch.setattr(coupling, "MEMORY_RANKS", 2)
    file = tmp_path / "bench.json"
    for name in ("performance.md", "scaling.md"):
        (tmp_path / name).write_text(PAGE)
    arguments = ["bench", str(tiny / "tiny.pt"), "--quick", "--json", str(file), "--docs", str(tmp_path)]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(file.read_text())
    assert set(found["left_out"]) <= {"waiting in `receive`"}  # for want of a second core
    assert {"a perturbation", "observations"} <= set(found["rows"])
    assert len(found["rows"]) + len(found["left_out"]) == 12
    for name, row in found["rows"].items():
        low, high = row["spread"]
        assert low <= row["figure"] <= high, name
        assert row["holds"] == (None if row["bound"] is None else row["figure"] <= row["bound"])
        assert f"{row['figure']:.3f}" in done.output
    assert found["about"]["archive"] == "tiny, heun, 7 evaluations"

    traffic = found["rows"]["bytes of a request"]
    one, eight = traffic["details"]
    assert [p["ranks"] for p in (one, eight)] == [1, 8]
    assert one["moved"] == 0
    points = one["valid_points"]
    assert points == eight["valid_points"] > 1000
    first, *further = eight["receive"]
    assert all(0 < sent <= 200 * 8 for sent in further), "a reduction"
    assert further[0] < first <= 3000 * 8
    assert eight["points_of_a_rank"] < one["points_of_a_rank"] == points
    assert traffic["figure"] == eight["moved"] / eight["wanted"]
    assert found["rows"]["memory of other ranks"]["figure"] < 20
    assert min(found["rows"]["`open`"]["medians"]) > 0

    for name, words in (
        ("performance.md", "4 bytes x points x fields received"),
        ("scaling.md", "10,000 ranks, 160 GPUs, 10 million points"),
    ):
        page = (tmp_path / name).read_text()
        assert words in page
        assert page.startswith("# A page\n\n<!-- bench -->\n")
        assert page.endswith("<!-- end -->\n\nMore.\n")
        assert "before" not in page


def test_command_refuses_before_it_measures(tiny, tmp_path):
    run = CliRunner().invoke
    missing = run(commands, ["bench", str(tiny / "tiny.pt"), "--json", str(tmp_path / "no/bench.json")])
    assert "no does not exist" in str(missing.exception)
    no_page = run(commands, ["bench", str(tiny / "tiny.pt"), "--docs", str(tmp_path)])
    assert "performance.md has no lines <!-- bench --> and <!-- end -->" in str(no_page.exception)
