# SPDX-License-Identifier: MIT
"""Whole validations of models with known errors."""

import dataclasses
import shutil
import warnings

import netCDF4
import numpy as np
import pytest
import torch

from icegen import archive, validation
from icegen.data import prepared_file
from icegen.data.consistency import UNKNOWN
from icegen.data.extent import edge_length
from icegen.validation import compare
from icegen.validation.compare import widening
from icegen.validation.evidence import Evidence, add_memory, add_trend, gather
from icegen.validation.generated import SampleKey, SampleSource
from icegen.validation.reference import Record, floor_candidates, split


@pytest.fixture(scope="module")
def prepared(tiny):
    return prepared_file.load(tiny / "prepared.nc")


class Known:
    """A model that returns given states, by year and day of year; its latents are the states."""

    conditional = True
    latent_noise = 0.0

    def __init__(self, states: dict, mistake=0.0):
        self.states = states
        self.mistake = mistake

    def noise(self, seed, member, time, continuous):
        return torch.zeros(1)

    def solve(self, noise, condition, steps):
        return torch.stack([self.states[tuple(key)] for key in condition.tolist()]) + self.mistake

    def encode(self, state):
        return state + self.mistake

    def decode(self, latent, noise=0.0):
        return self.cut(self.decode_mean(latent, noise))

    def decode_mean(self, latent, noise):
        return latent

    def cut(self, mu):
        return torch.clamp(mu, min=0)

    def features(self, state):
        return state.mean((2, 3))


def date(prepared, t):
    return int(prepared.year[t]), int(prepared.day_of_year[t])


def states(prepared):
    return {date(prepared, t): torch.from_numpy(prepared.state[t]).float() for t in range(len(prepared.year))}


def test_a_perfect_emulator(prepared):
    scores = validation.score(Known(states(prepared)), prepared, steps=2, samples=2)
    assert scores["validation_times"] == 12
    assert scores["samples_per_time"] == 2
    for name in ("sic", "sit"):
        assert scores["reconstruction"][f"{name}_rmse"] == 0
        assert scores["reconstruction"][f"{name}_gradient"] == 1
        assert scores["reconstruction"][f"{name}_zeros_kept"] == 1
        assert scores["reconstruction"][f"{name}_false_zeros"] == 0
        assert scores["generation"][f"{name}_wasserstein"] == 0
        assert scores["generation"][f"{name}_zeros"] == scores["generation"][f"{name}_zeros_real"]
        assert scores["generation"][f"{name}_outside"] == 0
        assert scores["generation"][f"{name}_spectrum_400-200"] == pytest.approx(1)
    assert scores["reconstruction"]["sic_ones_kept"] == 1
    for name in ("ice_probability_rmse", "extent_monthly_error", "volume_monthly_error", "faed"):
        assert scores["generation"][name] == pytest.approx(0, abs=1e-9)
        assert scores["generation"][name + "_floor"] > 0
    for name in ("extent_spread_MAM", "volume_spread_SON", "nearest_training", "nearest_pattern", "eofs_1-8",
                 "sic_anomaly_spectrum_400-200"):  # fmt: skip
        assert scores["generation"][name] == pytest.approx(1)
    for name in [name for name in scores["generation"] if name.startswith("frechet_")]:
        assert scores["generation"][name] == pytest.approx(0, abs=1e-6) or name.endswith("_floor")
    assert scores["generation"]["extent_crps"] == pytest.approx(0)
    assert scores["generation"]["extent_crps_floor"] > 0
    assert scores["generation"]["extent_spread_MAM_floor"] != 1


def test_an_emulator_that_repeats_training_states_scores_the_floor(prepared):
    evaluation, training = split(prepared, prepared)
    repeated = {}
    for t in evaluation.times:
        first = floor_candidates(training, *date(prepared, t)[:1], prepared.month[t], prepared.day_of_year[t])[0]
        repeated[date(prepared, t)] = torch.from_numpy(training.state(first))
    scores = validation.score(Known(repeated), prepared, steps=2, samples=1)["generation"]
    compared = [name for name in scores if name + "_floor" in scores]
    assert len(compared) > 30
    for name in compared:
        assert scores[name] == pytest.approx(scores[name + "_floor"]), name
    assert scores["nearest_training"] == 0


