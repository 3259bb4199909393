# SPDX-License-Identifier: MIT
"""From two checkpoints and the prepared data to an archive."""

import copy
import dataclasses
import logging
import subprocess
import warnings
from pathlib import Path

import numpy as np
import torch

from icegen import archive, validation
from icegen.archive import CONTRACT, FORMAT
from icegen.config import Config, from_dict
from icegen.data import PreparedData
from icegen.emulator import Emulator
from icegen.grid import Grid
from icegen.training import fingerprint, load_autoencoder, load_denoiser
from icegen.variables import Variable

log = logging.getLogger(__name__)


def build_emulator(folder: Path, data: PreparedData) -> tuple[Emulator, Config]:
    """Put the trained parts of ``folder`` together, in evaluation mode, weights rounded to half precision.

    Raises ValueError if a checkpoint is missing or does not belong to the data.
    """
    autoencoder, autoencoder_checkpoint = load_autoencoder(folder)
    denoiser, checkpoint = load_denoiser(folder)
    if checkpoint.get("autoencoder") not in (None, fingerprint(autoencoder)):
        raise ValueError(f"the denoiser in {folder} was trained on the latents of another autoencoder; train it anew")
    config = from_dict(Config, checkpoint["config"])
    if list(config.variables) != [v.id for v in data.variables]:
        raise ValueError(f"{folder} was trained on {', '.join(config.variables)}; the data hold "
                         f"{', '.join(v.id for v in data.variables)}")  # fmt: skip
    latent_shape = tuple(checkpoint["latent_mean"].shape[1:])
    if latent_shape != (data.grid.shape[0] // 8, data.grid.shape[1] // 8):
        raise ValueError(f"{folder} was trained on a grid of 8 x {latent_shape} cells; the data have {data.grid.shape}")
    ocean = torch.from_numpy(data.grid.ocean)[None, None].float()
    normalisation = autoencoder_checkpoint["normalisation"]
    lower, upper = (torch.tensor(bound, dtype=torch.float32) for bound in data.bounds)
    year_mean, year_scale, _, _ = checkpoint["year"]
    emulator = Emulator(
        encoder=autoencoder.encoder,
        decoder=autoencoder.decoder,
        denoiser=denoiser,
        ocean=ocean,
        mean=torch.tensor(normalisation["mean"], dtype=torch.float32),
        std=torch.tensor(normalisation["std"], dtype=torch.float32),
        lower=lower,
        upper=upper,
        latent_mean=checkpoint["latent_mean"],
        latent_std=checkpoint["latent_std"],
        year_mean=year_mean,
        year_scale=year_scale,
        gamma_low=config.sampler.gamma_low,
        gamma_high=config.sampler.gamma_high,
        rho=config.sampler.rho,
    )
    for parameter in emulator.parameters():
        parameter.requires_grad_(False)
        parameter.copy_(parameter.half())
    # Convolutions run faster on channels_last weights; the archive keeps the layout.
    return emulator.to(memory_format=torch.channels_last).eval(), config


def export(folder: Path, data: PreparedData, out: Path, name: str, commands: str = "", samples: int = 1, progress=iter):
    """Script the emulator, score it on the validation times, and write the archive. Returns its SHA-256.

    samples: generated members per validation time for the scores; 0 skips them.
    """
    emulator, config = build_emulator(folder, data)
    years = data.year[data.training]
    metadata = {
        "format": FORMAT,
        "contract": CONTRACT,
        "name": name,
        "variables": [describe_variable(v) for v in data.variables],
        "grid": describe_grid(data.grid),
        "condition": [
            {"id": "year", "range": [int(years.min()), int(years.max())]},
            {"id": "day_of_year", "range": [1, 366]},
        ],
        "latent": {"shape": list(emulator.latent_mean.shape)},
        "sampler": {"name": "heun", "steps": config.sampler.steps, "evaluations": 2 * config.sampler.steps - 1},
        "weights": "float16",
        "reference": {"extent": validation.extent_climatology(data)},
        "provenance": {
            "data": data.source.get("title", ""),
            "data_source": data.source.get("source", ""),
            "data_references": data.source.get("references", ""),
            "training_period": [int(years.min()), int(years.max())],
            "validation_years": sorted({int(y) for y in data.year[~data.training]}),
            "configuration": dataclasses.asdict(config),  # of both trainings, seeds included
            "commands": commands,
            "git_revision": _git_revision(),
            "torch": str(torch.__version__),
            "licence": "MIT",
        },
        "scores": validation.score(emulator, data, samples, config.sampler.steps, progress) if samples else {},
    }
    return archive.save(out, script(emulator), metadata, data.grid.ocean)


def script(emulator: Emulator) -> torch.jit.ScriptModule:
    """TorchScript with parameters stored in half precision; the reader casts them back to float32."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(copy.deepcopy(emulator))
    for parameter in scripted.parameters():
        parameter.data = parameter.data.half()
    return scripted


def describe_variable(v: Variable) -> dict:
    """A variable as the archive's metadata has it."""
    return {
        "id": v.id,
        "standard_name": v.standard_name,
        "long_name": v.long_name,
        "units": v.units,
        "lower": v.lower,
        "upper": v.upper,
    }


def describe_grid(grid: Grid) -> dict:
    """A grid as the archive's metadata has it; the ocean mask rides beside."""
    mapping = {k: v.tolist() if isinstance(v, np.generic) else v for k, v in grid.cf_grid_mapping.items()}
    return {
        "shape": list(grid.shape),
        "x0": float(grid.x[0]),
        "dx": grid.dx,
        "y0": float(grid.y[0]),
        "dy": grid.dy,
        "mapping": mapping,
    }


def _git_revision() -> str:
    """The revision of this source tree; unknown for an installed copy."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return "unknown"
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else "unknown"
