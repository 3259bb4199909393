# SPDX-License-Identifier: MIT
"""Where a training writes, and on which devices it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightning_fabric

Progress = Callable[[int, int, dict[str, float]], None]  # step, steps, running scores


@dataclass(frozen=True)
class Run:
    """Where a training writes, and on which devices it runs.

    folder: of checkpoints and loss curves.
    resume: continue from the folder's checkpoint; without it, an existing checkpoint is refused.
    accelerator, devices, nodes, strategy: as Lightning Fabric takes them.
    progress: called after every step.
    """

    folder: Path
    resume: bool = False
    accelerator: str = "auto"
    devices: str = "auto"
    progress: Progress | None = None
    nodes: int = 1
    strategy: str = "auto"

    def fabric(self, precision: str) -> lightning_fabric.Fabric:
        """Lightning Fabric, launched: with several devices, each runs the code that follows."""
        fabric = lightning_fabric.Fabric(
            accelerator=self.accelerator,
            devices=self.devices,
            num_nodes=self.nodes,
            strategy=self.strategy,
            precision=precision,  # type: ignore[arg-type]  # one of config.PRECISIONS
        )
        fabric.launch()
        return fabric
