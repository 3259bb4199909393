# SPDX-License-Identifier: MIT
"""The training of the detail network: two draws for each encoded state, scored on crops.

Encoder and decoder are those of a finished model; they do not change.
"""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from icegen.data.prepared_file import PreparedData
from icegen.model.detail import DetailNetwork
from icegen.model.generative_model import GenerativeModel
from icegen.thinning import evenly
from icegen.training.checkpoints import make_detail
from icegen.training.config import Config, DetailTrainingConfig
from icegen.training.crops import at_sea
from icegen.training.draw_loss import draw_loss
from icegen.training.share import Share

NEAR = 0.05

Plan = tuple[Tensor, Tensor]  # times [n], and first cells of windows on the latent's grid [n, 2]


class StatesWithWindows:
    """Batches of whole training states, and of a window of each on the latent's grid, in which it is scored."""

    def __init__(self, config: DetailTrainingConfig, data: PreparedData, share: Share):
        self.batch, self.share = config.batch, share
        self.state, self.filled = data.state, data.filled
        self.times = torch.from_numpy(np.flatnonzero(data.training))
        places = at_sea(torch.from_numpy(data.grid.ocean), config.crop)
        self.windows = (places if places.any() else torch.ones_like(places)).nonzero()

    def plan(self) -> Plan:
        """What this rank reads for a batch, at random."""
        part = self.share.part(self.batch)
        chosen = [torch.randint(len(of), (self.batch,)) for of in (self.times, self.windows)]
        return self.times[chosen[0]][part], self.windows[chosen[1]][part]

    def read(self, plan: Plan) -> list[Tensor]:
        """The batch of a plan: states [n, v, y, x], cells of which all was observed [n, 1, y, x], windows [n, 2]."""
        times, windows = plan
        states = np.stack([np.asarray(self.state[t], np.float32) for t in times.tolist()])
        seen = ~np.stack([np.asarray(self.filled[t]).any(0) for t in times.tolist()])
        return [torch.from_numpy(states), torch.from_numpy(seen)[:, None].float(), windows]


class DetailTask(nn.Module):
    """Draw the detail of encoded states, so that decoded states have the distribution of the training states.

    model: in evaluation mode, on the training's device.
    """

    MOST_VALIDATION_STATES = 32

    def __init__(self, config: Config, model: GenerativeModel, data: PreparedData, share: Share | None = None):
        super().__init__()
        self.share = share or Share()
        self.model = make_detail(config)
        self.finished = [model]  # a list, so that it is neither trained nor kept in checkpoints
        self.edge = config.detail_training.crop // model.factor
        self.batches = StatesWithWindows(config.detail_training, data, self.share)
        validation = np.flatnonzero(data.validation)
        self.validation_times = torch.from_numpy(validation[evenly(len(validation), self.MOST_VALIDATION_STATES)])

    def forward(self, state: Tensor, seen: Tensor, window: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch as `StatesWithWindows` reads it, and scores by name."""
        loss, ratio = self._score(self.model, self.share, state, seen, window)
        return loss, {"spread_over_error": ratio}

    def _score(
        self, network: DetailNetwork, share: Share, state: Tensor, seen: Tensor, window: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Loss, and spread over error, of draws that a detail network makes for a share of a batch."""
        model = self.finished[0]
        part = on_windows(model, window, self.edge)
        part.detail = network
        with torch.no_grad():
            latent = model.encode(state)
            latent = latent + model.latent_noise * share.randn_like(latent)  # as the decoder is told
            latent = crop(latent * model.ocean_cells, window, self.edge)
        draws = []
        for _ in range(2):
            noise = share.randn_like(latent[:, :1].expand(-1, network.channels, -1, -1))
            drawn = part.decode(torch.cat([latent, noise], 1), model.latent_noise).float()
            draws.append(scored_fields(model, drawn))
        cells, edge = model.factor * window, model.factor * self.edge
        truth = scored_fields(model, crop(state, cells, edge))
        return draw_loss(draws[0], draws[1], truth, crop(seen, cells, edge) * part.ocean, state.shape[1], share)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """The loss of some validation states with a network such as that with averaged weights. Empty without such
        states."""
        if not len(self.validation_times):
            return {}
        assert isinstance(network, DetailNetwork)
        torch.manual_seed(0)  # the same windows and noise each time; the next step has its own seed
        device = self.finished[0].mean.device
        losses = []
        for times in self.validation_times.split(self.batches.batch):
            windows = self.batches.windows[torch.randint(len(self.batches.windows), (len(times),))]
            batch = (part.to(device) for part in self.batches.read((times, windows)))
            losses.append(float(self._score(network.eval(), Share(), *batch)[0]))  # the first rank alone validates
        return {"loss": float(np.mean(losses))}


def scored_fields(model: GenerativeModel, state: Tensor) -> Tensor:
    """What is scored of states [n, variable, y, x]: [n, field, y, x].

    These are the variables in their standard deviations, and for each bound the distance from it, in `NEAR` of them and
    at most 1: without it, a score would not notice how many values lie exactly on a bound.
    """
    values = state / model.std
    lower, upper = model.lower / model.std, model.upper / model.std
    distances = torch.cat([values - lower, upper - values], 1)[:, torch.cat([lower, upper]).isfinite().flatten()]
    return torch.cat([values, (distances / NEAR).clamp(max=1.0)], 1)


def crop(field: Tensor, window: Tensor, edge: int) -> Tensor:
    """Windows [n, channel, edge, edge] of fields [n, channel, y, x].

    window: int64 [n, 2], their first rows and columns.
    """
    return torch.stack([f[:, y : y + edge, x : x + edge] for f, (y, x) in zip(field, window.tolist(), strict=True)])


def on_windows(model: GenerativeModel, window: Tensor, edge: int) -> GenerativeModel:
    """The model with the maps of windows in place of those of its grid, so that it decodes a batch of crops.

    window: int64 [n, 2], first rows and columns on the latent's grid;  edge: of a window, latent cells.
    """
    part = copy.copy(model)
    part._buffers, part._parameters, part._modules = (
        model._buffers.copy(),
        model._parameters.copy(),
        model._modules.copy(),
    )

    def windows(field: Tensor, factor: int) -> Tensor:
        return crop(field.expand(len(window), -1, -1, -1), factor * window, factor * edge)

    part.ocean, part.latent_mean = windows(model.ocean, model.factor), windows(model.latent_mean, 1)
    part.gain = nn.Parameter(windows(model.gain, model.factor), requires_grad=False)
    return part
