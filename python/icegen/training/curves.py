# SPDX-License-Identifier: MIT
"""The loss curves of a training: as CSV, for TensorBoard if it is installed, and as running means."""

import contextlib
import csv
from pathlib import Path

import torch

from icegen.files import replacing


class Curves:
    """Files of the scores of each step, and their running means.

    path: of the checkpoint; the files have its name with other suffixes.  first: number of the first step to come.
    """

    def __init__(self, path: Path, first: int):
        self.path = path.with_suffix(".csv")
        self.folder = path.with_suffix(".tensorboard")
        self.first = first
        self.running: dict[str, float] = {}

    def __enter__(self) -> "Curves":
        self._cut()
        self.file = open(self.path, "a", newline="")
        self.csv = csv.writer(self.file, lineterminator="\n")
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

    def add_validation(self, step: int, scores: dict[str, float]) -> None:
        """Scores of validation states after ``step`` steps, in a file of their own."""
        path = self._validation
        rows = path.read_text().splitlines() if path.exists() else [",".join(["step", *scores])]
        rows = rows[:1] + [row for row in rows[1:] if int(row.split(",")[0]) < step]  # a resumed run repeats some
        rows.append(",".join([str(step), *(f"{value:.8g}" for value in scores.values())]))
        with replacing(path) as partial:
            partial.write_text("\n".join(rows) + "\n")
        for name, value in scores.items():
            if self.board:
                self.board.add_scalar(f"validation/{name}", value, step)

    @property
    def _validation(self) -> Path:
        return self.path.with_name(f"{self.path.stem}_validation.csv")

    def flush(self) -> None:
        self.file.flush()

    def _cut(self) -> None:
        """Keep the header and the steps up to the checkpoint; the steps after it are repeated."""
        if not self.first:
            self._validation.unlink(missing_ok=True)
        lines = self.path.read_text().splitlines(keepends=True) if self.path.exists() else []
        if len(lines) > self.first + 1 or (lines and not self.first):
            with replacing(self.path) as partial:
                partial.write_text("".join(lines[: self.first + 1] if self.first else []))
