# SPDX-License-Identifier: MIT
"""Training of the autoencoder, of its decoder alone, of the feature encoder of the scores, and of the diffusion model.

All randomness of a step follows from (seed, step, rank) alone, so a run that was killed and resumed from its
last checkpoint repeats the very same losses. Lightning Fabric puts it on a CPU, a GPU or many.
"""

import contextlib
import copy
import csv
import dataclasses
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning_fabric
import torch
from torch import nn

from icegen.autoencoder import Autoencoder, IdentityEncoder
from icegen.checkpoints import (
    AUTOENCODER_FILE,
    DECODER_FILE,
    DIFFUSION_FILE,
    FEATURES_FILE,
    fingerprint,
    load_autoencoder,
    load_checkpoint,
)
from icegen.config import Config, TrainingConfig, from_dict
from icegen.data import PreparedData
from icegen.files import replacing
from icegen.tasks import AutoencoderTask, DiffusionTask, standardised_states, year_normalisation

log = logging.getLogger(__name__)

Progress = Callable[[int, int, dict[str, float]], None]  # step, steps, running scores


@dataclasses.dataclass(frozen=True)
class Run:
    """Where and on what a training runs.

    folder: of the checkpoints and loss curves;  resume: go on from a checkpoint that is there, else one is refused;
    accelerator, devices: as Lightning Fabric takes them;  progress: told of every step.
    """

    folder: Path
    resume: bool = False
    accelerator: str = "auto"
    devices: str = "auto"
    progress: Progress | None = None

    def fabric(self, precision: str) -> lightning_fabric.Fabric:
        """Launched: with several devices, every one of them runs what follows."""
        fabric = lightning_fabric.Fabric(
            accelerator=self.accelerator,
            devices=self.devices,
            precision=precision,  # type: ignore[arg-type]  # one of config.PRECISIONS
        )
        fabric.launch()
        return fabric


def train_autoencoder(config: Config, data: PreparedData, run: Run) -> Path:
    """Train the autoencoder. Returns the checkpoint's path."""
    return _train_autoencoder(config, "autoencoder", data, run, AUTOENCODER_FILE)


def train_features(config: Config, data: PreparedData, run: Run) -> Path:
    """Train the small autoencoder whose latents serve as features of scores. Returns the checkpoint's path."""
    return _train_autoencoder(config, "features", data, run, FEATURES_FILE)


def train_decoder(config: Config, data: PreparedData, run: Run) -> Path:
    """Train the decoder of the folder's autoencoder further, whose encoder stays as it is, and with it the latents.

    Returns the checkpoint's path.
    """
    autoencoder, checkpoint = load_autoencoder(run.folder, further=False)
    trained = from_dict(Config, checkpoint["config"]).autoencoder
    if trained != config.autoencoder:
        raise ValueError(f"{run.folder / AUTOENCODER_FILE} was trained with another autoencoder: {trained}; "
                         f"wanted {config.autoencoder}")  # fmt: skip
    return _train_autoencoder(config, "autoencoder", data, run, DECODER_FILE, autoencoder)


def _train_autoencoder(
    config: Config, part: str, data: PreparedData, run: Run, name: str, begun: Autoencoder | None = None
) -> Path:
    """Train an autoencoder, or the decoder of one that is ``begun``."""
    c = config.decoder_training if begun else getattr(config, f"{part}_training")
    _require_variables(config, data)
    if c.crop > min(data.grid.shape):
        raise ValueError(f"crop is {c.crop}; the grid has only {data.grid.shape} cells")
    fabric = run.fabric(c.precision)
    torch.manual_seed(c.seed)
    task = AutoencoderTask(getattr(config, part), c, data)
    extra: dict = {"normalisation": {"mean": data.mean.tolist(), "std": data.std.tolist()}}
    if begun:
        task.model.load_state_dict(begun.state_dict())
        task.model.encoder.requires_grad_(False)
        extra["encoder"] = fingerprint(begun.encoder)
    same = ("variables", part)
    return _train(fabric, task, c, config, run, name, same, extra, learn_faster=task.model.decoder.log_s)


