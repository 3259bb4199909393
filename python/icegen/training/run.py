# SPDX-License-Identifier: MIT
"""Where a training writes, and on which devices it runs."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightning_fabric
import torch

from icegen.data.formats.states_on_disk import StatesOnDisk
from icegen.data.prepared_file import PreparedData

log = logging.getLogger(__name__)

Progress = Callable[[int, int, dict[str, float]], None]  # step, steps, running scores


@dataclass(frozen=True)
class Run:
    """Where a training writes, and on which devices it runs.

    folder: of checkpoints and loss curves.
    resume: continue from the folder's checkpoint; without it, an existing checkpoint is refused.
    accelerator, devices, nodes, strategy: as Lightning Fabric takes them.
    progress: called after every step.
    workers: processes of each device that read batches ahead; 0: the training reads them itself.
    """

    folder: Path
    resume: bool = False
    accelerator: str = "auto"
    devices: str = "auto"
    progress: Progress | None = None
    nodes: int = 1
    strategy: str = "auto"
    workers: int = 0

    def fabric(self, precision: str) -> lightning_fabric.Fabric:
        """Lightning Fabric, launched: with several devices, each runs the code that follows."""
        try:
            fabric = lightning_fabric.Fabric(
                accelerator=self.accelerator,
                devices=self.devices,
                num_nodes=self.nodes,
                strategy=self.strategy,
                precision=precision,  # type: ignore[arg-type]  # one of config.PRECISIONS
            )
        except (TypeError, RuntimeError) as error:  # Lightning raises either for devices that there are not
            asked = f"accelerator {self.accelerator}, devices {self.devices}, strategy {self.strategy}"
            raise ValueError(f"{asked}: {str(error).strip().splitlines()[0]}") from error
        fabric.launch()
        if precision == "bf16-mixed" and fabric.device.type == "cpu" and fabric.is_global_zero and not has_bfloat16():
            log.warning("this processor has no instructions for bfloat16; the precision 32-true trains faster on it")
        return fabric


def has_bfloat16() -> bool:
    """Whether the CPU multiplies matrices in bfloat16 as fast as in float32, or faster."""
    return bool(torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def workers_for(data: PreparedData) -> int:
    """Workers that suffice: none for states in memory; for states on disk up to 4, and a core is left for training."""
    return min(4, max(1, len(os.sched_getaffinity(0)) - 1)) if isinstance(data.state, StatesOnDisk) else 0
