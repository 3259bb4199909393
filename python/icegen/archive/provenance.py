# SPDX-License-Identifier: MIT
"""What a folder's trainings say of themselves, and whether their results fit each other and the data."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from icegen.data.prepared_file import PreparedData
from icegen.training.checkpoints import (
    AUTOENCODER_FILE,
    DECODER_FILE,
    DETAIL_FILE,
    DIFFUSION_FILE,
    FEATURES_FILE,
    load_checkpoint,
)
from icegen.training.config import Config, from_stored


@dataclasses.dataclass(frozen=True)
class Training:
    """A finished training: its configuration as run, and what its checkpoint says of its origin.

    data_sha256 is empty and ``code`` too for a checkpoint of an older icegen.
    start: SHA-256 of the weights of the archive that the training started from; empty if it started from nothing.
    """

    path: Path
    config: Config
    steps: int
    normalisation: dict[str, list[float]]
    data_sha256: str
    start: str
    code: dict[str, str]


def trainings_of(folder: Path) -> dict[str, Training]:
    """The trainings whose results an archive of ``folder`` has, by name.

    Raises ValueError for a checkpoint that cannot be read, and for a missing one of diffusion.
    """
    found = {"diffusion": _read(Path(folder) / DIFFUSION_FILE)}
    files = {"features": FEATURES_FILE}
    if found["diffusion"].config.space == "latent":
        files |= {"autoencoder": AUTOENCODER_FILE, "decoder": DECODER_FILE}
    return found | {name: _read(Path(folder) / file) for name, file in files.items() if (Path(folder) / file).exists()}


def detail_training_of(folder: Path) -> Training:
    """The training of a folder's detail network.

    Raises ValueError for a checkpoint that is missing or cannot be read.
    """
    return _read(Path(folder) / DETAIL_FILE)


def require_fit(trainings: dict[str, Training], data: PreparedData) -> None:
    """Raise ValueError unless all were trained on ``data``: their variables, statistics and, if known, digest."""
    ids = tuple(v.id for v in data.variables)
    for training in trainings.values():
        if training.config.variables != ids:
            raise ValueError(f"{training.path} was trained on {', '.join(training.config.variables)}; "
                             f"the data hold {', '.join(ids)}")  # fmt: skip
        for name, values in (("mean", data.mean), ("std", data.std)):
            if not np.allclose(training.normalisation[name], values, rtol=1e-3, atol=1e-3):
                seen, wanted = (" ".join(f"{x:.4g}" for x in row) for row in (training.normalisation[name], values))
                raise ValueError(f"{training.path} was trained on other data: {name} {seen}; the data have {wanted}")
        if training.data_sha256 and data.sha256 and training.data_sha256 != data.sha256:
            raise ValueError(f"{training.path} was trained on other data, with the SHA-256 "
                             f"{training.data_sha256[:12]}...; these have {data.sha256[:12]}...")  # fmt: skip


def configuration_as_run(trainings: dict[str, Training]) -> Config:
    """The diffusion's configuration, with each network and its training as that training was run."""
    config = trainings["diffusion"].config
    parts = {"autoencoder": ("autoencoder", "autoencoder_training"), "decoder": ("decoder_training",),
             "features": ("features", "features_training")}  # fmt: skip
    for name, keys in parts.items():
        if name in trainings:
            as_run = {key: getattr(trainings[name].config, key) for key in keys}
            config = dataclasses.replace(config, **as_run)
    return config


def describe_trainings(trainings: dict[str, Training]) -> dict[str, Any]:
    """What an archive's metadata say of its trainings, by name: steps done, settings, data and code."""
    return {
        name: {
            "steps_done": training.steps,
            "settings": dataclasses.asdict(getattr(training.config, f"{name}_training")),
            "data_sha256": training.data_sha256,
            "start_sha256": training.start,
            "code": training.code,
        }
        for name, training in trainings.items()
    }


def _read(path: Path) -> Training:
    checkpoint = load_checkpoint(path)
    return Training(
        path,
        from_stored(checkpoint["config"], path),
        checkpoint["step"],
        checkpoint["normalisation"],
        checkpoint.get("data_sha256", ""),
        checkpoint.get("start", ""),
        checkpoint.get("icegen", {}),
    )