def train_diffusion(config: Config, data: PreparedData, run: Run) -> Path:
    """Train the diffusion model, on the latents of the folder's autoencoder or in data space.

    Returns the checkpoint's path.
    """
    c = config.diffusion_training
    _require_variables(config, data)
    encoder: nn.Module = IdentityEncoder()
    trained = ""
    if config.space == "latent":
        autoencoder, _ = load_autoencoder(run.folder)
        encoder, trained = autoencoder.encoder, fingerprint(autoencoder.encoder)
    fabric = run.fabric(c.precision)
    states, mean, std = standardised_states(encoder, data, fabric.device)
    torch.manual_seed(c.seed)
    task = DiffusionTask(config, data, states)
    years = data.year[data.training]
    extra = {
        "autoencoder": trained,
        "normalisation": {"mean": data.mean.tolist(), "std": data.std.tolist()},
        "latent_mean": mean,
        "latent_std": std,
        "year": [*year_normalisation(data), int(years.min()), int(years.max())],
    }
    same = ("variables", "space", "condition", "denoiser")
    return _train(fabric, task, c, config, run, DIFFUSION_FILE, same, extra)


def _require_variables(config: Config, data: PreparedData) -> None:
    ids = tuple(v.id for v in data.variables)
    if ids != config.variables:
        raise ValueError(f"the configuration wants {', '.join(config.variables)}; the data hold {', '.join(ids)}")


def _train(
    fabric: lightning_fabric.Fabric,
    task: AutoencoderTask | DiffusionTask,
    c: TrainingConfig,
    config: Config,
    run: Run,
    name: str,
    same: tuple[str, ...],
    extra: dict,
    learn_faster: nn.Parameter | None = None,
) -> Path:
    """The loop: AdamW, warm-up and cosine decay, clipped gradients, averaged weights, atomic checkpoints.

    same: parts of the configuration that a run must share with the checkpoint it goes on from;
    extra: what the checkpoint holds besides, which must agree too;  learn_faster: gets ten times the learning rate.
    """
    path = run.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    slow = [p for p in task.parameters() if p.requires_grad and p is not learn_faster]
    groups = [{"params": slow, "factor": 1.0}]
    if learn_faster is not None:
        groups.append({"params": [learn_faster], "factor": 10.0, "weight_decay": 0.0})
    optimiser = torch.optim.AdamW(groups, lr=c.learning_rate, weight_decay=c.weight_decay, betas=(0.9, 0.99))
    ema = copy.deepcopy(task.model).requires_grad_(False).to(fabric.device)
    first = 0
    if path.exists():
        checkpoint = _checkpoint_to_resume(path, config, same, extra, run.resume)
        task.load_state_dict(checkpoint["task"])
        ema.load_state_dict(checkpoint["ema"])
        optimiser.load_state_dict(checkpoint["optimiser"])
        first = checkpoint["step"]
        log.info("resuming %s at step %d of %d", path, first, c.steps)
    task.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # torch declares other forms only
    wrapped, optimiser = fabric.setup(task, optimiser)
    with contextlib.ExitStack() as stack:
        curves = stack.enter_context(_Curves(path, first)) if fabric.is_global_zero else None
        for step in range(first, c.steps):
            torch.manual_seed((c.seed * 1_000_003 + step) * 4096 + fabric.global_rank)
            rate = min(1.0, (step + 1) / c.warmup) * 0.5 * (1.0 + math.cos(math.pi * step / c.steps))
            for group in optimiser.param_groups:
                group["lr"] = c.learning_rate * rate * group["factor"]
            optimiser.zero_grad()
            value, scores = wrapped(*(tensor.to(fabric.device) for tensor in task.draw()))
            if not torch.isfinite(value):
                raise ValueError(f"the loss is {value.item()} at step {step}; the last checkpoint is kept")
            fabric.backward(value)
            norm = fabric.clip_gradients(wrapped, optimiser, max_norm=c.clip, error_if_nonfinite=False)
            if norm is not None and not torch.isfinite(norm):
                raise ValueError(f"the gradient is {norm.item()} at step {step}; the last checkpoint is kept")
            optimiser.step()
            decay = min(c.ema_decay, (step + 1) / (step + 10))
            for average, current in zip(ema.parameters(), task.model.parameters(), strict=True):
                average.lerp_(current.detach(), 1.0 - decay)
            if curves is None:
                continue
            curves.add(step, {"loss": value, **scores})
            if (step + 1) % c.checkpoint_every == 0 or step + 1 == c.steps:
                curves.flush()
                content = {
                    "task": task.state_dict(),
                    "ema": ema.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "step": step + 1,
                    "config": dataclasses.asdict(config),
                    "scores": curves.running,
                    **extra,
                }
                with replacing(path) as partial:
                    torch.save(content, partial)
            if run.progress:
                run.progress(step + 1, c.steps, curves.running)
    return path


