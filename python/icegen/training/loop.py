# SPDX-License-Identifier: MIT
"""The training loop.

All randomness of a step follows from (seed, step) alone, so a run that was killed and resumed from its
last checkpoint repeats the very same losses. Batches are read ahead, see `icegen.training.ahead`. Lightning Fabric puts
the training on a CPU, a GPU or many.
"""

import contextlib
import copy
import dataclasses
import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning_fabric
import torch
from torch import Tensor, nn

from icegen.files import replacing
from icegen.training.ahead import Ahead, seed_step
from icegen.training.checkpoints import load_checkpoint
from icegen.training.config import Config, TrainingConfig, from_stored
from icegen.training.curves import Curves
from icegen.training.detail_task import DetailTask
from icegen.training.run import Run
from icegen.training.tasks import AutoencoderTask, DiffusionTask
from icegen.version import __version__, git_revision

log = logging.getLogger(__name__)

FREE = ("checkpoint_every",)  # settings of a training that a resumed run may change


def train(
    fabric: lightning_fabric.Fabric,
    task: AutoencoderTask | DiffusionTask | DetailTask,
    settings: TrainingConfig,
    config: Config,
    run: Run,
    name: str,
    same_parts: tuple[str, ...],
    origin: dict,
    fast_parameter: nn.Parameter | None = None,
    further_decays: tuple[float, ...] = (),
) -> Path:
    """Train with AdamW, warm-up and cosine decay, clipped gradients, averaged weights and atomic checkpoints.

    name: file of the checkpoint in the run's folder.
    same_parts: parts of the configuration that must be those of the checkpoint when a run is resumed.
    origin: what the checkpoint says of its data and its encoder; it must be the same when a run is resumed.
    fast_parameter: gets ten times the learning rate, and no weight decay.
    further_decays: of averaged weights that the checkpoint keeps beside those of ``settings.ema_decay``.
    Returns the checkpoint's path. Raises ValueError if a loss or gradient is not finite.
    """
    path = run.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    optimiser = make_optimiser(task, settings, fast_parameter)
    averages = {
        decay: copy.deepcopy(task.model).requires_grad_(False).to(fabric.device)
        for decay in (settings.ema_decay, *further_decays)
    }
    averaged = averages[settings.ema_decay]
    precision = fabric.strategy.precision
    first = 0
    if path.exists():
        checkpoint = _checkpoint_to_resume(path, config, same_parts, origin, run.resume)
        task.load_state_dict(checkpoint["task"])
        averaged.load_state_dict(checkpoint["ema"])
        for decay in further_decays:
            averages[decay].load_state_dict(checkpoint["ema_further"][str(decay)])
        precision.load_state_dict(checkpoint.get("precision", {}))
        optimiser.load_state_dict(checkpoint["optimiser"])
        first = checkpoint["step"]
        if fabric.is_global_zero:
            log.info("resuming %s at step %d of %d", path, first, settings.steps)
    task.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # torch declares other forms only
    wrapped, optimiser = fabric.setup(task, optimiser)

    revision = git_revision()
    ahead = Ahead(task.batches, settings, first, run.workers, pin=fabric.device.type == "cuda")
    batches, started = iter(ahead), time.perf_counter()
    with contextlib.ExitStack() as stack:
        curves = stack.enter_context(Curves(path, first)) if fabric.is_global_zero else None
        for step in range(first, settings.steps):
            set_learning_rate(optimiser, settings, step)
            scores = take_step(fabric, wrapped, task, batches, optimiser, settings, step)
            for decay, average in averages.items():
                update_average(average, task.model, decay, step)
            if curves is None:  # only the first rank keeps curves and checkpoints
                continue
            curves.add(step, scores)
            done = step + 1
            if done % settings.checkpoint_every == 0 or done == settings.steps:
                curves.flush()
                content = {
                    "task": task.state_dict(),
                    "ema": averaged.state_dict(),
                    "ema_further": {str(decay): averages[decay].state_dict() for decay in further_decays},
                    "precision": precision.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "step": done,
                    "config": dataclasses.asdict(config),
                    "scores": curves.running,
                    "icegen": {"version": __version__, "git_revision": revision, "torch": str(torch.__version__)},
                    **origin,
                }
                with replacing(path) as partial:
                    torch.save(content, partial)
                if not isinstance(task, AutoencoderTask) and (validation := task.validate(averaged)):
                    curves.add_validation(done, validation)
            if run.progress:
                run.progress(done, settings.steps, curves.running)
    if fabric.is_global_zero and first < settings.steps:
        share_waited = ahead.waited / (time.perf_counter() - started)
        log.info("%.1f %% of the time of %s was waiting for data", 100 * share_waited, path.stem)
    return path


