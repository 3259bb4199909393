# SPDX-License-Identifier: MIT
"""The training of the detail network: two draws for each latent that the sampler could end with, scored on crops.

The last step of the sampler denoises a latent of little noise. What this and the decoder leave open of a state is the
detail. All other networks are those of a finished model; they do not change.
"""

import copy
import math

import numpy as np
import torch
from torch import Tensor, nn

from icegen.data.prepared_file import PreparedData
from icegen.model.denoiser import ocean_inputs
from icegen.model.detail import DetailNetwork
from icegen.model.generative_model import GenerativeModel
from icegen.thinning import evenly
from icegen.training.checkpoints import make_detail
from icegen.training.config import Config, DetailTrainingConfig
from icegen.training.crops import at_sea
from icegen.training.draw_loss import draw_loss
from icegen.training.share import Share

NEAR = 0.05

Plan = tuple[Tensor, Tensor]  # times [n], and first cells of windows on the latent's grid [n, window, 2]


class StatesWithWindows:
    """Batches of whole training states, and of windows on the latent's grid, in which they are scored."""

    def __init__(self, config: DetailTrainingConfig, data: PreparedData, share: Share):
        self.batch, self.crops, self.share = config.batch, config.crops, share
        self.date = torch.from_numpy(np.stack([data.year, data.day_of_year], 1))
        self.state, self.filled = data.state, data.filled
        self.times = torch.from_numpy(np.flatnonzero(data.training))
        places = at_sea(torch.from_numpy(data.grid.ocean), config.crop)
        self.windows = (places if places.any() else torch.ones_like(places)).nonzero()

    def plan(self) -> Plan:
        """What this rank reads for a batch, at random."""
        part = self.share.part(self.batch)
        times = self.times[torch.randint(len(self.times), (self.batch,))]
        return times[part], self.choose_windows(self.batch)[part]

    def choose_windows(self, states: int) -> Tensor:
        """Windows of some states, at random: int64 [n, window, 2]."""
        return self.windows[torch.randint(len(self.windows), (states, self.crops))]

    def read(self, plan: Plan) -> list[Tensor]:
        """The batch of a plan: states [n, v, y, x], cells of which all was observed [n, 1, y, x], dates int64 [n, 2],
        and windows [n, window, 2]."""
        times, windows = plan
        states = np.stack([np.asarray(self.state[t], np.float32) for t in times.tolist()])
        seen = ~np.stack([np.asarray(self.filled[t]).any(0) for t in times.tolist()])
        return [torch.from_numpy(states), torch.from_numpy(seen)[:, None].float(), self.date[times], windows]


class DetailTask(nn.Module):
    """Draw the detail of denoised latents, so that decoded states have the distribution of the training states.

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

    def forward(self, state: Tensor, seen: Tensor, date: Tensor, window: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch as `StatesWithWindows` reads it, and scores by name."""
        loss, ratio = self._score(self.model, self.share, state, seen, date, window)
        return loss, {"spread_over_error": ratio}

    def _score(
        self, network: DetailNetwork, share: Share, state: Tensor, seen: Tensor, date: Tensor, window: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Loss, and spread over error, of draws that a detail network makes for a share of a batch."""
        model = self.finished[0]
        part = on_windows(model, window, self.edge)
        part.detail = network
        with torch.no_grad():
            encoded = model.encode(state).float()
            latents = [denoised_at_the_end(model, encoded, date, share).float() for _ in range(2)]
            with torch.autocast(state.device.type, enabled=False):  # rounding mu would look like detail
                mu, moved = (
                    part.decode_mean(crop(latent, window, self.edge), model.latent_noise) for latent in latents
                )
        draws = []
        for _ in range(2):
            noise = share.randn_like(mu.new_empty(len(mu), network.channels, self.edge, self.edge))
            draws.append(scored_fields(model, part.cut(part.with_detail(mu, noise).float())))
        cells, edge = model.factor * window, model.factor * self.edge
        truth = scored_fields(model, crop(state, cells, edge))
        means = scored_fields(model, part.cut(mu)), scored_fields(model, part.cut(moved))
        counted = crop(seen, cells, edge) * part.ocean
        return draw_loss(draws[0], draws[1], truth, means, counted, state.shape[1], share)

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
            plan = times, self.batches.choose_windows(len(times))
            batch = (part.to(device) for part in self.batches.read(plan))
            losses.append(float(self._score(network.eval(), Share(), *batch)[0]))  # the first rank alone validates
        return {"loss": float(np.mean(losses))}


def denoised_at_the_end(model: GenerativeModel, latent: Tensor, date: Tensor, share: Share) -> Tensor:
    """Latents [n, z, y, x] as the last step of the sampler gives them if it comes from given ones.

    date: int64 [n, 2];  share: of the batch, of which the noise is drawn.
    """
    s = math.exp(-0.5 * model.gamma_high)
    noisy = (latent + s * share.randn_like(latent)) * model.ocean_cells
    inputs = model.inputs_of(date if model.conditional else date[:, :0])
    return model.denoise(noisy, s, inputs, ocean_inputs(model.ocean, model.factor)[0])


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
    """Windows [n window, channel, edge, edge] of fields [n, channel, y, x].

    window: int64 [n, window, 2], their first rows and columns.
    """
    pairs = zip(field, window.tolist(), strict=True)
    return torch.stack([f[:, y : y + edge, x : x + edge] for f, windows in pairs for y, x in windows])


def on_windows(model: GenerativeModel, window: Tensor, edge: int) -> GenerativeModel:
    """The model with the maps of windows in place of those of its grid, so that it decodes a batch of crops.

    window: int64 [n, window, 2], first rows and columns on the latent's grid;  edge: of a window, latent cells.
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
