# SPDX-License-Identifier: MIT
"""The training loop.

All randomness of a step follows from (seed, step, rank) alone, so a run that was killed and resumed from its
last checkpoint repeats the very same losses. Lightning Fabric puts it on a CPU, a GPU or many.
"""

import contextlib
import copy
import dataclasses
import logging
import math
from pathlib import Path
from typing import Any

import lightning_fabric
import torch
from torch import nn

from icegen.files import replacing
from icegen.training.checkpoints import load_checkpoint
from icegen.training.config import Config, TrainingConfig, from_stored
from icegen.training.curves import Curves
from icegen.training.run import Run
from icegen.training.tasks import AutoencoderTask, DiffusionTask

log = logging.getLogger(__name__)


def train(
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
        curves = stack.enter_context(Curves(path, first)) if fabric.is_global_zero else None
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
    trained, settings = (dataclasses.asdict(c) for c in (from_stored(checkpoint["config"], path), config))
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
