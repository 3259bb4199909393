# SPDX-License-Identifier: MIT
"""What is trained: each task draws its batches and computes the loss of its model on them.

All random numbers of a task come from torch's global generator, which the training loop seeds at every step. On several
devices a task draws and scores its rank's share of each batch. Its ``batches`` are read ahead, see
`icegen.training.ahead`.
"""

import numpy as np
import torch
from torch import Tensor, nn

from icegen.data.prepared_file import PreparedData
from icegen.model.autoencoder import Autoencoder, AutoencoderConfig
from icegen.model.denoiser import averaging_in, condition_inputs, ocean_inputs, with_averaging
from icegen.model.likelihoods import censored_gaussian_nll, gaussian_nll, kl_to_standard_normal, masked_mean
from icegen.thinning import evenly
from icegen.training.checkpoints import make_denoiser
from icegen.training.config import AutoencoderTrainingConfig, Config
from icegen.training.crops import Crops
from icegen.training.diffusion_loss import NoiseDensity, v_error
from icegen.training.latents import Latents
from icegen.training.share import Share


class AutoencoderTask(nn.Module):
    """Reconstruct random crops. The loss is the negative log-likelihood of the observed ocean cells + beta KL."""

    mean: Tensor
    std: Tensor
    lower: Tensor
    upper: Tensor

    def __init__(
        self,
        model: AutoencoderConfig,
        training: AutoencoderTrainingConfig,
        data: PreparedData,
        share: Share | None = None,
    ):
        super().__init__()
        self.share = share or Share()
        self.model = Autoencoder(len(data.variables), model)
        self.censored = model.likelihood == "censored"
        self.config = training
        self.ids = [v.id for v in data.variables]
        self.batches = Crops(data, training.crop, training.batch, self.share)
        columns = (torch.tensor(np.asarray(a), dtype=torch.float32)[:, None, None]
                   for a in (data.mean, data.std, *data.bounds))  # fmt: skip
        mean, std, lower, upper = columns
        # Bounds are normalised like states, so that a value at a bound compares equal to it.
        for name, column in (("mean", mean), ("std", std), ("lower", (lower - mean) / std),
                             ("upper", (upper - mean) / std)):  # fmt: skip
            self.register_buffer(name, column, persistent=False)

    def forward(self, state: Tensor, seen: Tensor, ocean: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        x = (state - self.mean) / self.std * ocean
        mean, log_var = self.model.encoder(x, ocean)
        z = mean + torch.exp(0.5 * log_var) * self.share.randn_like(mean)
        noise = torch.zeros(len(z), device=z.device)
        if self.model.decoder.latent_noise > 0:
            noise = self.model.decoder.latent_noise * self.share.rand_like(noise) ** 2
            z = z + noise[:, None, None, None] * like_noise(mean, ocean, self.share)
        mu, relative = (output.float() for output in self.model.decoder(z, ocean, noise))
        log_s = self.model.decoder.log_s + relative
        if self.censored:
            nll = censored_gaussian_nll(x, mu, log_s, self.lower, self.upper)
        else:
            nll = gaussian_nll(x, mu, log_s)
        # beta-NLL of Seitzer et al. 2022 (doi:10.48550/arXiv.2203.09168) with beta = 1/2: without it, cells with
        # a small s dominate. It changes nothing where s is one number for each variable.
        nll = masked_mean(nll * torch.exp(relative.detach()), seen)
        if self.share.size > 1:  # each cell of the whole batch counts the same
            nll = nll * (seen.sum() / self.share.mean(seen.sum().float()))
        kl = kl_to_standard_normal(mean.float(), log_var.float()).mean()
        with torch.no_grad():
            clipped = torch.minimum(torch.maximum(mu, self.lower), self.upper)
            scores = {"nll": nll, "kl": kl}
            for i, name in enumerate(self.ids):
                scores[f"rmse_{name}"] = self.std[i, 0, 0] * masked_mean((clipped - x)[:, i] ** 2, seen[:, i]).sqrt()
        return nll + self.config.kl_weight * kl, scores


@torch.no_grad()
def like_noise(latent: Tensor, ocean: Tensor, share: Share) -> Tensor:
    """Noise with each channel's standard deviation of ``latent`` [n, z, y/8, x/8] over the cells that hold ocean.

    The deviation is that of the whole batch.
    """
    ocean_cells = ocean_inputs(ocean, ocean.shape[2] // latent.shape[2])[1]
    count = share.mean(ocean_cells.sum())
    mean = share.mean((latent * ocean_cells).sum((0, 2, 3), keepdim=True)) / count
    variance = share.mean(((latent - mean) ** 2 * ocean_cells).sum((0, 2, 3), keepdim=True)) / count
    return variance.sqrt() * share.randn_like(latent)


class DatedStates:
    """Batches of training states and of condition inputs of the network."""

    def __init__(self, config: Config, data: PreparedData, states: Tensor | Latents, share: Share):
        self.config, self.share, self.states = config.diffusion_training, share, states
        self.conditional = config.condition == "date"
        self.times = torch.from_numpy(np.flatnonzero(data.training))
        self.date = torch.from_numpy(np.stack([data.year, data.day_of_year], 1)).double()
        self.year_normalisation = year_normalisation(data)
        self.averaging = averaging_of(config, data)

    def plan(self) -> tuple[Tensor, Tensor]:
        """What this rank reads for a batch, at random: times [n] of the data, and the network's condition inputs."""
        c = self.config
        times = self.times[torch.randint(len(self.times), (c.batch,))]
        date = self.date[times]
        jitter = torch.randn(c.batch, 2, dtype=torch.float64) * torch.tensor([c.year_jitter, c.day_jitter])
        kept = torch.rand(c.batch, 1) >= c.condition_dropout
        condition = date + jitter if self.conditional else date[:, :0]
        inputs = condition_inputs(condition, *self.year_normalisation)
        inputs = inputs * kept
        if self.averaging is not None:
            inputs = with_averaging(inputs, self.averaging[times])
        part = self.share.part(c.batch)
        return times[part], inputs[part]

    def read(self, plan: tuple[Tensor, Tensor]) -> list[Tensor]:
        """The batch of a plan: states [n, channel, y, x] and condition inputs."""
        times, inputs = plan
        return [self.states[times].float(), inputs]


class DiffusionTask(nn.Module):
    """Predict v of standardised states: latents or, in data space, the variables themselves.

    states: float16 [time, channel, y, x], of all times of the data; indexed by times.
    """

    ocean_channels: Tensor
    ocean_cells: Tensor

    BANDS = 6  # of noise, in which the error of validation states is stated
    MOST_VALIDATION_STATES = 32

    def __init__(self, config: Config, data: PreparedData, states: Tensor | Latents, share: Share | None = None):
        super().__init__()
        self.share = share or Share()
        self.config = config.diffusion_training
        self.conditional = config.condition == "date"
        self.batches = DatedStates(config, data, states, self.share)
        validation = np.flatnonzero(data.validation)
        held_out = torch.from_numpy(validation[evenly(len(validation), self.MOST_VALIDATION_STATES)])
        date = self.batches.date[held_out]
        self.validation_states = states[held_out]
        self.validation_inputs = condition_inputs(
            date if self.conditional else date[:, :0], *self.batches.year_normalisation
        )
        if self.batches.averaging is not None:
            self.validation_inputs = with_averaging(self.validation_inputs, self.batches.averaging[held_out])
        self.model = make_denoiser(config, states.shape[1:])
        with torch.no_grad():
            self.model.set_eofs(states, self.batches.times, self.share)
        self.density = NoiseDensity(self.config)
        ocean = torch.from_numpy(data.grid.ocean)[None, None].float()
        ocean_channels, ocean_cells = ocean_inputs(ocean, ocean.shape[2] // states.shape[2])
        self.register_buffer("ocean_channels", ocean_channels, persistent=False)
        self.register_buffer("ocean_cells", ocean_cells, persistent=False)

    def forward(self, x: Tensor, condition_inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of states [n, channel, y, x], and scores by name."""
        gamma, density = (values[self.share.part_of(x)] for values in self.density.draw(len(x) * self.share.size))
        error = v_error(self.model, x, gamma, condition_inputs, self.ocean_channels, self.ocean_cells, self.share)
        weighted = self.density.weight(gamma) * self.weight_of_kind(gamma, condition_inputs) * error
        self.density.update(self.share.whole(gamma), self.share.whole(weighted))
        # Noise levels that are drawn more often count less, so that the expected loss does not depend on the density.
        return (weighted / density).mean(), {"v_error": error.detach().mean()}

    def weight_of_kind(self, gamma: Tensor, condition_inputs: Tensor) -> Tensor | float:
        """Weights of cases of log-SNR gamma [n]. Where the network does not know what states average over, they count
        with the time that they cover, so that a few years of days are not most of the climate."""
        averaging = self.batches.averaging
        if averaging is None:
            return 1.0
        mean = float(averaging[self.batches.times].mean())
        return torch.where(self.model.knows_averaging(gamma), 1.0, averaging_in(condition_inputs) / mean)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean squared error of v of some validation states in the middle of each band of log-SNR, by its value.

        network: a denoiser such as that with averaged weights. Empty without validation states.
        """
        if not len(self.validation_states):
            return {}
        torch.manual_seed(0)  # the same noise each time; the next step has its own seed
        inputs = self.validation_inputs.to(self.ocean_cells.device)
        width = (self.config.gamma_high - self.config.gamma_low) / self.BANDS
        scores = {}
        network.eval()
        for band in range(self.BANDS):
            gamma = self.config.gamma_low + (band + 0.5) * width
            errors = [
                v_error(network, x.to(inputs.device).float(), torch.full((len(x),), gamma, device=inputs.device),
                        given, self.ocean_channels, self.ocean_cells)
                for x, given in zip(self.validation_states.split(8), inputs.split(8), strict=True)
            ]  # fmt: skip
            scores[f"v_error_at_{gamma:.1f}"] = float(torch.cat(errors).mean())
        return scores


def averaging_of(config: Config, data: PreparedData) -> Tensor | None:
    """Days that each state is a mean over, float32 [time]; None if the configuration does not tell such means apart.

    Raises ValueError if it does, but the data do not say it of all states.
    """
    if config.averaging == 0:
        return None
    if data.averaging is None or not np.isfinite(data.averaging).all():
        raise ValueError(
            f"averaging is {config.averaging:g}, but the data do not say over how many days each state averages; "
            "prepare them from files with several times or with bounds of time"
        )
    return torch.from_numpy(data.averaging).float()


def year_normalisation(data: PreparedData) -> tuple[float, float]:
    """Centre and half width of the range of training years; the half width is at least 1."""
    years = data.year[data.training]
    return float(years.min() + years.max()) / 2, max(float(years.max() - years.min()) / 2, 1.0)
