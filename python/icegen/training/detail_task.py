# SPDX-License-Identifier: MIT
"""The training of the detail network: paths from noise to what states have besides the mean that is decoded for them.

The last step of the sampler denoises a latent of little noise. What this and the decoder leave open of a state is the
detail. All other networks are those of a finished model; they do not change.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from icegen.data.prepared_file import PreparedData
from icegen.model.detail import DetailNetwork
from icegen.model.generative_model import GenerativeModel
from icegen.thinning import evenly
from icegen.training.checkpoints import make_detail
from icegen.training.config import Config
from icegen.training.crops import Crops
from icegen.training.means import write_means
from icegen.training.share import Share

BEYOND = 0.1  # standard deviations, how far values on a bound are taken beyond it
TIME_SPREAD = 1.2  # of the logit of the time along a path, which is normal (Esser et al. 2024, arXiv:2403.03206)


class DetailTask(nn.Module):
    """Learn the mean velocity of straight paths from noise to departures of training states from mu.

    model: in evaluation mode, on the training's device.  folder: for the files of mu.
    Collective. Raises ValueError if a state cannot be read or a file not be written.
    """

    MOST_STATES = 1000  # whose mu is kept: 2.6 MB each for five variables at 512 x 512 cells
    MOST_VALIDATION_STATES = 32
    MEASURED_STATES = 32  # for the size of departures
    VALIDATION_BATCHES = 8

    def __init__(
        self, config: Config, model: GenerativeModel, data: PreparedData, folder: Path, share: Share | None = None
    ):
        super().__init__()
        self.share = share or Share()
        self.model = make_detail(config)
        self.finished = [model]  # a list, so that it is neither trained nor kept in checkpoints

        def crops(which: np.ndarray, most: int, name: str, share: Share) -> Crops:
            times = np.flatnonzero(which)
            times = times[evenly(len(times), most)]
            path = Path(folder) / f"means_{name}.npy"
            write_means(path, model, data, times, self.share)
            return Crops(data, config.detail_training.crop, config.detail_training.batch, share, times, path)

        self.batches = crops(data.training, self.MOST_STATES, "training", self.share)
        self.validation = crops(data.validation, self.MOST_VALIDATION_STATES, "validation", Share())
        with torch.no_grad():
            self.model.scale.copy_(self._size_of_departures(data))

    def forward(self, state: Tensor, seen: Tensor, ocean: Tensor, mu: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch as `Crops` reads it, and no further scores."""
        return self._loss(self.model, self.share, state, seen, ocean, mu), {}

    def _loss(
        self, network: DetailNetwork, share: Share, state: Tensor, seen: Tensor, ocean: Tensor, mu: Tensor
    ) -> Tensor:
        """The squared error of the velocity where the state was observed, so that all values of a batch count."""
        r = departures(self.finished[0], state, mu, BEYOND * share.randn_like(mu).abs()) / network.scale
        t = torch.sigmoid(TIME_SPREAD * share.randn_like(mu.new_empty(len(mu))))
        eps = share.randn_like(mu)
        at = t[:, None, None, None]
        velocity = network.velocity((1.0 - at) * eps + at * r, t, mu, ocean).float()
        error = ((velocity - (r - eps)).square() * seen).sum()
        return error / share.mean(seen.sum().float()).clamp(min=1.0)

    def _size_of_departures(self, data: PreparedData) -> Tensor:
        """Their root mean square over the cells with ice, [variable, 1, 1]."""
        model = self.finished[0]
        squares, count = torch.zeros(len(data.variables), dtype=torch.float64), 0.0
        assert self.batches.means is not None
        means = np.load(self.batches.means, mmap_mode="r")
        for i in evenly(len(means), self.MEASURED_STATES):
            state = torch.from_numpy(np.array(data.state[self.batches.times[i]], np.float32))[None].to(model.mean)
            mu = torch.from_numpy(np.array(means[i], np.float32))[None].to(model.mean)
            ice = model.ocean
            if model.concentration >= 0:
                ice = ice * (state[:, model.concentration : model.concentration + 1] > 0)
            r = departures(model, state, mu, torch.zeros_like(mu))
            squares += (r.square() * ice).sum((0, 2, 3)).double().cpu()
            count += float(ice.sum())
        return (squares / max(count, 1.0)).sqrt().clamp(min=1e-3)[:, None, None].float()

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """The loss of crops of some validation states with a network such as that with averaged weights. Empty without
        such states."""
        if not len(self.validation.times):
            return {}
        assert isinstance(network, DetailNetwork)
        torch.manual_seed(0)  # the same crops and noise each time; the next step has its own seed
        device = self.finished[0].mean.device
        losses = []
        for _ in range(self.VALIDATION_BATCHES):
            batch = (part.to(device) for part in self.validation.read(self.validation.plan()))
            losses.append(float(self._loss(network.eval(), Share(), *batch)))  # the first rank alone validates
        return {"loss": float(np.mean(losses))}


def departures(model: GenerativeModel, state: Tensor, mu: Tensor, beyond: Tensor) -> Tensor:
    """What must be added to mu so that `GenerativeModel.cut` makes a state of it. All are [n, variable, y, x].

    state: physical units;  mu and the result: normalised;
    beyond: how far values on a bound are taken beyond it if mu is not further, in standard deviations, at least 0: a
    path that ends near the bound itself would end on either side.
    Variables that exist only on ice do not depart from mu where there is none.
    """
    mean_value = mu * model.std + model.mean
    threshold, shoulder = model.zero_threshold, model.upper - model.full_shoulder
    x = torch.where(state < 2.0 * threshold - model.lower, threshold + 0.5 * (state - model.lower), state)
    x = torch.where(state > shoulder, 2.0 * state - shoulder, x)
    margin = beyond * model.std
    x = torch.where(state <= model.lower, torch.minimum(mean_value, threshold - margin), x)
    x = torch.where(state >= model.upper, torch.maximum(mean_value, model.upper + model.full_shoulder + margin), x)
    if model.fades_without_ice:
        bare = state[:, model.concentration : model.concentration + 1] < model.OPEN_WATER
        x = torch.where(bare & (model.on_ice_only > 0), mean_value, x)
    return (x - mean_value) / model.std
