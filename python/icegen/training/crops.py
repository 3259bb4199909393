# SPDX-License-Identifier: MIT
"""Random crops of training states, with which autoencoders and detail networks are trained."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from icegen.data.grid import FACTOR, Grid
from icegen.data.prepared_file import PreparedData
from icegen.training.share import Share

# Number of the state, window, axes to flip, whether to transpose.
Crop = tuple[int, tuple[slice, slice], list[int], bool]


def at_sea(ocean: Tensor, edge: int) -> Tensor:
    """Whether at least 10 % of a window of edge x edge cells is ocean, by its place in steps of a latent cell."""
    return F.avg_pool2d(ocean[None].float(), edge, FACTOR)[0] >= 0.1


class Crops:
    """Batches of crops of edge x edge cells; only the cells of a crop are read.

    times: of the states, int64 [n]; by default those of training.
    means: file of fields that belong to these states, see `icegen.training.means`, of which batches have the crops,
        too.
    """

    def __init__(
        self,
        data: PreparedData,
        edge: int,
        batch: int,
        share: Share,
        times: np.ndarray | None = None,
        means: Path | None = None,
    ):
        self.edge, self.batch, self.share = edge, batch, share
        self.state, self.filled = data.state, data.filled
        self.times = np.flatnonzero(data.training) if times is None else times
        self.means = means
        self.ocean = torch.from_numpy(data.grid.ocean)
        self.ids = [v.id for v in data.variables]
        # Where rows run against y, a transposed x component points against y.
        self.turn_sign = -1 if isinstance(data.grid, Grid) and data.grid.dx * data.grid.dy < 0 else 1
        self.at_sea = at_sea(self.ocean, edge)

    def plan(self) -> list[Crop]:
        """What this rank reads for a batch, at random."""
        return [self._choice() for _ in range(self.batch)][self.share.part(self.batch)]

    def read(self, plan: list[Crop]) -> list[Tensor]:
        """The crops of a plan: states [n, v, e, e], observed cells [n, v, e, e], ocean [n, 1, e, e], and means
        [n, v, e, e] if there is a file of them."""
        return [torch.stack(parts) for parts in zip(*(self._crop(*choice) for choice in plan), strict=True)]

    def _choice(self) -> Crop:
        """A window with at least 10 % of ocean, flipped and turned."""
        for _ in range(1000):  # a grid with hardly any ocean gets the last crop tried
            row, column = (int(torch.randint(n, (1,))) for n in self.at_sea.shape)
            if self.at_sea[row, column]:
                break
        y, x = FACTOR * row, FACTOR * column
        number = int(torch.randint(len(self.times), (1,)))
        flips = [axis for axis in (1, 2) if torch.rand(()) < 0.5]
        turned = bool(torch.rand(()) < 0.5) and ("siu" in self.ids) == ("siv" in self.ids)
        return number, (slice(y, y + self.edge), slice(x, x + self.edge)), flips, turned

    def _crop(self, number: int, window: tuple[slice, slice], flips: list[int], turned: bool) -> list[Tensor]:
        """The crop of a choice; drift is transformed with it."""
        t = self.times[number]
        ocean = self.ocean[window][None]
        fields = [torch.tensor(self.state[t, :, *window], dtype=torch.float32)]  # a copy
        if self.means is not None:
            mean = np.load(self.means, mmap_mode="r")[number, :, *window]
            fields.append(torch.tensor(mean, dtype=torch.float32))
        seen = ocean & ~torch.tensor(self.filled[t, :, *window])
        for field in fields:
            for name, axis in (("siv", 1), ("siu", 2)):
                if name in self.ids and axis in flips:
                    field[self.ids.index(name)] *= -1
        state, seen, ocean, *means = [torch.flip(part, flips) for part in (fields[0], seen, ocean.float(), *fields[1:])]
        if turned:
            state, seen, ocean, *means = [part.transpose(1, 2) for part in (state, seen, ocean, *means)]
            if "siu" in self.ids:
                drift = [self.ids.index("siu"), self.ids.index("siv")]
                for field in (state, *means):
                    field[drift] = self.turn_sign * field[drift[::-1]]
                seen[drift] = seen[drift[::-1]]
        return [state, seen, ocean, *means]
