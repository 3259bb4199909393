# SPDX-License-Identifier: MIT
"""From checkpoints and the prepared data to an archive."""

import copy
import dataclasses
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from icegen.archive.archive import Archive
from icegen.archive.assemble import assemble, thickness_constraint
from icegen.archive.format import CONTRACT, FORMAT, save
from icegen.archive.number_format import FORMATS, round_parameters, stored_in
from icegen.archive.provenance import (
    Training,
    configuration_as_run,
    describe_trainings,
    detail_training_of,
    require_fit,
    trainings_of,
)
from icegen.archive.rebuild import rebuild
from icegen.data.climatology import extent_climatology
from icegen.data.grid import FACTOR, CurvilinearGrid, Grid, require_same
from icegen.data.prepared_file import PreparedData
from icegen.data.variables import Variable
from icegen.files import require_folder
from icegen.model.generative_model import GenerativeModel, Normalisation
from icegen.model.sampler import SamplerConfig
from icegen.training.calibration import calibrate
from icegen.training.checkpoints import (
    FEATURES_FILE,
    fingerprint,
    fingerprint_of_autoencoder,
    load_autoencoder,
    load_denoiser,
    load_detail,
    load_features,
)
from icegen.training.config import Config, from_stored
from icegen.training.covariance import fit_covariance
from icegen.training.detail_fit import fit_detail
from icegen.training.history import fit_history
from icegen.training.inflation import fit_inflation
from icegen.version import __version__, git_revision

log = logging.getLogger(__name__)

# Scores by group and name, of a model, the data and the number of the sampler's steps; see `icegen.validation.score`.
Score = Callable[[GenerativeModel, PreparedData, int], dict[str, Any]]


def build_model(
    folder: Path,
    data: PreparedData,
    settings: Config | None = None,
    ema_decay: float | None = None,
    device: torch.device | str = "cpu",
) -> tuple[GenerativeModel, Config]:
    """Put the trained parts of ``folder`` together, in evaluation mode, weights rounded as an archive stores them.

    settings: where calibration, history, observations and sampler are taken from; by default the configuration of the
        training.
    ema_decay: of the diffusion's averaged weights to take; by default that of the training.
    device: where calibration and history are fitted, and where the model is afterwards.
    Raises ValueError if a checkpoint is missing or does not belong to the data.
    """
    denoiser, checkpoint = load_denoiser(folder, ema_decay)
    trainings = trainings_of(folder)
    config = configuration_as_run(trainings)
    if settings is not None:
        config = dataclasses.replace(config, calibration=settings.calibration, **_fitted_without_calibration(settings))
    autoencoder = None
    factor = 1
    if config.space == "latent":
        autoencoder, _ = load_autoencoder(folder)
        if checkpoint["autoencoder"] != fingerprint(autoencoder.encoder):
            raise ValueError(
                f"the denoiser in {folder} was trained on the latents of another autoencoder; train it anew"
            )
        factor = FACTOR
    trained = tuple(factor * n for n in checkpoint["latent_mean"].shape[1:])
    if trained != data.grid.shape:
        raise ValueError(f"{folder} was trained on a grid of {trained} cells; the data have {data.grid.shape}")
    require_fit(trainings, data)
    normalisation = checkpoint["normalisation"]
    model = assemble(
        config,
        data.variables,
        autoencoder,
        denoiser,
        feature_encoder=load_features(folder)[0].encoder if (Path(folder) / FEATURES_FILE).exists() else None,
        ocean=torch.from_numpy(data.grid.ocean)[None, None].float(),
        normalisation=Normalisation(
            mean=torch.tensor(normalisation["mean"], dtype=torch.float32),
            std=torch.tensor(normalisation["std"], dtype=torch.float32),
            latent_mean=checkpoint["latent_mean"],
            latent_std=checkpoint["latent_std"],
            year_mean=checkpoint["year"][0],
            year_scale=checkpoint["year"][1],
        ),
        thickness=data.thickness,
    )
    round_parameters(model.requires_grad_(False))
    model = _in_channels_last(model, device).eval()
    if config.space == "latent":
        calibrate(model, data.of_averaging(config.averaging), config.calibration)
    _fit(model, data, config)
    return model, config


