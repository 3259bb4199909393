# SPDX-License-Identifier: MIT
"""The time scales of a member's noise, fitted to how long the training record remembers.

The noise of `icegen.model.history` comes in bands: patterns along the denoiser's EOFs, and combinations of the latent's
channels for what is left. Both are chosen by memory: in standardised anomalies, the eigenvectors of the symmetric part
of the lagged covariance are combinations that are forgotten one after the other (optimal persistence patterns; DelSole
2001). Each band then gets two time scales, with which its correlation follows the record's over all lags.
"""

import logging
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from icegen.data.prepared_file import PreparedData
from icegen.model.generative_model import GenerativeModel
from icegen.model.history import Band, HistoryNoise, correlation, orthonormal

log = logging.getLogger(__name__)

LAGS = (1, 2, 3, 5, 7, 10, 15, 30, 61, 91, 182, 365)  # days; those that the record has are used
TOLERANCE = 0.12  # of a lag, in pairs of states that count for it
LEAST_PAIRS = 20
PARTS = 5  # of the record, to measure memory in parts that combinations were not chosen in
MOST_STATES = 2000
DAYS = 365.25


@dataclass(frozen=True)
class Memory:
    """Correlation of anomalies: lags in days [lag], and correlation [lag, combination]."""

    lags: np.ndarray
    correlation: np.ndarray


@torch.no_grad()
def fit_history(model: GenerativeModel, data: PreparedData) -> None:
    """Set the model's history noise to the memory of the training states.

    A record without pairs of states at one lag at least keeps the one time scale that a model has at first.
    """
    times = np.flatnonzero(data.training)[:MOST_STATES]
    days = running_days(data)[times]
    lags = lags_of(days)
    if not lags:
        log.warning("the training times are too far apart to tell how long the ice remembers; its memory is not fitted")
        return
    latents = torch.cat([model.encode(torch.from_numpy(data.state[t])[None].float()) for t in times])
    latents = anomalies(latents, days)
    eofs = model.denoiser.eofs.float()
    channels = latents.shape[1]
    patterns, pattern_bands = torch.eye(0), []
    if len(eofs):
        whitener = orthonormal(eofs)
        coefficients = latents.flatten(1) @ (whitener @ eofs).t()
        combinations, memory = by_memory(coefficients[:, :, None], days, lags)
        patterns, pattern_bands = combinations @ whitener, bands_of(memory)
        latents = latents - (coefficients @ (whitener @ eofs)).reshape(latents.shape)
    cells = model.cells[0, 0].bool()
    rotation, memory = by_memory(latents[:, :, cells], days, lags)
    z, y, x = latents.shape[1:]
    model.history = HistoryNoise((z, y, x), rotation, bands_of(memory), patterns, pattern_bands).eval()
    log.info("memory fitted to %d states in %d bands of %d channels and %d patterns",
             len(times), len(model.history.sizes), channels, len(patterns))  # fmt: skip


def running_days(data: PreparedData) -> np.ndarray:
    """Days of each time on one axis, float64 [time]."""
    return data.year * DAYS + data.day_of_year


