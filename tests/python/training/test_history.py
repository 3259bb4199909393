# SPDX-License-Identifier: MIT
"""Time scales of the noise, fitted to a record of known memory."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from icegen.archive import export
from icegen.data import prepared_file
from icegen.data.times import pairs_of
from icegen.model.history import Band, HistoryNoise, correlation
from icegen.training.history import (
    LAGS,
    HistoryConfig,
    by_memory,
    fit_scales,
    memory_of,
    memory_of_samples,
    steps_to_measure,
)

DAYS = np.arange(400) * 30.4


def autoregressive(decay, count, seed=0):
    """Series [time, count] whose correlation falls by ``decay`` from one time to the next."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((len(DAYS), count))
    for t in range(1, len(DAYS)):
        x[t] = decay * x[t - 1] + np.sqrt(1 - decay**2) * x[t]
    return torch.from_numpy(x).float()


def test_memory_is_the_correlation_at_a_lag():
    found = memory_of(autoregressive(0.8, 50), pairs_of(DAYS, LAGS))
    np.testing.assert_allclose(found[:3], [0.8, 0.64, 0.512], atol=0.05)


def test_combinations_are_orthogonal_and_longest_memory_comes_first():
    """Two slow and six fast components, mixed by a rotation and of unlike variance."""
    parts = torch.cat([autoregressive(0.95, 2), autoregressive(0.3, 6, seed=1)], 1)[:, :, None]
    mix = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0))).Q
    mixed = torch.einsum("ij,tjp->tip", mix * torch.linspace(1, 3, 8), parts)
    bands = by_memory(mixed, pairs_of(DAYS, LAGS))
    torch.testing.assert_close(bands.combinations @ bands.combinations.t(), torch.eye(8), atol=1e-5, rtol=0)
    assert bands.sizes == (1, 1, 2, 4)
    assert (bands.memory[:2, 0] > 0.85).all()
    assert (bands.memory[2:, 0] < 0.5).all()


def test_what_means_depend_on_comes_first_and_apart():
    """A slow and a fast mean, of combinations of six components that are forgotten alike but for these two."""
    slow, fast = autoregressive(0.95, 1, seed=2), autoregressive(0.3, 1, seed=3)
    parts = torch.cat([autoregressive(0.6, 4), fast, slow], 1)
    mix = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0))).Q
    bands = by_memory((parts @ mix.t())[:, :, None], pairs_of(DAYS, LAGS), torch.cat([2 * fast, slow + 0.3 * fast], 1))
    torch.testing.assert_close(bands.combinations @ bands.combinations.t(), torch.eye(6), atol=1e-5, rtol=0)
    assert bands.sizes == (1, 1, 1, 1, 2)
    np.testing.assert_allclose(bands.memory[:, 0], [0.87, 0.35, 0.65, 0.6, 0.55], atol=0.1)
    assert by_memory(parts[:, :1, None], pairs_of(DAYS, LAGS), torch.cat([fast, slow], 1)).sizes == (1,)


def test_scales_give_the_states_the_memory_of_the_record():
    """Of two quantities made by two bands in other shares."""
    lags = np.array([30, 61, 91, 182])
    true = [([25.0, 160.0], [0.4, 0.6]), ([15.0], [1.0])]
    curves = np.array(
        [[sum(a * correlation(0, lag, s) for s, a in zip(*band, strict=True)) for lag in lags] for band in true]
    )
    shares = np.array([[0.8, 0.2], [0.1, 0.9]])
    scales = fit_scales(lags, 0.8 * curves, shares, shares @ curves)
    found = np.array(
        [[sum(a * correlation(0, lag, s) for s, a in zip(*band, strict=True)) for lag in lags] for band in scales]
    )
    np.testing.assert_allclose(shares @ found, shares @ curves, atol=0.06)
    assert all(sum(share) == pytest.approx(1) for _, share in scales)
    assert min(min(days) for days, _ in scales) >= 0.4 * 30


class Linear:
    """A model whose states are its noise, of one variable and one time scale."""

    conditional = False
    uses_multistep = True
    concentration = -1
    latent_noise = 0.0
    ocean = torch.ones(1, 1, 24, 24)
    mean = torch.zeros(1, 1, 1)

    def __init__(self, scale):
        self.history = HistoryNoise((1, 24, 24), torch.eye(1), [Band(1, (scale,), (1.0,))], torch.eye(0), [])

    def noise(self, seed, member, time, continuous):
        return self.history(seed, int(member), int(time), self.ocean, torch.zeros(0, 576))[None]

    def solve(self, noise, condition, steps):
        return noise

    def decode(self, latent, noise):
        return latent


def test_memory_of_samples_is_that_of_their_noise():
    day = np.array([15, 40, 300])
    data = SimpleNamespace(year=np.array([1999, 2000, 2001]), day_of_year=day, variables=[None])
    lags = {30: None, 91: None}
    found = memory_of_samples(Linear(60.0), data, np.arange(3), lags, HistoryConfig(dates=3, members=6), 5, seed=1)
    expected = [[correlation(t, t + lag, 60.0) for lag in lags] for t in day]
    np.testing.assert_allclose(found[0], np.mean(expected, axis=0), atol=0.05)


@pytest.mark.parametrize(("inflates", "multistep", "steps"), [(False, True, 5), (False, False, 3), (True, True, 10)])
def test_memory_is_measured_with_the_steps_of_a_sampler_that_inflates(inflates, multistep, steps):
    assert steps_to_measure(SimpleNamespace(inflates=inflates, uses_multistep=multistep), 10) == steps


def test_an_archive_tells_its_time_scales(tiny):
    model, _ = export.build_model(tiny, prepared_file.load(tiny / "prepared.nc"))
    bands = export.describe_history(model)["bands"]
    assert sum(band["size"] for band in bands) == model.latent_mean.numel() + len(model.denoiser.eofs)
    assert all(min(band["days"]) >= 12 for band in bands)