def make_optimiser(
    task: nn.Module, settings: TrainingConfig, fast_parameter: nn.Parameter | None
) -> torch.optim.Optimizer:
    """AdamW over the trainable parameters; ``factor`` of a group multiplies its learning rate."""
    others = [p for p in task.parameters() if p.requires_grad and p is not fast_parameter]
    groups: list[dict[str, Any]] = [{"params": others, "factor": 1.0}]
    if fast_parameter is not None:
        groups.append({"params": [fast_parameter], "factor": 10.0, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.99))


def set_learning_rate(optimiser: torch.optim.Optimizer, settings: TrainingConfig, step: int) -> None:
    """Linear warm-up, and cosine decay to zero over the whole training."""
    warmup = min(1.0, (step + 1) / settings.warmup)
    decay = 0.5 * (1.0 + math.cos(math.pi * step / settings.steps))
    for group in optimiser.param_groups:
        group["lr"] = settings.learning_rate * (warmup * decay) * group["factor"]


def take_step(
    fabric: lightning_fabric.Fabric,
    wrapped: nn.Module,
    task: AutoencoderTask | DiffusionTask | DetailTask,
    batches: Iterator[list[Tensor]],
    optimiser: torch.optim.Optimizer,
    settings: TrainingConfig,
    step: int,
) -> dict[str, Tensor]:
    """Update the weights with the next batch. Returns the loss and the scores of the batch by name.

    wrapped: the task as Fabric runs it.
    """
    optimiser.zero_grad()
    batch: list[Tensor] = []
    failure: Exception | None = None
    try:
        batch = [tensor.to(fabric.device, non_blocking=True) for tensor in next(batches)]
    except (ValueError, OSError, RuntimeError) as error:
        failure = error
    task.share.agree(failure, fabric.device)
    seed_step(settings, step)
    task.batches.plan()  # the random numbers of the loss follow those of the batch
    loss, scores = wrapped(*batch)
    means = task.share.mean(torch.stack([loss, *scores.values()]).detach())
    scores = dict(zip(["loss", *scores], means, strict=True))
    if not torch.isfinite(scores["loss"]):
        raise ValueError(f"the loss is {scores['loss'].item()} at step {step}; the last checkpoint is kept")
    fabric.backward(loss)
    norm = fabric.clip_gradients(wrapped, optimiser, max_norm=settings.clip, error_if_nonfinite=False)
    # The scaler of 16-mixed leaves out a step whose scaled gradient overflows, and scales less from then on.
    scaler = getattr(fabric.strategy.precision, "scaler", None)
    overflows = scaler is not None and scaler.get_scale() > 1.0
    if norm is not None and not torch.isfinite(norm) and not overflows:
        raise ValueError(f"the gradient is {norm.item()} at step {step}; the last checkpoint is kept")
    optimiser.step()
    return scores


def update_average(averaged: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights towards the model's, faster in the first steps."""
    decay = min(decay, (step + 1) / (step + 10))
    for average, current in zip(averaged.parameters(), model.parameters(), strict=True):
        average.lerp_(current.detach(), 1.0 - decay)


def _checkpoint_to_resume(path: Path, config: Config, same_parts: tuple[str, ...], origin: dict, resume: bool) -> dict:
    """The checkpoint to resume from. Raises ValueError if it does not belong to this training."""
    if not resume:
        raise ValueError(f"{path} exists; use --resume to continue from it, or move it away")
    checkpoint = load_checkpoint(path)
    trained = from_stored(checkpoint["config"], path)
    for part in same_parts:
        seen, wanted = getattr(trained, part), getattr(config, part)
        if seen != wanted:
            raise ValueError(f"{path} was trained with another {part}: {seen}; wanted {wanted}")
    part = f"{path.stem}_training"
    for field in dataclasses.fields(getattr(config, part)):
        seen, wanted = (getattr(getattr(c, part), field.name) for c in (trained, config))
        if seen != wanted and field.name not in FREE:
            raise ValueError(f"{path} was trained with {part}.{field.name} {seen}; wanted the same, not {wanted}")
    known = {key: checkpoint[key] for key in origin if key in checkpoint}
    if not (known.get("data_sha256") and origin["data_sha256"]):
        known.pop("data_sha256", None)  # of an older icegen
    if not _agree(known, origin):
        raise ValueError(
            f"{path} was trained on other data, on another autoencoder, or from another start; move it away"
        )
    return checkpoint


def _agree(a: Any, b: Any) -> bool:
    """Whether two values, or dictionaries of them, are equal but for rounding."""
    if isinstance(a, dict):
        return all(_agree(value, b[key]) for key, value in a.items())
    if isinstance(a, str):
        return a == b
    a, b = (torch.as_tensor(value, dtype=torch.float64) for value in (a, b))
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-3)
