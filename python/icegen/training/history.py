# SPDX-License-Identifier: MIT
"""The time scales of a member's noise, fitted so that its states remember for as long as the training record does.

The noise of `icegen.model.history` comes in bands: patterns along the denoiser's EOFs, and combinations of the
latent's channels for what is left. The combinations are chosen by memory: in standardised anomalies, the eigenvectors
of the symmetric part of the lagged covariance are combinations that are forgotten one after the other (optimal
persistence patterns; DelSole 2001, doi:10.1175/1520-0469(2001)058<1341:OPPICV>2.0.CO;2). Before them come the patterns
that change the means over the Arctic, because volume is remembered for longer than extent.

The time scales of all bands follow from one least-squares fit. If the bands' parts of a state add up, the correlation
of a quantity of the states at a lag is the mean of the bands' correlations, weighted with the share of the quantity's
variance that each band makes. These shares are measured on samples in which one band is drawn anew.

A sampler is not linear, so its samples are forgotten faster than their noise. Their memory is measured on some members
at some dates, and what they lack is added to what the fit aims at. A measurement on few members is noisy. Each
correction therefore has members of its own and counts for less than the one before (stochastic approximation; Robbins
and Monro 1951, doi:10.1214/aoms/1177729586).
"""

import dataclasses
import datetime
import logging
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.optimize import nnls
from torch import Tensor

from icegen.data.extent import ICE_EDGE
from icegen.data.prepared_file import PreparedData, by_season
from icegen.data.times import DAYS, Pairs, pairs_of
from icegen.model.generative_model import GenerativeModel
from icegen.model.history import Band, HistoryNoise, correlation, orthonormal
from icegen.settings import STRICT
from icegen.thinning import evenly
from icegen.training.anomalies import anomalies

log = logging.getLogger(__name__)

LAGS = (1, 2, 3, 5, 7, 10, 15, 30, 61, 91, 182, 365)  # days; those that the record has are used
MOST_STATES = 2000
SAMPLES = 12  # pairs for the share of each band
POOL = 2  # cells, to which states are averaged where their memory is measured
SCALES = 20  # candidates
MOST_SCALES = 2  # of a band
HIGHEST_AIM = 1.5  # correlation that a fit aims at; above 1 it asks for the slowest noise that there is
PRIOR = 0.1  # weight of the latents' own memory beside that of the states
LEAST_VARIANCE = 1e-3  # of a channel, over the largest: below it lie only errors of the encoder


@dataclass(frozen=True, config=STRICT)
class HistoryConfig:
    """How export fits the memory of a member's noise. No training depends on it."""

    corrections: int = Field(
        default=4,
        ge=0,
        description="times that the fit is corrected for the memory that samples lack",
    )
    dates: int = Field(default=8, ge=1, description="dates of the samples whose memory is measured")
    members: int = Field(default=8, ge=2, description="members at each of these dates, and at each lag after them")


@dataclasses.dataclass(frozen=True)
class BandedCombinations:
    """Combinations in bands, longest memory first, and the memory of each band: correlation [band, lag]."""

    combinations: Tensor
    sizes: tuple[int, ...]
    memory: np.ndarray