def export(
    folder: Path,
    data: PreparedData,
    out: Path,
    name: str,
    commands: str = "",
    settings: Config | None = None,
    score: Score | None = None,
    ema_decay: float | None = None,
    device: torch.device | str = "cpu",
) -> str:
    """Put the trained parts of ``folder`` together and write them as an archive. Returns its SHA-256.

    commands: the command lines that made it, for the archive's provenance.
    score: gives the scores that the archive states; without it, it states none.
    settings, ema_decay, device: as `build_model` takes them.
    Raises ValueError as that does, and, before anything is computed, where ``out`` cannot be written.
    """
    require_folder(out)
    model, config = build_model(folder, data, settings, ema_decay, device)
    as_run: dict[str, Any] = {"commands": commands, "trainings": describe_trainings(trainings_of(folder))}
    as_run["ema_decay"] = config.diffusion_training.ema_decay if ema_decay is None else ema_decay
    return _write(out, model, config, data, name, as_run, score)


def export_again(
    source: Archive,
    data: PreparedData,
    out: Path,
    name: str,
    commands: str = "",
    settings: Config | None = None,
    score: Score | None = None,
    device: torch.device | str = "cpu",
    detail: Path | None = None,
) -> str:
    """Write the networks of an archive as a new archive, with the constraints, covariance and history of the data.

    An archive of an earlier contract becomes one of the newest. Arguments and result are those of `export`; of the
    settings, the calibration is not used, because the archive keeps its own.
    detail: folder of a detail network that was trained for this archive; the new archive has it.
    Raises ValueError if archive, detail network and data do not fit each other.
    """
    require_folder(out)
    require_variables_and_grid(source, data)
    sampler = settings.sampler if settings else None
    kept = dict(source.metadata["provenance"])
    if detail is None:
        model, config = rebuild(source, sampler)
        if model.detail is not None:
            _require_end(
                config.sampler,
                from_stored(source.metadata["provenance"]["configuration"], source.path).sampler,
                source.path,
            )
    else:
        model, config, training = _with_detail(source, detail, sampler, data)
        kept["trainings"] = kept.get("trainings", {}) | describe_trainings({"detail": training})
    if settings is not None:
        config = dataclasses.replace(config, **_fitted_without_calibration(settings))
    round_parameters(model.requires_grad_(False))
    model = _in_channels_last(model, device)
    if data.thickness is not None:
        model.constrain_thickness(**thickness_constraint(data.variables, data.thickness))
    _fit(model, data, config)
    of_this_export = ("configuration", "icegen", "git_revision", "torch")
    kept = {key: value for key, value in kept.items() if key not in of_this_export}
    kept["commands"] = "\n".join(text for text in (kept.get("commands", ""), commands) if text)
    return _write(out, model, config, data, name, kept, score, source.metadata["condition"])


def require_variables_and_grid(source: Archive, data: PreparedData) -> None:
    """Raise ValueError unless data have the variables and the grid of an archive."""
    seen, wanted = (", ".join(v.id for v in of.variables) for of in (data, source))
    if seen != wanted:
        raise ValueError(f"the data hold {seen}; {source.path} is of {wanted}")
    require_same(data.grid, source.grid, "the data's grid", str(source.path))


def _with_detail(
    source: Archive, folder: Path, sampler: SamplerConfig | None, data: PreparedData
) -> tuple[GenerativeModel, Config, Training]:
    """The model of an archive with the detail network of a folder, its configuration, and what the training of that
    network says of itself. By default, the sampler is the one for which the network was trained."""
    training = detail_training_of(folder)
    require_fit({"detail": training}, data)
    detail, checkpoint = load_detail(folder)
    sampler = sampler or training.config.sampler
    _require_end(sampler, training.config.sampler, training.path)
    model, config = rebuild(source, sampler, detail)
    if checkpoint["autoencoder"] != fingerprint_of_autoencoder(model):
        raise ValueError(f"{training.path} was trained for another decoder than that of {source.path}; train it anew")
    as_run = training.config
    return model, dataclasses.replace(config, detail=as_run.detail, detail_training=as_run.detail_training), training


def _require_end(sampler: SamplerConfig, trained_for: SamplerConfig, path: Path) -> None:
    """Raise ValueError unless a sampler ends where the detail network of ``path`` begins."""
    for name in ("gamma_high", "latent_noise"):
        wanted, seen = getattr(trained_for, name), getattr(sampler, name)
        if seen != wanted:
            raise ValueError(f"sampler.{name} is {seen}; wanted {wanted}, for which the detail of {path} was trained")


