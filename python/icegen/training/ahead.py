# SPDX-License-Identifier: MIT
"""Batches that worker processes read ahead of the training.

What a batch holds is drawn in the training's process, from the seed of the batch's step; the workers only read it. So a
training does not depend on the number of workers.
"""

import time
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from icegen.training.config import TrainingConfig

AHEAD = 4  # batches of each worker


class Batches(Protocol):
    """Batches of a training: what one holds, and reading it."""

    def plan(self) -> Any:
        """What this rank reads for a batch, drawn from torch's global generator."""

    def read(self, plan: Any) -> list[Tensor]:
        """The batch of a plan."""


class Ahead:
    """Iterates over the batches of the steps from ``first`` on, and counts how long it waits for them.

    An error of a worker is raised here, where its batch would have come.
    """

    def __init__(self, batches: Batches, settings: TrainingConfig, first: int, workers: int, pin: bool):
        self.loader = DataLoader(
            _Reading(batches),
            batch_size=None,  # a plan is of a whole batch
            sampler=_Plans(batches, settings, first),
            num_workers=workers,
            prefetch_factor=AHEAD if workers else None,
            pin_memory=pin,
        )
        self.waited = 0.0  # seconds

    def __iter__(self) -> Iterator[list[Tensor]]:
        started = time.perf_counter()
        for batch in self.loader:
            self.waited += time.perf_counter() - started
            if isinstance(batch, Exception):
                raise batch
            yield batch
            started = time.perf_counter()


def seed_step(settings: TrainingConfig, step: int) -> None:
    """Seed all of a step's random numbers; Share adds the rank, where ranks differ."""
    torch.manual_seed((settings.seed * 1_000_003 + step) * 4096)


class _Plans(Sampler):
    """The plans of the steps' batches. Leaves torch's generator on the CPU as it was."""

    def __init__(self, batches: Batches, settings: TrainingConfig, first: int):
        self.batches, self.settings, self.first = batches, settings, first

    def __iter__(self) -> Iterator[Any]:
        for step in range(self.first, self.settings.steps):
            with torch.random.fork_rng(devices=[]):
                seed_step(self.settings, step)
                plan = self.batches.plan()
            yield plan


class _Reading(Dataset):
    """Batches by their plans; what a worker process has. An error takes the place of its batch."""

    def __init__(self, batches: Batches):
        self.batches = batches

    def __getitem__(self, plan: Any) -> list[Tensor] | Exception:
        try:
            return self.batches.read(plan)
        except (ValueError, OSError, RuntimeError) as error:
            return error