@torch.no_grad()
def fit_history(
    model: GenerativeModel, data: PreparedData, averaging: float, config: HistoryConfig, steps: int
) -> None:
    """Set the model's history noise to the memory of the training states that are means over ``averaging`` days, or of
    all for 0. The other training states help to tell their season and trend.

    steps: of the model's sampler, see `steps_to_measure`.
    A record without pairs of states at one lag at least keeps the one time scale that a model has at first.
    """
    alike = data.averages_over(averaging)
    times = np.flatnonzero(data.training & alike)[:MOST_STATES]
    others = np.flatnonzero(data.training & ~alike)
    known = np.concatenate([times, others[evenly(len(others), MOST_STATES)]])
    days, span = data.year[known] * DAYS + data.day_of_year[known], data.span[known]
    lags = pairs_of(days[: len(times)], LAGS)
    if not lags:
        log.warning("the training times are too far apart to tell how long the ice remembers; its memory is not fitted")
        return
    latents, pooled = [], []
    for t in known:
        state = torch.from_numpy(data.state[t])[None].to(model.mean.device).float()
        latents.append(model.encode(state).cpu())
        pooled.append([values.cpu() for values in quantities(model, state)[0]])
    anomaly = anomalies(torch.cat(latents), days, span)[: len(times)]
    remembered, means = [], []
    for values in zip(*pooled, strict=True):  # one quantity at a time, for fields are large
        of_quantity = anomalies(torch.stack(values), days, span)[: len(times)]
        remembered.append(memory_of(of_quantity, lags))
        if of_quantity.shape[1] == 1:
            means.append(of_quantity)
    record = np.array(remembered)
    patterns = _no_bands(len(lags))
    whitener = torch.eye(0)
    eofs = model.denoiser.eofs.float().cpu()
    if len(eofs):
        whitener = orthonormal(eofs)
        coefficients = anomaly.flatten(1) @ (whitener @ eofs).t()
        patterns = by_memory(coefficients[:, :, None], lags, torch.cat(means, 1))
        anomaly = anomaly - (coefficients @ (whitener @ eofs)).reshape(anomaly.shape)
    channels = by_memory(anomaly[:, :, model.ocean_cells[0, 0].bool().cpu()], lags)

    # The latents tell no memory of the detail: it starts from that of the fastest channels.
    detail_sizes = (model.detail_channels,) if model.detail_channels else ()
    memory = np.concatenate([channels.memory, patterns.memory, *([channels.memory[-1:]] * len(detail_sizes))])

    def noise(scales: list[tuple[tuple[float, ...], tuple[float, ...]]]) -> HistoryNoise:
        sizes = (*channels.sizes, *patterns.sizes, *detail_sizes)
        bands = [Band(n, *s) for n, s in zip(sizes, scales, strict=True)]
        first, last = len(channels.sizes), len(channels.sizes) + len(patterns.sizes)
        z, y, x = model.latent_mean.shape
        patterns_of_eofs = patterns.combinations @ whitener
        made = HistoryNoise(
            (z, y, x), channels.combinations, bands[:first], patterns_of_eofs, bands[first:last], bands[last:]
        )
        return made.to(model.mean.device).eval()

    model.history = noise([((1.0,), (1.0,))] * len(memory))
    steps = steps_to_measure(model, steps)
    shares = shares_of_bands(model, data, times, steps)
    aim = record
    for correction in range(config.corrections + 1):
        model.history = noise(fit_scales(np.array(list(lags)), memory, shares, aim))
        if correction < config.corrections:
            lacking = record - memory_of_samples(model, data, times, lags, config, steps, seed=correction + 1)
            aim = (aim + lacking / (correction + 1)).clip(0, HIGHEST_AIM)
            log.info("correction %d: samples lacked memory of %s", correction + 1, lacking.round(2).tolist())
    log.info("memory fitted to %d states, at lags of %s days", len(times), ", ".join(map(str, lags)))


def quantities(model: GenerativeModel, states: Tensor) -> list[tuple[Tensor, ...]]:
    """What states [n, variable, y, x] shall remember: each variable's pooled field, its mean over the ocean, and the
    share of the ocean within the ice edge.

    Returns for each state the quantities, each float32 [value].
    """
    fields = F.avg_pool2d(states * model.ocean, POOL) if min(states.shape[2:]) >= POOL else states
    covers = states
    if model.concentration >= 0:
        covers = torch.cat([states, (states[:, model.concentration, None] >= ICE_EDGE).float()], 1)
    means = (covers * model.ocean).sum((2, 3)) / model.ocean.sum()
    return [(*(f.flatten() for f in field), *(m[None] for m in mean))
            for field, mean in zip(fields, means, strict=True)]  # fmt: skip


def memory_of(values: Tensor, lags: Pairs) -> np.ndarray:
    """Correlation [lag] of anomalies [time, value], over all values together."""
    found = []
    for first, second in lags.values():
        a, b = values[first].double().flatten(), values[second].double().flatten()
        found.append(float(a @ b / (a.norm() * b.norm())))
    return np.array(found)