def lags_of(days: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Pairs of indices of times for each of `LAGS` that has enough of them."""
    apart = days[None, :] - days[:, None]
    found = {}
    for lag in LAGS:
        first, second = np.nonzero(np.abs(apart - lag) <= max(TOLERANCE * lag, 0.5))
        if len(first) >= LEAST_PAIRS:
            found[lag] = first, second
    return found


def anomalies(latents: Tensor, days: np.ndarray) -> Tensor:
    """Latents [time, z, y, x] less what the date tells: a linear trend and two harmonics of the year, which drift."""
    phase = 2 * np.pi * days / DAYS
    trend = (days - days.mean()) / max(days.std(), 1.0)
    harmonics = [f(n * phase) for n in (1, 2) for f in (np.sin, np.cos)]
    terms = np.stack([np.ones_like(days), trend, *harmonics, *(trend * h for h in harmonics[:2])], 1)
    basis = torch.from_numpy(np.linalg.qr(terms)[0]).float()
    flat = latents.flatten(1)
    return (flat - basis @ (basis.t() @ flat)).reshape(latents.shape)


def by_memory(
    values: Tensor, days: np.ndarray, lags: dict[int, tuple[np.ndarray, np.ndarray]]
) -> tuple[Tensor, Memory]:
    """Orthogonal combinations [component, component] of the components of values [time, component, place], a row each,
    longest memory first, and their memory.

    Memory is measured in one part of the record after the other, with combinations that were found in the other parts:
    where they were found, they would seem to remember for too long.
    """
    parts = np.searchsorted(np.quantile(days, np.linspace(0, 1, PARTS + 1)[1:-1]), days, side="right")
    measured = []
    for part in range(PARTS):
        kept, judged = parts != part, parts == part
        root = _inverse_root(values[kept])
        rotation = _combinations(values, root, _within(lags, kept))
        measured.append(_correlations(values, rotation @ root, _within(lags, judged)))
    root = _inverse_root(values)
    known = [
        not np.isnan(each).all() for each in np.moveaxis(np.array(measured), 1, 0)
    ]  # lags that a part has pairs of
    memory = Memory(np.array(list(lags))[known], np.nanmean(np.array(measured)[:, known], axis=0))
    return _combinations(values, root, lags).float(), memory


def _within(lags: dict[int, tuple[np.ndarray, np.ndarray]], kept: np.ndarray) -> dict:
    """The pairs of which both times are kept."""
    return {lag: tuple(side[kept[first] & kept[second]] for side in (first, second))
            for lag, (first, second) in lags.items()}  # fmt: skip


def _inverse_root(values: Tensor) -> Tensor:
    """The inverse symmetric root of the components' covariance [component, component], float64.

    It is the map from anomalies to the noise that a sampler would bring there, were they normal.
    """
    some = values.double()
    covariance = torch.einsum("tip,tjp->ij", some, some) / (some.shape[0] * some.shape[2])
    variances, vectors = torch.linalg.eigh(covariance)
    return (vectors * variances.clamp(min=float(variances.max()) * 1e-6).rsqrt()) @ vectors.t()


def _combinations(values: Tensor, root: Tensor, lags: dict) -> Tensor:
    """Orthogonal [component, component]: eigenvectors of the symmetric covariance at the first two lags, a row each."""
    standard = torch.einsum("ij,tjp->tip", root, values.double())
    total = torch.zeros_like(root)
    for first, second in list(lags.values())[:2]:
        if len(first):
            product = torch.einsum("tip,tjp->ij", standard[first], standard[second]) / len(first)
            total += product + product.t()
    return torch.linalg.eigh(total).eigenvectors.flip(1).t()


def _correlations(values: Tensor, combinations: Tensor, lags: dict) -> np.ndarray:
    """Correlation [lag, component] of combinations [component, component] of the values."""
    combined = torch.einsum("ij,tjp->tip", combinations, values.double())
    found = []
    for first, second in lags.values():
        a, b = combined[first], combined[second]
        norm = (a.square().sum((0, 2)) * b.square().sum((0, 2))).sqrt()
        found.append(((a * b).sum((0, 2)) / norm).numpy() if len(first) else np.full(len(combinations), np.nan))
    return np.array(found)


def bands_of(memory: Memory) -> list[Band]:
    """Bands of combinations, longest memory first, with the time scales that fit them.

    Bands grow in size, because memories differ most among the longest.
    """
    count = memory.correlation.shape[1]
    edges = [0, *(2**i for i in range(count.bit_length()) if 2**i < count), count]
    return [Band(int(last - first), *fit_scales(memory.lags, memory.correlation[:, first:last].mean(1)))
            for first, last in pairwise(edges)]  # fmt: skip


def fit_scales(lags: np.ndarray, wanted: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Time scales in days, one or two, and their shares of the variance: least squares of the correlation at ``lags``.

    No scale is below 0.4 of the shortest lag: the record does not tell what is faster, and noise that changes faster
    would let a member jump from day to day.
    """
    wanted = wanted.clip(min=0.0)
    candidates = np.geomspace(0.4 * lags.min(), 4 * lags.max(), 24)
    curves = np.array([[correlation(0.37 * s, 0.37 * s + lag, s) for lag in lags] for s in candidates])
    weight = 1e3  # of the condition that the shares sum up to 1
    best: tuple[float, tuple[float, ...], tuple[float, ...]] = (np.inf, (), ())
    for i in range(len(candidates)):
        for j in range(i, len(candidates)):
            pair = [i] if i == j else [i, j]
            system = np.vstack([curves[pair].T, np.full(len(pair), weight)])
            shares, error = nnls(system, np.append(wanted, weight))
            if error < best[0] - 1e-9:
                kept = [
                    (float(candidates[p]), float(s / shares.sum()))
                    for p, s in zip(pair, shares, strict=True)
                    if s > 0.02
                ]
                total = sum(share for _, share in kept)
                best = (error, tuple(scale for scale, _ in kept), tuple(share / total for _, share in kept))
    return best[1], best[2]
