# SPDX-License-Identifier: MIT
"""The figures that idealised ice is compared with, on fields with known figures."""

import numpy as np
import pytest

from icegen.data.sources.targets import Target, block_loss, thickness_figures, variance_share


def test_variance_share_of_two_waves():
    """Amplitudes 1 and 2: the shorter wave has a fifth of the variance."""
    x = np.arange(64) * 10e3
    field = 3 + np.sin(2 * np.pi * x / 40e3) + 2 * np.sin(2 * np.pi * x / 320e3)[:, None]
    assert variance_share(field, 10e3, 100e3) == pytest.approx(0.2)
    assert variance_share(field, 10e3, 30e3) == pytest.approx(0, abs=1e-12)
    assert variance_share(field, 10e3, 500e3) == pytest.approx(1)


def test_block_means_leave_out_what_varies_within():
    coarse = np.kron(np.arange(16.0).reshape(4, 4), np.ones((8, 8)))
    fine = np.tile([1.0, -1.0], (32, 16))
    ocean = np.ones((32, 32), bool)
    ocean[:, 20:] = False
    assert block_loss(coarse, ocean, 8) == 0
    assert block_loss(fine, ocean, 8) == pytest.approx(1)
    wanted = 1 / (coarse + fine)[ocean].std()
    assert block_loss(np.where(ocean, coarse + fine, 99), ocean, 8) == pytest.approx(wanted)


def test_figures_of_one_field():
    sit = np.zeros((64, 64))
    sit[:16], sit[16:24] = 2.0, 0.25
    ocean = np.ones((64, 64), bool)
    ocean[32:] = False
    rows = {row.name.removeprefix("January: "): row.value for row in thickness_figures(sit, ocean, 12.5e3)}
    assert rows["sit mean"] == pytest.approx((16 * 2 + 8 * 0.25) / 32)
    assert rows["share of exact zeros"] == 0.25
    assert rows["share between 0 and 0.5 m"] == 0.25
    assert rows["largest sit"] == 2
    assert len(rows) == 10
    assert len(thickness_figures(sit, ocean, 100e3)) == 6  # nothing finer than two cells


def test_a_figure_holds_within_its_ends():
    assert Target("x", 0.2, 0.2, 0.1, 0.3).holds
    assert not Target("x", 0.31, 0.2, 0.1, 0.3).holds
    assert not Target("x", float("nan"), 0.2, 0.1, 0.3).holds