def by_memory(values: Tensor, lags: Pairs, means: Tensor | None = None) -> BandedCombinations:
    """Orthogonal combinations of the components of values [time, component, place], in bands.

    means [time, mean]: quantities that the components of one place determine. The first combinations are the directions
    in which these change, that of the longest memory first, each in a band of its own: a band that two quantities share
    gives them one memory. The rest is sorted by memory, in bands that double in size, because memories differ most
    among the longest.
    """
    covariance = torch.einsum("tip,tjp->ij", values.double(), values.double()) / (values.shape[0] * values.shape[2])
    variances, vectors = torch.linalg.eigh(covariance)
    # The symmetric root: it maps anomalies to the noise that a sampler would bring there, were they normal.
    root = (vectors * variances.clamp(min=float(variances.max()) * LEAST_VARIANCE).rsqrt()) @ vectors.t()
    standard = torch.einsum("ij,tjp->tip", root, values.double())
    directions, rest = root[:0], torch.eye(len(root), dtype=root.dtype)
    if means is not None:
        slopes = torch.linalg.lstsq(standard[:, :, 0], means.double()).solution
        order = np.argsort([-memory_of(mean[:, None], lags)[:2].sum() for mean in means.t()])
        leading = min(len(order), len(root))
        basis = torch.linalg.qr(slopes[:, order], mode="complete").Q.t()
        directions, rest = basis[:leading], basis[leading:]
    lagged = torch.zeros_like(root)
    for first, second in list(lags.values())[:2]:
        product = torch.einsum("tip,tjp->ij", standard[first], standard[second]) / len(first)
        lagged += product + product.t()
    combinations = torch.cat([directions, torch.linalg.eigh(rest @ lagged @ rest.t()).eigenvectors.flip(1).t() @ rest])
    combined = torch.einsum("ij,tjp->tip", combinations, standard)
    count = len(rest)
    edges = [0, *(2**i for i in range(count.bit_length()) if 2**i < count), count]
    sizes = (*[1] * len(directions), *(last - first for first, last in pairwise(edges) if last > first))
    memory = np.stack([memory_of(band.flatten(1), lags) for band in combined.split(sizes, 1)])
    return BandedCombinations(combinations.float(), sizes, memory)


def _no_bands(lags: int) -> BandedCombinations:
    return BandedCombinations(torch.eye(0), (), np.zeros((0, lags)))


def shares_of_bands(model: GenerativeModel, data: PreparedData, times: np.ndarray, steps: int) -> np.ndarray:
    """Share of the variance of each quantity that each band makes, [quantity, band]; each quantity's sum is 1.

    Half the mean square of the difference between a sample and one in which the band is drawn anew is the variance that
    the band makes.
    """
    found = []
    for i, t in enumerate(through_the_year(data, times, SAMPLES)):
        date = [int(data.year[t]), int(data.day_of_year[t])] if model.conditional else []
        condition = torch.tensor([date], dtype=torch.int64, device=model.mean.device).reshape(1, -1)
        drawn, other = (model.history.draw(seed, i + 1, 0, model.ocean_cells.device) for seed in (1, 2))
        states = []
        for band in range(-1, len(drawn)):
            numbers = [other[j] if j == band else number for j, number in enumerate(drawn)]
            noise = model.history.assemble(numbers, model.ocean_cells, model.denoiser.eofs)[None]
            states.append(model.decode(model.solve(noise, condition, steps), model.latent_noise))
        base, *changed = quantities(model, torch.cat(states))
        found.append([[float((a - b).square().mean()) for a, b in zip(base, each, strict=True)] for each in changed])
    variance = np.mean(found, axis=0).T
    return variance / variance.sum(1, keepdims=True).clip(min=1e-30)


