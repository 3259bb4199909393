# SPDX-License-Identifier: MIT
"""Scores of an emulator against validation times it never saw, each beside its floor.

The floor is what a real but wrong year would score: for each validation time, the training state of the same
calendar month in the nearest year.
"""

import numpy as np
import torch

from icegen.data import PreparedData

ICE_EDGE = 0.15  # concentration from which a cell counts as ice-covered


def extent(sic: np.ndarray, cell_area: np.ndarray, ocean: np.ndarray) -> np.ndarray:
    """Sea-ice extent [...] in m2 from concentration [..., y, x]: the ocean area with at least 15 % ice."""
    return ((sic >= ICE_EDGE) & ocean).astype(np.float64).reshape(*sic.shape[:-2], -1) @ cell_area.ravel()


def extent_climatology(data: PreparedData) -> dict:
    """Monthly extent of the training years: mean, min, max, std over years, each [12] in m2, January first."""
    index = _concentration_index(data)
    if index is None:
        return {}
    area = extent(data.state[:, index], data.grid.cell_area, data.grid.ocean)
    years = data.year[data.training]
    by_month = [area[data.training & (data.month == month)] for month in range(1, 13)]
    if not all(len(values) for values in by_month):
        return {}
    return {
        "units": "m2",
        "years": [int(years.min()), int(years.max())],
        **{name: [float(f(values)) for values in by_month] for name, f in
           (("mean", np.mean), ("min", np.min), ("max", np.max), ("std", np.std))},
    }  # fmt: skip


def score(emulator, data: PreparedData, samples: int, steps: int, progress=iter) -> dict:
    """Scores of reconstruction and of ``samples`` generated members per validation time."""
    times = np.flatnonzero(~data.training)
    generated = np.empty((len(times), samples, *data.state.shape[1:]), np.float32)
    reconstructed = np.empty((len(times), *data.state.shape[1:]), np.float32)
    member = torch.arange(1, samples + 1)
    with torch.inference_mode():
        for i in progress(range(len(times))):
            t = times[i]
            state = torch.from_numpy(data.state[t : t + 1]).float()
            reconstructed[i] = emulator.decode(emulator.encode(state))[0]
            condition = torch.tensor([[int(data.year[t]), int(data.day_of_year[t])]]).expand(samples, 2)
            generated[i] = emulator.generate(0, member, condition, steps)
    return {
        "validation_times": len(times),
        "samples_per_time": samples,
        "reconstruction": reconstruction_scores(reconstructed, data, times),
        "generation": generation_scores(generated, data, times),
    }


def reconstruction_scores(reconstructed: np.ndarray, data: PreparedData, times: np.ndarray) -> dict:
    """RMSE, and for variables with a lower bound the share of exact bounds kept and of false ones."""
    scores = {}
    for i, v in enumerate(data.variables):
        seen = data.grid.ocean & ~data.filled[times, i]
        x, y = data.state[times, i][seen].astype(np.float64), reconstructed[:, i][seen].astype(np.float64)
        scores[f"{v.id}_rmse"] = float(np.sqrt(np.mean((x - y) ** 2)))
        if v.lower is not None:
            at_bound = x <= v.lower
            for name, cells in (("zeros_kept", at_bound), ("false_zeros", ~at_bound)):
                if cells.any():  # the mean of nothing is NaN, which is no JSON
                    scores[f"{v.id}_{name}"] = float(np.mean(y[cells] <= v.lower))
    return scores


def generation_scores(generated: np.ndarray, data: PreparedData, times: np.ndarray) -> dict:
    """Ice probability and seasonal extent of generated states [time, member, variable, y, x], with floors."""
    index = _concentration_index(data)
    if index is None:
        return {}
    real = data.state[times, index].astype(np.float32)
    floor = data.state[nearest_training_times(data, times), index].astype(np.float32)
    months = data.month[times]
    area = data.grid.cell_area
    scores = {}
    for name, fields in (("", generated[:, :, index]), ("_floor", floor[:, None])):
        probability = np.mean(fields >= ICE_EDGE, axis=(0, 1)) - np.mean(real >= ICE_EDGE, axis=0)
        scores[f"ice_probability_rmse{name}"] = float(np.sqrt(np.mean(probability[data.grid.ocean] ** 2)))
        errors = extent(fields, area, data.grid.ocean).mean(1) - extent(real, area, data.grid.ocean)
        by_month = [errors[months == month].mean() for month in sorted(set(months))]
        scores[f"extent_rmse_million_km2{name}"] = float(np.sqrt(np.mean(np.square(by_month))) * 1e-12)
    return scores


def nearest_training_times(data: PreparedData, times: np.ndarray) -> np.ndarray:
    """For each time, the index of the training time of the same month in the nearest year (the earlier on a tie)."""
    training = np.flatnonzero(data.training)
    nearest = []
    for t in times:
        same = training[data.month[training] == data.month[t]]
        if len(same) == 0:
            same = training
        nearest.append(same[np.argmin(np.abs(data.year[same] - data.year[t]))])
    return np.array(nearest)


def _concentration_index(data: PreparedData) -> int | None:
    ids = [v.id for v in data.variables]
    return ids.index("sic") if "sic" in ids else None
