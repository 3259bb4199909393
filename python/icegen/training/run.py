# SPDX-License-Identifier: MIT
"""Where and on what a training runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightning_fabric

Progress = Callable[[int, int, dict[str, float]], None]  # step, steps, running scores


@dataclass(frozen=True)
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
