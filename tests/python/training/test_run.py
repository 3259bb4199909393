# SPDX-License-Identifier: MIT
"""Where a training runs."""

import logging

import pytest

from icegen.training import run


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
@pytest.mark.parametrize("has", [True, False])
def test_says_that_a_processor_is_slow_in_bfloat16(tmp_path, monkeypatch, caplog, has, precision):
    monkeypatch.setattr(run, "has_bfloat16", lambda: has)
    with caplog.at_level(logging.WARNING):
        run.Run(tmp_path, accelerator="cpu").fabric(precision)
    said = "no instructions for bfloat16; the precision 32-true trains faster" in caplog.text
    assert said == (precision == "bf16-mixed" and not has)
