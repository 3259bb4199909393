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
from torch import nn

from icegen import archive, validation
from icegen.archive import CONTRACT, FORMAT
from icegen.autoencoder import IdentityDecoder, IdentityEncoder
from icegen.calibration import calibrate
from icegen.checkpoints import FEATURES_FILE, fingerprint, load_autoencoder, load_denoiser, load_features
from icegen.config import Config, from_dict
from icegen.data import PreparedData
from icegen.emulator import Emulator
from icegen.files import require_folder
from icegen.grid import FACTOR, CurvilinearGrid, Grid
from icegen.validation.evidence import Wrap
from icegen.variables import Variable

log = logging.getLogger(__name__)


def build_emulator(folder: Path, data: PreparedData, settings: Config | None = None) -> tuple[Emulator, Config]:
    """Put the trained parts of ``folder`` together, in evaluation mode, weights rounded to half precision.

    settings: where calibration and sampler are taken from; by default the training's configuration.
    Raises ValueError if a checkpoint is missing or does not belong to the data.
    """
    denoiser, checkpoint = load_denoiser(folder)
    config = from_dict(Config, checkpoint["config"])
    if settings is not None:
        config = dataclasses.replace(config, calibration=settings.calibration, sampler=settings.sampler)
    encoder: nn.Module = IdentityEncoder()
    decoder: nn.Module = IdentityDecoder()
    factor = 1
    if config.space == "latent":
        autoencoder, _ = load_autoencoder(folder)
        if checkpoint["autoencoder"] != fingerprint(autoencoder.encoder):
            raise ValueError(
                f"the denoiser in {folder} was trained on the latents of another autoencoder; train it anew"
            )
        encoder, decoder, factor = autoencoder.encoder, autoencoder.decoder, FACTOR
    if list(config.variables) != [v.id for v in data.variables]:
        raise ValueError(f"{folder} was trained on {', '.join(config.variables)}; the data hold "
                         f"{', '.join(v.id for v in data.variables)}")  # fmt: skip
    trained = tuple(factor * n for n in checkpoint["latent_mean"].shape[1:])
    if trained != data.grid.shape:
        raise ValueError(f"{folder} was trained on a grid of {trained} cells; the data have {data.grid.shape}")
    normalisation = checkpoint["normalisation"]
    lower, upper = (torch.tensor(bound, dtype=torch.float32) for bound in data.bounds)
    emulator = Emulator(
        encoder=encoder,
        decoder=decoder,
        denoiser=denoiser,
        feature_encoder=load_features(folder)[0].encoder if (Path(folder) / FEATURES_FILE).exists() else None,
        ocean=torch.from_numpy(data.grid.ocean)[None, None].float(),
        mean=torch.tensor(normalisation["mean"], dtype=torch.float32),
        std=torch.tensor(normalisation["std"], dtype=torch.float32),
        lower=lower,
        upper=upper,
        cut=lower.clone(),
        shoulder=torch.zeros(len(upper)),
        gain=torch.zeros(len(upper), *data.grid.shape),
        concentration=config.variables.index("sic") if "sic" in config.variables else -1,
        of_ice=torch.tensor([float(v.of_ice) for v in data.variables]),
        latent_mean=checkpoint["latent_mean"],
        latent_std=checkpoint["latent_std"],
        conditional=config.condition == "date",
        year_mean=checkpoint["year"][0],
        year_scale=checkpoint["year"][1],
        sampler=config.sampler,
    )
    for parameter in emulator.parameters():
        parameter.requires_grad_(False)
        parameter.copy_(parameter.half())
    # Convolutions run faster on channels_last weights; the archive keeps the layout.
    emulator = emulator.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]  # undeclared form
    if config.space == "latent":
        calibrate(emulator, data, config.calibration)
    return emulator, config


def export(
    folder: Path,
    data: PreparedData,
    out: Path,
    name: str,
    commands: str = "",
    samples: int = 1,
    progress: Wrap = iter,
    settings: Config | None = None,
) -> str:
    """Script the emulator, score it on the validation times, and write the archive. Returns its SHA-256.

    samples: generated members per validation time for the scores; 0 skips them.
    settings: as `build_emulator` takes them.
    Raises ValueError as that does, and, before anything is computed, where ``out`` cannot be written.
    """
    require_folder(out)
    emulator, config = build_emulator(folder, data, settings)
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
        ]
        if emulator.conditional
        else [],
        "latent": {"shape": list(emulator.latent_mean.shape)},
        "sampler": {
            "name": config.sampler.name,
            "steps": config.sampler.steps,
            "evaluations": config.sampler.steps if emulator.multistep else 2 * config.sampler.steps - 1,
        },
        "weights": "float16",
        "reference": {"extent": validation.extent_climatology(data)},
        "provenance": {
            "data": data.source.get("title", ""),
            "data_source": data.source.get("source", ""),
            "data_references": data.source.get("references", ""),
            "training_period": [int(years.min()), int(years.max())],
            "validation_years": sorted({int(y) for y in data.year[data.validation]}),
            "configuration": dataclasses.asdict(config),  # of both trainings, seeds included
            "commands": commands,
            "git_revision": _git_revision(),
            "torch": str(torch.__version__),
            "licence": "MIT",
        },
        "scores": validation.score(emulator, data, samples, config.sampler.steps, progress) if samples else {},
    }
    return archive.save(out, script(emulator), metadata, data.grid)


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


def describe_grid(grid: Grid | CurvilinearGrid) -> dict:
    """A grid as the archive's metadata has it; the ocean mask rides beside, as do coordinates that no formula gives."""
    if isinstance(grid, CurvilinearGrid):
        return {"shape": list(grid.shape)}
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
