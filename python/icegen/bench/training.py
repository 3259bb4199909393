# SPDX-License-Identifier: MIT
"""Rows of what training costs on a device: a few steps of `icegen train` on made-up states of the real size."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from icegen.bench.busy import busy
from icegen.bench.rows import Row, quartiles
from icegen.data.grid import Grid
from icegen.data.prepared_file import PreparedData
from icegen.data.variables import variables
from icegen.training.config import Config
from icegen.training.config_file import load_config
from icegen.training.run import Run
from icegen.training.trainings import train_autoencoder, train_diffusion

WARM_UP = 3  # steps, which are not counted
REAL = ("nextsim", (512, 512), 64)  # configuration, rows and columns, states
TINY = ("tiny", (40, 56), 24)


def training(
    name: str, device: torch.device, steps: int, folder: Path, case: tuple[str, tuple[int, int], int] = REAL
) -> list[Row]:
    """States a second of the training ``autoencoder`` or ``diffusion`` in bfloat16, and what of the device it takes.

    steps: how many are counted.  folder: of checkpoints; the autoencoder is trained first, in the same folder.
    Returns rows of states a second and, on a GPU, of the share of the time in kernels and of memory.
    """
    config_name, shape, count = case
    part = f"{name}_training"
    changes = [f"{part}.steps={WARM_UP + steps}", f"{part}.precision=bf16-mixed", f"{part}.checkpoint_every=100000"]
    config = load_config(config_name, changes)
    data = made_up(config, shape, count)
    settings = getattr(config, part)
    train = {"autoencoder": train_autoencoder, "diffusion": train_diffusion}[name]
    ends: list[float] = []

    def progress(step: int, steps: int, scores: dict[str, float]) -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        ends.append(time.perf_counter())

    def run() -> None:
        ends.clear()
        (folder / f"{name}.pt").unlink(missing_ok=True)  # of the run before
        train(config, data, Run(folder, accelerator=device.type, devices="1", progress=progress))

    what = f"{name}, {len(config.variables)} variables on {shape[0]} x {shape[1]} cells, {settings.precision}"
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    run()
    counted = np.diff(ends)[WARM_UP - 1 : -1]  # the last step writes the checkpoint
    rates = sorted(settings.batch / seconds for seconds in counted)
    rows = [_alone(f"states a second in the training of the {what}", rates, "states/s")]
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated(device) / 1e9
        rows += [_alone(f"memory of the {what}", [memory], "GB"), _utilisation(what, run)]
    return rows


def _alone(what: str, values: list[float], unit: str) -> Row:
    median = statistics.median(values)
    return Row(what, "", median, quartiles(values), None, (median,), unit)


def _utilisation(what: str, run: Callable[[], None]) -> Row:
    found = busy(run)
    share = found.kernels / found.seconds
    against = "the whole run, with its start and its checkpoint"
    return Row(f"time in which kernels run, {what}", against, share, (share, share), None,
               (found.kernels, found.seconds), "s")  # fmt: skip


def made_up(config: Config, shape: tuple[int, int], count: int) -> PreparedData:
    """States of a configuration's variables, smooth in no way, within their bounds; all are for training."""
    rng = np.random.default_rng(0)
    wanted = variables(config.variables)
    state = rng.random((count, len(wanted), *shape), np.float32).astype(np.float16)
    rows, columns = (12500.0 * np.arange(n) for n in shape)
    return PreparedData(
        variables=wanted,
        grid=Grid(columns, rows, "EPSG:6931", np.ones(shape, bool)),
        state=state,
        filled=np.zeros(state.shape, bool),
        year=2000 + np.arange(count) // 12,
        month=1 + np.arange(count) % 12,
        day_of_year=1 + 30 * (np.arange(count) % 12),
        split=np.full(count, b"t"),
        mean=np.full(len(wanted), 0.5),
        std=np.full(len(wanted), 12**-0.5),
        source={},
    )