def _fit(model: GenerativeModel, data: PreparedData, config: Config) -> None:
    """Fit to the data what does not depend on the calibration; parameters are as the archive stores them."""
    fit_covariance(model, data, config.observations)
    round_parameters(model)
    sampler = config.sampler
    states = data.of_averaging(config.averaging)
    fit_inflation(model, states, sampler.inflation_beyond, sampler.inflation_fine)
    fit_detail(model, states)
    fit_history(model, data, config.averaging, config.history, sampler.steps)


def _in_channels_last(model: GenerativeModel, device: torch.device | str) -> GenerativeModel:
    """The model on a device. Convolutions run faster on channels_last weights; archives keep the layout."""
    return model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # undeclared form


def _fitted_without_calibration(settings: Config) -> dict[str, Any]:
    """The parts of a configuration that any export may change."""
    return {"history": settings.history, "observations": settings.observations, "sampler": settings.sampler}


def _write(
    out: Path,
    model: GenerativeModel,
    config: Config,
    data: PreparedData,
    name: str,
    provenance: dict,
    score: Score | None,
    condition: list[dict] | None = None,
) -> str:
    """Write a model as an archive.

    provenance: takes precedence over what the data say of themselves.  condition: of the archive that the networks are
        from; by default, the networks were trained on the data.
    """
    years = data.year[data.training]
    dates = [{"id": "year", "range": [int(years.min()), int(years.max())]}, {"id": "day_of_year", "range": [1, 366]}]
    if condition is None:
        condition = dates if model.conditional else []
    metadata = {
        "format": FORMAT,
        "contract": CONTRACT,
        "name": name,
        "variables": [describe_variable(v) for v in data.variables],
        "grid": describe_grid(data.grid),
        "condition": condition,
        "averaging": config.averaging or None,
        "latent": {"shape": list(model.latent_mean.shape)},
        "sampler": {
            "name": config.sampler.name,
            "steps": config.sampler.steps,
            "evaluations": config.sampler.steps if model.uses_multistep else 2 * config.sampler.steps - 1,
        },
        "consistency": describe_consistency(data),
        "history": describe_history(model),
        "observations": describe_observations(model),
        "weights": ", ".join(FORMATS),
        "reference": {"extent": extent_climatology(data)},
        "provenance": {
            "data": data.source.get("title", ""),
            "data_source": data.source.get("source", ""),
            "data_references": data.source.get("references", ""),
            "training_period": [int(years.min()), int(years.max())],
            "validation_years": sorted({int(y) for y in data.year[data.validation]}),
            "data_sha256": data.sha256,
            "configuration": dataclasses.asdict(config),  # of each part as it was trained
            "icegen": __version__,
            "git_revision": git_revision(),
            "torch": str(torch.__version__),
            "licence": "MIT",
        }
        | provenance,
        "scores": score(model, data.of_averaging(config.averaging), config.sampler.steps) if score else {},
    }
    return save(out, to_torchscript(model), metadata, data.grid)


def to_torchscript(model: GenerativeModel) -> torch.jit.ScriptModule:
    """TorchScript with parameters in the formats that `icegen.archive.number_format` gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(copy.deepcopy(model).cpu())
    for name, parameter in scripted.named_parameters():
        parameter.data = parameter.data.to(stored_in(name, parameter))
    return scripted


def describe_consistency(data: PreparedData) -> dict[str, Any]:
    """What the metadata say of states whose variables agree with each other."""
    if data.thickness is None:
        return {}
    return {"sit_over_sic": {"lower": data.thickness.thinnest, "upper": data.thickness.thickest, "units": "m"}}


def describe_history(model: GenerativeModel) -> dict[str, Any]:
    """What the metadata say of the noise that ties a member's dates: numbers drawn, and time scales in days."""
    noise = model.history
    return {
        "bands": [
            {
                "size": size,
                "days": [round(scale, 2) for scale in scales],
                "shares": [round(share, 4) for share in shares],
            }
            for size, scales, shares in zip(noise.sizes, noise.scales, noise.shares, strict=True)
        ]
    }


def describe_observations(model: GenerativeModel) -> dict[str, Any]:
    """What the metadata say of the covariance through which observations act."""
    covariance = model.covariance
    if covariance is None:
        return {}
    return {"states": len(covariance.anomalies), "block": covariance.block, "length": covariance.length,
            "window": covariance.window}  # fmt: skip


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