def memory_of_samples(
    model: GenerativeModel,
    data: PreparedData,
    times: np.ndarray,
    lags: Pairs,
    config: HistoryConfig,
    steps: int,
    seed: int,
) -> np.ndarray:
    """Correlation [quantity, lag] of a member's anomalies about the mean of the members of each date.

    Members are generated at some dates and at each lag after them; every two of these times that are a lag apart count.
    """
    offsets = np.array([0, *lags])
    pairs = pairs_of(offsets, lags, least=1)
    count = 2 * len(data.variables) + (model.concentration >= 0)
    product, square, other_square = np.zeros((3, count, len(lags)))
    for i, t in enumerate(through_the_year(data, times, config.dates)):
        members = range(config.members * i + 1, config.members * (i + 1) + 1)
        base = datetime.date(int(data.year[t]), 1, 1) + datetime.timedelta(days=int(data.day_of_year[t]) - 1)
        anomaly = []  # [time][quantity]: [member, value]
        for offset in offsets:
            day = base + datetime.timedelta(days=int(offset))
            date = [min(day.year, int(data.year.max())), day.timetuple().tm_yday] if model.conditional else []
            condition = torch.tensor([date], dtype=torch.int64, device=model.mean.device).reshape(1, -1)
            states = []
            for member in members:
                noise = model.noise(seed, torch.tensor([member]), torch.tensor([day.toordinal()]), True)
                states.append(model.decode(model.solve(noise, condition, steps), model.latent_noise))
            found = [torch.stack(values).double() for values in zip(*quantities(model, torch.cat(states)), strict=True)]
            anomaly.append([values - values.mean(0) for values in found])
        for j, (first, second) in enumerate(pairs.values()):
            for a, b in zip(first, second, strict=True):
                for k, (one, other) in enumerate(zip(anomaly[a], anomaly[b], strict=True)):
                    product[k, j] += float((one * other).sum())
                    square[k, j] += float(one.square().sum())
                    other_square[k, j] += float(other.square().sum())
    return product / np.sqrt(square * other_square).clip(min=1e-30)


def steps_to_measure(model: GenerativeModel, steps: int) -> int:
    """Steps with which memory is measured: those of five evaluations of the network, which take little time; or the
    sampler's own ``steps`` if it inflates, because the level at which it does so depends on them."""
    if model.inflates:
        return steps
    return 5 if model.uses_multistep else 3


def through_the_year(data: PreparedData, times: np.ndarray, most: int) -> np.ndarray:
    """``most`` of the times, spread evenly over the days of the year; some twice if there are fewer."""
    return by_season(data, times)[np.linspace(0, len(times) - 1, most).round().astype(int)]


def fit_scales(
    lags: np.ndarray, memory: np.ndarray, shares: np.ndarray, record: np.ndarray
) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Time scales in days and their shares of the variance, for each band.

    memory: correlation [band, lag] of the bands in the record's latents;  shares: [quantity, band], see
    `shares_of_bands`;  record: correlation [quantity, lag] that the quantities shall have.
    No scale is below 0.4 of the shortest lag: the record does not tell what is faster, and noise that changes faster
    would let a member jump from day to day.
    """
    candidates = np.geomspace(0.4 * lags.min(), 4 * lags.max(), SCALES)
    curves = np.array([[correlation(0.37 * s, 0.37 * s + lag, s) for lag in lags] for s in candidates])
    bands, quantities_count = len(memory), len(record)
    # Unknown: the shares [band, candidate]. Rows: quantities at lags, bands at lags, and that the shares sum up to 1.
    states = np.einsum("qb,cl->qlbc", shares, curves).reshape(quantities_count * len(lags), -1)
    latents = np.einsum("ab,cl->albc", np.eye(bands), curves).reshape(bands * len(lags), -1)
    sums = np.kron(np.eye(bands), np.ones(SCALES))
    system = np.vstack([states, PRIOR * latents, 30 * sums])
    wanted = np.concatenate([record.clip(min=0).ravel(), PRIOR * memory.clip(min=0).ravel(), 30 * np.ones(bands)])
    kept, ranks = np.ones((bands, SCALES), bool), np.zeros((bands, SCALES), int)
    for most in (SCALES, 2 * MOST_SCALES, MOST_SCALES):  # fewer from fit to fit, so that the rest takes their place
        found = np.zeros((bands, SCALES))
        kept &= ranks < most
        found[kept] = nnls(system[:, kept.ravel()], wanted)[0]
        ranks = np.argsort(np.argsort(-found, axis=1), axis=1)
    scales = []
    for band in found:
        used = np.flatnonzero(band > 0.02 * band.sum())
        shares_used = band[used] / band[used].sum()
        scales.append((tuple(candidates[used].tolist()), tuple(shares_used.tolist())))
    return scales