def _checkpoint_to_resume(path: Path, config: Config, same: tuple[str, ...], extra: dict, resume: bool) -> dict:
    if not resume:
        raise ValueError(f"{path} exists; go on from it with --resume, or move it away")
    checkpoint = load_checkpoint(path)
    # A checkpoint made before a setting existed has its default.
    trained, settings = (dataclasses.asdict(c) for c in (from_dict(Config, checkpoint["config"]), config))
    for key in same:
        if trained[key] != settings[key]:
            raise ValueError(f"{path} was trained with another {key}: {trained[key]}; "
                             f"wanted {settings[key]}")  # fmt: skip
    if not _agree({key: checkpoint[key] for key in extra}, extra):
        raise ValueError(f"{path} was trained on other data, or another autoencoder; move it away")
    return checkpoint


def _agree(a: Any, b: Any) -> bool:
    """Equal but for rounding."""
    if isinstance(a, dict):
        return all(_agree(value, b[key]) for key, value in a.items())
    if isinstance(a, str):
        return a == b
    a, b = (torch.as_tensor(value, dtype=torch.float64) for value in (a, b))
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-3)


class _Curves:
    """The scores of each step: as CSV, for TensorBoard where it is installed, and as running means."""

    def __init__(self, path: Path, first: int):
        self.path = path.with_suffix(".csv")
        self.folder = path.with_suffix(".tensorboard")
        self.first = first
        self.running: dict[str, float] = {}

    def __enter__(self) -> "_Curves":
        self._cut()
        self.file = open(self.path, "a", newline="")
        self.csv = csv.writer(self.file)
        self.board = None
        with contextlib.suppress(ImportError):
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(self.folder, purge_step=self.first)
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        if self.board:
            self.board.close()

    def add(self, step: int, scores: dict[str, torch.Tensor]) -> None:
        if self.file.tell() == 0:
            self.csv.writerow(["step", *scores])
        values = {name: score.item() for name, score in scores.items()}
        self.csv.writerow([step, *(f"{value:.8g}" for value in values.values())])
        for name, value in values.items():
            self.running[name] = 0.98 * self.running.get(name, value) + 0.02 * value
            if self.board:
                self.board.add_scalar(name, value, step)

    def flush(self) -> None:
        self.file.flush()

    def _cut(self) -> None:
        """Keep the header and the first steps of the curve: those after the checkpoint will be done again."""
        lines = self.path.read_text().splitlines(keepends=True) if self.path.exists() else []
        if len(lines) > self.first + 1 or (lines and not self.first):
            with replacing(self.path) as partial:
                partial.write_text("".join(lines[: self.first + 1] if self.first else []))