def test_extent_error_of_a_known_mistake(prepared):
    """One cell of 10^4 km2 too many, always."""
    wrong = {key: state.clone() for key, state in states(prepared).items()}
    unseen = [wrong[date(prepared, t)] for t in np.flatnonzero(prepared.validation)]
    bare = torch.stack([state[0] < 0.15 for state in unseen]).all(0).numpy() & prepared.grid.ocean
    row, column = np.argwhere(bare)[0]
    for state in unseen:
        state[0, row, column] = 0.5
    scores = validation.score(Known(wrong), prepared, steps=2, samples=1)["generation"]
    assert scores["extent_monthly_error"] == pytest.approx(0.01, rel=1e-6)
    assert scores["marginal_ice_zone"] - scores["marginal_ice_zone_real"] == pytest.approx(0.01, rel=1e-6)
    assert scores["ice_probability_rmse"] == pytest.approx(np.sqrt(1 / prepared.grid.ocean.sum()))
    edges = [edge_length(state[0].numpy(), prepared.grid.cell_area, prepared.grid.ocean) for state in unseen]
    width = scores["marginal_ice_zone"] * 1e12 / np.mean(edges) / 1e3
    assert scores["marginal_ice_zone_width"] == pytest.approx(width, rel=1e-6)


def test_a_constant_mistake(prepared):
    """A quarter less everywhere: the bound takes up part of it, where it is all out of bounds before the cut."""
    scores = validation.score(Known(states(prepared), mistake=-0.25), prepared, steps=2, samples=1)
    evaluation, _ = split(prepared, prepared)
    x = np.stack([evaluation.state(i) for i in range(12)]).astype(np.float64)
    seen = np.stack([evaluation.seen(i) for i in range(12)])
    for i, name in enumerate(("sic", "sit")):
        error = (np.clip(x - 0.25, 0, None) - x)[:, i][seen[:, i]]
        assert scores["reconstruction"][f"{name}_rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
        assert scores["reconstruction"][f"{name}_bias"] == pytest.approx(error.mean())
        assert scores["generation"][f"{name}_wasserstein"] == pytest.approx(-error.mean(), abs=0.01)
        below = (x[:, i] < 0.25)[:, prepared.grid.ocean]
        assert scores["generation"][f"{name}_outside"] == pytest.approx(below.mean())
        assert scores["generation"][f"{name}_zeros"] == pytest.approx((x[:, i][seen[:, i]] <= 0.25).mean())


def test_cells_that_were_filled_in_do_not_count(prepared):
    times, half = np.flatnonzero(prepared.validation), prepared.grid.shape[1] // 2
    filled = prepared.filled.copy()
    filled[times, :, :, :half] = True
    wrong = {key: state.clone() for key, state in states(prepared).items()}

    class Bad(Known):
        def encode(self, state):
            spoilt = state.clone()
            spoilt[..., :half] = 9.0
            return spoilt

    scores = validation.score(Bad(wrong), dataclasses.replace(prepared, filled=filled), steps=2, samples=1)
    assert scores["reconstruction"]["sic_rmse"] == 0


def test_contradictions_are_counted(prepared):
    """Thickness is taken from the ice of three cells of one month, and in one it is too thick to be real."""
    wrong = {key: state.clone() for key, state in states(prepared).items()}
    sic, sit = wrong[date(prepared, np.flatnonzero(prepared.validation)[0])]
    iced = torch.nonzero((sic > 0.5) & torch.from_numpy(prepared.grid.ocean))
    for y, x in iced[:3]:
        sit[y, x] = 0
    sit[tuple(iced[3])] = 1000
    scores = validation.score(Known(wrong), prepared, steps=2, samples=1)["generation"]
    assert (scores["contradictions"], scores["contradictions_real"], scores["contradictions_floor"]) == (4, 0, 0)
    unknown = dataclasses.replace(prepared, thickness=None)  # no range is known, so only missing thickness contradicts
    assert validation.score(Known(wrong), unknown, steps=2, samples=1)["generation"]["contradictions"] == 3


def test_scores_without_any_zero_are_finite_or_left_out(prepared):
    """JSON has no NaN, and the archive's metadata contain the scores."""
    thick = dataclasses.replace(prepared, state=prepared.state + np.float16(0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = validation.score(Known(states(thick)), thick, steps=2, samples=1)
    values = [value for group in scores.values() if isinstance(group, dict) for value in group.values()]
    assert np.isfinite(values).all()
    assert "sit_zeros_kept" not in scores["reconstruction"]


def test_without_concentration_what_needs_it_is_left_out(prepared):
    alone = dataclasses.replace(
        prepared, variables=prepared.variables[1:], state=prepared.state[:, 1:], filled=prepared.filled[:, 1:],
        mean=prepared.mean[1:], std=prepared.std[1:],
    )  # fmt: skip
    scores = validation.score(Known(states(alone)), alone, steps=2, samples=1)["generation"]
    assert scores["volume_monthly_error"] == pytest.approx(0, abs=1e-9)
    assert not [name for name in scores if name.startswith(("extent", "ice_probability", "marginal", "sic"))]
    assert not [name for name in scores if "spectrum" in name]


def test_the_trend_is_that_of_the_septembers_of_both_periods(prepared):
    """Septembers of 1980, 1981, 2007 and 2008; only the last is not for training."""
    shifted = dataclasses.replace(prepared, year=np.where(prepared.year < 2002, prepared.year - 20, prepared.year + 5))
    evaluation, training = split(shifted, shifted)
    sampler = SampleSource(Known(states(shifted)), seed=0, steps=2)
    evidence = gather(sampler, evaluation, training, 12, True, UNKNOWN, lambda name: iter)
    add_trend(evidence, sampler, evaluation, training, 12, iter)
    area = (((prepared.state[:, 0] >= 0.15) & prepared.grid.ocean) * prepared.grid.cell_area).sum((1, 2))[8::12]
    expected = [area[:2].mean(), area[2:].mean()]
    means = [[values.mean() for values in period[:2]] for period in evidence.trend]
    np.testing.assert_allclose(means, np.transpose([expected, expected]))
    trend = next(s for s in compare([evidence]).scores if s.id == "september_trend")
    assert trend.value == pytest.approx(expected[1] / expected[0])


def test_members_remember_as_the_record_does_if_they_are_the_record(prepared):
    """Of a model that scales each date by another factor, members remember less."""
    every = Record(prepared, np.arange(len(prepared.year)))
    factors = np.random.default_rng(0).uniform(0.2, 1.8, len(prepared.year))
    scaled = {date(prepared, t): state * factors[t] for t, state in enumerate(states(prepared).values())}
    memories = []
    for model in (states(prepared), scaled):
        source = SampleSource(Known(model), seed=0, steps=2)
        evidence = gather(source, every, every, 48, True, UNKNOWN, lambda name: iter)
        assert not [score for score in compare([evidence]).scores if "memory" in score.id]
        add_memory(evidence, source, every, every, iter)
        assert list(evidence.memory) == [30, 61, 91, 182]
        assert all(len(pairs.row) == 48 // 4 for pairs in evidence.memory.values())
        memories.append({s.id: s for s in compare([evidence], replicates=20).scores if "memory" in s.id})
    assert {"extent_memory_30d", "volume_memory_61d", "sic_memory_91d", "sit_memory_182d"} < set(memories[0])
    for score in memories[0].values():
        assert score.value == pytest.approx(score.real)
        assert score.low <= score.value <= score.high
        assert -1 <= score.floor <= 1
    assert memories[1]["volume_memory_30d"].value < memories[0]["volume_memory_30d"].value - 0.1


def test_a_record_without_pairs_tells_no_memory(prepared):
    evaluation, training = split(prepared, prepared)
    source = SampleSource(Known(states(prepared)), seed=0, steps=2)
    evidence = gather(source, evaluation, training, 12, True, UNKNOWN, lambda name: iter)
    add_memory(evidence, source, evaluation, training, iter)
    assert compare([evidence]).left_out["memory of members"].startswith("the reference has too few times")


def test_samples_are_the_archives_own_and_are_kept(tiny, tmp_path):
    loaded = archive.load(tiny / "tiny.pt")
    sampler = SampleSource(loaded.module, seed=3, steps=2, folder=tmp_path / "kept")
    for request, key in ((SampleKey(2, 2001, 74), {"year": 2001, "day_of_year": 74}), (SampleKey(1), {})):
        state, unbounded = sampler.sample(request)
        expected = loaded.generate([request.member], seed=3, steps=2, **key)[0].numpy()
        np.testing.assert_array_equal(state, expected)
        assert unbounded.min() < 0
        least, most = (np.float32(bound) * state[0] for bound in (loaded.module.thinnest, loaded.module.thickest))
        np.testing.assert_array_equal(state[1], np.clip(unbounded[1], least, most))
    assert len(list((tmp_path / "kept").iterdir())) == 2

    class Spent:
        """Decodes, but raises if it has to sample."""

        encode = features = None
        latent_noise = 0.0
        decode, decode_mean, cut = loaded.module.decode, loaded.module.decode_mean, loaded.module.cut

        def noise(self, *_):
            raise AssertionError

        solve = noise

    again = SampleSource(Spent(), seed=3, steps=2, folder=tmp_path / "kept")
    np.testing.assert_array_equal(again.sample(SampleKey(1))[0], expected)
    with pytest.raises(AssertionError):
        again.sample(SampleKey(2))


def test_references_that_cannot_judge_are_refused(tiny, tmp_path):
    """Times that the archive was trained on, and a variable that never varies."""

    def refused(reference, message):
        loaded = archive.load(tiny / "tiny.pt")
        given = {"training": tiny / "prepared.nc", "samples": 4, "steps": 2, "seeds": [0]}
        with pytest.raises(ValueError, match=message):
            validation.validate(loaded, reference, tmp_path / "out", progress=lambda name: iter, **given)

    same, constant = (shutil.copy(tiny / "prepared.nc", tmp_path / name) for name in ("same.nc", "constant.nc"))
    with netCDF4.Dataset(same, "a") as nc:
        nc["split"][:] = np.full(len(nc["time"]), b"x", "S1")
    refused(same, r"36 times of .*same\.nc are also training times of .*prepared\.nc; wanted others")
    with netCDF4.Dataset(constant, "a") as nc:
        nc["sit"][:] = 0
        nc["sic"][:] = 0
    refused(constant, "sic is the same everywhere in each evaluation state; wanted values that differ")


def test_an_archive_without_the_methods_is_refused():
    with pytest.raises(ValueError, match="lacks noise; export it again"):
        SampleSource(torch.nn.Identity(), seed=0, steps=2)


@pytest.mark.parametrize(("blocks", "trials"), [(4, 4000), (48, 1000)])
def test_intervals_cover_nine_in_ten(blocks, trials):
    """Of the mean of a few normal years, each drawn anew with replacement."""
    rng = np.random.default_rng(0)
    years = rng.standard_normal((trials, blocks))
    means = np.take_along_axis(years[:, None], rng.integers(blocks, size=(trials, 200, blocks)), 2).mean(2)
    around = widening(blocks) * (np.quantile(means, (0.05, 0.95), axis=1) - means.mean(1))
    low, high = years.mean(1) + around
    assert np.mean((low < 0) & (high > 0)) == pytest.approx(0.89, abs=0.03)
    assert widening(1) == np.inf


def test_years_are_drawn_with_all_their_samples():
    """And a date that is drawn twice is two dates."""
    evidence = Evidence.__new__(Evidence)
    evidence.dated = True
    evidence.year = np.repeat([1990, 1991, 1992, 1993], 6)
    evidence.time = np.repeat(np.arange(12), 2)
    evidence.date = evidence.time
    assert evidence.count_of_blocks == 4
    rows, date = evidence._draw(np.random.default_rng(1))
    drawn = evidence.year[rows].reshape(4, 6)
    assert (drawn == drawn[:, :1]).all()
    assert len(np.unique(drawn)) < 4, "the seed draws a year twice"
    assert len(np.unique(date)) == 12


def test_months_are_drawn_of_a_record_of_few_years():
    """The days of a month are alike, so they are drawn together."""
    evidence = Evidence.__new__(Evidence)
    evidence.dated = True
    evidence.year = np.repeat([2015, 2017], 4)
    evidence.month = np.array([3, 3, 9, 9, 3, 3, 3, 3])
    evidence.time = evidence.date = np.arange(8)
    assert evidence.count_of_blocks == 3
    rows, _ = evidence._draw(np.random.default_rng(1))
    drawn = set(rows.tolist())
    assert all(drawn.isdisjoint(month) or drawn.issuperset(month) for month in ([0, 1], [2, 3], [4, 5, 6, 7]))


def test_the_floor_of_an_ensemble_has_no_state_twice():
    evidence = Evidence.__new__(Evidence)
    members = np.arange(8).reshape(2, 4)
    evidence.floor_time = np.array([5, 3, 5, 3, 7, 8, 9, 7])
    assert evidence.distinct_floors(members) == 2
    evidence.floor_time = np.zeros(0, np.int64)
    assert evidence.distinct_floors(members) == 0


def test_a_sample_whose_file_was_cut_short_is_made_anew(tiny, tmp_path):
    source = SampleSource(archive.load(tiny / "tiny.pt").module, seed=3, steps=2, folder=tmp_path)
    key = SampleKey(1, 2001, 100)
    wanted, _ = source.sample(key)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    np.testing.assert_array_equal(source.sample(key)[0], wanted)


def test_intervals_are_of_dates_drawn_anew(prepared):
    """The states are real but those of each date are scaled by another factor, so that scores depend on the date."""
    factors = np.random.default_rng(0).uniform(0.5, 1.5, len(prepared.year))
    scaled = {date(prepared, t): state * factors[t] for t, state in enumerate(states(prepared).values())}
    evaluation, training = split(prepared, prepared)
    evidences = [
        gather(SampleSource(Known(model), seed=0, steps=2), evaluation, training, 24, True, UNKNOWN, lambda name: iter)
        for model in (scaled, states(prepared))
    ]
    alone, both = (compare(evidences[:n], replicates=40) for n in (1, 2))
    generated = [score for score in alone.scores if score.group != "reconstruction"]
    known = [score for score in alone.scores if score.low is not None]
    assert set(known) <= set(generated)
    assert len(known) > 0.8 * len(generated)
    for score in known:
        assert score.low <= score.high, score.id
    one, two = (next(s for s in table.scores if s.id == "volume_crps") for table in (alone, both))
    assert two.value == pytest.approx(one.value / 2)  # the other seed has none
    assert two.high - two.low == pytest.approx((one.high - one.low) / 2)
    assert one.high - one.low > 0.1 * one.value


@pytest.mark.long
def test_an_archive_that_takes_no_date(tiny, tmp_path):
    """Samples are compared as sets; there are no scores by season."""
    loaded = archive.load(tiny / "tiny.pt")
    loaded.metadata["condition"] = []
    found = validation.validate(
        loaded, tiny / "prepared.nc", tmp_path, samples=20, steps=2, seeds=[0], progress=lambda name: iter
    )
    names = {f"{s.group}: {s.id}" for s in found.table.scores}
    assert {"generation: faed", "unconditional: extent_mean", "generation: sic_zeros"} <= names
    assert not [name for name in names if "MAM" in name or "monthly" in name or name == "unconditional: faed"]
    assert found.table.left_out["scores by season, trend"] == "the archive takes no date"
    assert len(list(tmp_path.glob("samples/*/free_*.npy"))) == 20


def test_some_validation_times(prepared):
    """They are spread over the year, and are the same each time."""
    scores = [validation.score(Known(states(prepared), 0.1), prepared, steps=2, times=4) for _ in range(2)]
    assert scores[0]["validation_times"] == 4
    assert scores[0] == scores[1]
    assert validation.score(Known(states(prepared)), prepared, steps=2, times=99)["validation_times"] == 12
