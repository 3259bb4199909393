# SPDX-License-Identifier: MIT
"""Latents of all states, encoded once by all devices and kept in a file beside the checkpoint.

The file ``latents.f4`` holds them as the encoder gives them, float32 [time, z, y/8, x/8]; ``latents.pt`` says what they
are of. They are standardised when they are read: the training mean of each pixel is subtracted, and the result is
divided by the standard deviation of each channel over the ocean. Latent cells without ocean are zero.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from icegen.data.prepared_file import PreparedData
from icegen.files import replacing
from icegen.model.denoiser import ocean_inputs
from icegen.training.checkpoints import fingerprint
from icegen.training.share import Share

FILE, ORIGIN_FILE = "latents.f4", "latents.pt"
BATCH = {"cpu": 1}  # states that are encoded together, by the type of device
BATCH_ELSEWHERE = 16
READ = 256  # latents that are read together


class Latents:
    """Standardised latents, float16 [time, z, y, x], read from a file when they are indexed by times.

    mean: float32 [z, y, x];  std: float32 [z, 1, 1];  ocean_cells: 1 where a cell holds ocean, [1, y, x].
    """

    def __init__(self, path: Path, count: int, mean: Tensor, std: Tensor, ocean_cells: Tensor):
        self.path, self.mean, self.std, self.ocean_cells = Path(path), mean, std, ocean_cells
        self.shape = torch.Size((count, *mean.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, times: Tensor) -> Tensor:
        raw = read_raw(self.path, times.tolist(), self.mean.shape)
        return ((raw - self.mean) / self.std * self.ocean_cells).half()


def read_raw(path: Path, times: list[int], shape: torch.Size) -> Tensor:
    """The latents of some times as they were encoded, float32 [n, z, y, x]."""
    raw = np.empty((len(times), *shape), "<f4")
    with path.open("rb", buffering=0) as file:
        for t, latent in zip(times, raw, strict=True):
            file.seek(t * latent.nbytes)
            if file.readinto(latent) != latent.nbytes:
                raise ValueError(f"{path} is truncated; remove it, and the latents are encoded anew")
    return torch.from_numpy(raw)


@torch.no_grad()
def encode(encoder: nn.Module, data: PreparedData, folder: Path, device: torch.device, share: Share) -> Latents:
    """The latents of all times of the data. Those in ``folder`` are used if they are of this encoder and these data.

    encoder: an autoencoder's, or the identity for diffusion in data space. Collective: each rank encodes its part.
    Raises ValueError if a state cannot be read.
    """
    path = Path(folder) / FILE
    origin = {
        "encoder": fingerprint(encoder),
        "data": data.sha256,
        "split": hashlib.sha256(data.split.tobytes()).hexdigest(),
    }
    kept = _kept_latents(Path(folder), origin, len(data.split))
    if share.mean(torch.tensor(float(kept is not None))) == 1:
        assert kept is not None
        return kept
    ocean = torch.from_numpy(data.grid.ocean)[None, None].float().to(device)
    encoder = encoder.to(device)
    shape = encoder(ocean.new_zeros(1, len(data.variables), *ocean.shape[2:]), ocean)[0].shape[1:]
    ocean_cells = ocean_inputs(ocean, ocean.shape[2] // shape[1])[1].cpu()[0]
    part = np.array_split(np.arange(len(data.split)), share.size)[share.rank]
    failure: Exception | None = None
    try:
        if share.rank == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(ORIGIN_FILE).unlink(missing_ok=True)  # it tells whose latents the file has
            path.write_bytes(b"")
    except OSError as error:
        failure = error
    share.agree(failure, device)
    total = torch.zeros(shape, dtype=torch.float64)
    try:
        _write(path, encoder, data, ocean, part, total)
    except (ValueError, OSError, RuntimeError) as error:
        failure = error
    share.agree(failure, device)
    count = int(data.training.sum())
    centre = share.mean(total) * share.size / count
    squares = torch.zeros(shape[0], dtype=torch.float64)
    training_times = part[data.training[part]]
    for times in np.array_split(training_times, max(1, len(training_times) // READ)):
        for latent in read_raw(path, times.tolist(), shape):
            squares += ((latent.double() - centre) ** 2 * ocean_cells).sum((1, 2))
    squares = share.mean(squares) * share.size
    deviation = (squares / (count * ocean_cells.sum())).sqrt()[:, None, None]
    latents = Latents(path, len(data.split), centre.float(), deviation.float(), ocean_cells)
    if share.rank == 0:
        with replacing(path.with_name(ORIGIN_FILE)) as partial:
            torch.save(origin | {"mean": latents.mean, "std": latents.std, "ocean_cells": ocean_cells}, partial)
    return latents


def _write(path: Path, encoder: nn.Module, data: PreparedData, ocean: Tensor, part: np.ndarray, total: Tensor) -> None:
    """Encode some times into their places of the file, and add those of training to ``total``, float64 [z, y, x]."""
    mean, std = (torch.tensor(np.asarray(a), dtype=torch.float32, device=ocean.device)[:, None, None]
                 for a in (data.mean, data.std))  # fmt: skip
    batch = BATCH.get(ocean.device.type, BATCH_ELSEWHERE)
    with path.open("r+b") as file:
        for first in range(0, len(part), batch):
            times = part[first : first + batch]
            states = torch.tensor(np.asarray(data.state[times[0] : times[-1] + 1]), device=ocean.device).float()
            latents = encoder((states - mean) / std * ocean, ocean)[0].float().cpu()
            file.seek(int(times[0]) * latents[0].numel() * 4)
            file.write(latents.numpy().astype("<f4").tobytes())
            for t, latent in zip(times, latents, strict=True):
                if data.training[t]:
                    total += latent.double()
        file.flush()
        os.fsync(file.fileno())


def _kept_latents(folder: Path, origin: dict[str, str], count: int) -> Latents | None:
    """The latents of a folder if they have this origin and are complete."""
    try:
        stored = torch.load(folder / ORIGIN_FILE, weights_only=True)
        mean = stored["mean"]
        complete = (folder / FILE).stat().st_size == count * mean.numel() * 4
    except Exception:  # whatever is wrong with it, it is encoded anew
        return None
    if not origin["data"] or {key: stored.get(key) for key in origin} != origin or not complete:
        return None
    return Latents(folder / FILE, count, mean, stored["std"], stored["ocean_cells"])
