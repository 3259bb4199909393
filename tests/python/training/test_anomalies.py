# SPDX-License-Identifier: MIT
"""Anomalies of records of months, and of days beside months."""

import numpy as np
import torch

from icegen.training.anomalies import anomalies

MONTHS = (np.arange(480) + 0.5) * 365.25 / 12
DAYS = np.concatenate([np.arange(365) + 365.25 * year for year in (36, 38)])


def season(days):
    phase = 2 * np.pi * days / 365.25
    return 3 * np.cos(phase - 1) + np.sin(5 * phase) + 1e-4 * days + 1e-8 * days**2 + 5


def test_anomalies_know_no_date():
    values = torch.from_numpy(season(MONTHS)[:, None] * np.ones(4)).float()
    assert anomalies(values, MONTHS, np.full(480, 30.4)).abs().max() < 1e-3


def test_anomalies_have_the_variance_about_the_season():
    values = torch.from_numpy(season(MONTHS) + np.random.default_rng(0).standard_normal((2000, 480))).T.float()
    np.testing.assert_allclose(anomalies(values, MONTHS, np.ones(480)).var(), 1, atol=0.01)


def test_the_months_of_many_years_tell_the_season_of_the_days_of_two():
    """The two years of days depart from the season, which they themselves could not tell."""
    departure = np.where(DAYS < 37 * 365.25, 0.5, -0.5)
    days = torch.from_numpy(season(DAYS) + departure)[:, None].float()
    months = torch.from_numpy(season(MONTHS))[:, None].float()
    of_both = anomalies(
        torch.cat([months, days]), np.concatenate([MONTHS, DAYS]), np.repeat([30.4, 1.0], [len(MONTHS), len(DAYS)])
    )
    np.testing.assert_allclose(of_both[480:, 0], departure, atol=0.1)
    assert anomalies(days, DAYS, np.ones(len(DAYS))).square().mean() < 0.05
