# SPDX-License-Identifier: MIT
"""Timing: what is compared does the same work, medians are medians, and what cannot be measured is named."""

import json
import sysconfig

import pytest
import torch
from click.testing import CliRunner

import icegen
from compiled import BUILD, ENVIRONMENT, require_built
from icegen import bench
from icegen.cli import commands


@pytest.fixture(scope="module")
def archive(tiny):
    return icegen.load(tiny / "tiny.pt")


def test_eager_modules_are_the_archives(archive):
    plain = bench.eager(archive)
    condition = torch.tensor([[2001, 75]])
    with torch.inference_mode():
        state = plain.generate(7, torch.tensor([2]), condition, 3)
    wanted = archive.generate([2], seed=7, year=2001, day_of_year=75, steps=3)
    torch.testing.assert_close(state, wanted, atol=1e-4, rtol=1e-4)
    convolution = plain.denoiser.stem.weight
    assert convolution.is_contiguous()
    assert not convolution.is_contiguous(memory_format=torch.channels_last)


def test_ratio_is_the_median_of_pairs(monkeypatch):
    times = iter([100.0, 1.0, 2.0, 1.0, 3.0, 2.0, 9.0, 3.0])  # the first pair is the warm-up
    monkeypatch.setattr(bench, "timed", lambda work: next(times))
    found = bench.paired("a", None, "b", None, 3)
    assert (found.ratio, found.seconds) == (2.0, (3.0, 2.0))
    assert found.quartiles == (1.5, 3.0)


def test_an_archive_of_another_icegen_is_named(archive, monkeypatch):
    metadata = archive.metadata | {"provenance": {"configuration": {"denoiser": {"width": 3}}}}
    monkeypatch.setattr(archive, "metadata", metadata)
    with pytest.raises(ValueError, match=r"tiny.pt is of another icegen: unknown key denoiser.width"):
        bench.eager(archive)
    outcome = bench.bench(archive, 1, 1)
    assert "a sample of the archive" in outcome.left_out
    assert outcome.about["threads"] == "1"


def test_command(tiny, tmp_path, monkeypatch):
    require_built(BUILD / "lib" / f"_icegen_flat{sysconfig.get_config_var('EXT_SUFFIX')}")
    for name, value in (ENVIRONMENT | {"ICEGEN_BUILD": str(BUILD)}).items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "bench.json"
    done = CliRunner().invoke(commands, ["bench", str(tiny / "tiny.pt"), "--quick", "--json", str(file)])
    assert done.exit_code == 0, done.output
    found = json.loads(file.read_text())
    assert found["left_out"] == {}
    assert len(found["ratios"]) == 3
    for ratio in found["ratios"]:
        assert ratio["ratio"] > 0
        assert ratio["quartiles"][0] <= ratio["ratio"] <= ratio["quartiles"][1]
        assert f"{ratio['ratio']:.3f}" in done.output
    assert found["about"]["archive"] == "tiny, heun, 7 evaluations"
    missing = CliRunner().invoke(commands, ["bench", str(tiny / "tiny.pt"), "--json", str(tmp_path / "no/bench.json")])
    assert "no does not exist" in str(missing.exception)
