# SPDX-License-Identifier: MIT
"""What is trained: each task draws its batches and computes the loss of its model on them.

All random numbers of a task come from torch's global generator, which the training loop seeds at every step. On several
devices a task draws and scores its rank's share of each batch.
"""

import numpy as np
import torch
from torch import Tensor, nn

from icegen.data.grid import Grid
from icegen.data.prepared_file import PreparedData
from icegen.model.autoencoder import Autoencoder, AutoencoderConfig
from icegen.model.denoiser import condition_inputs, ocean_inputs
from icegen.model.likelihoods import censored_gaussian_nll, gaussian_nll, kl_to_standard_normal, masked_mean
from icegen.thinning import evenly
from icegen.training.checkpoints import make_denoiser
from icegen.training.config import AutoencoderTrainingConfig, Config
from icegen.training.diffusion_loss import NoiseDensity, v_error
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
        self.data = data
        self.times = np.flatnonzero(data.training)
        self.ocean = torch.from_numpy(data.grid.ocean)
        self.ids = [v.id for v in data.variables]
        # Where rows run against y, a transposed x component points against y.
        self.turn_sign = -1 if isinstance(data.grid, Grid) and data.grid.dx * data.grid.dy < 0 else 1
        columns = (torch.tensor(np.asarray(a), dtype=torch.float32)[:, None, None]
                   for a in (data.mean, data.std, *data.bounds))  # fmt: skip
        mean, std, lower, upper = columns
        # Bounds are normalised like states, so that a value at a bound compares equal to it.
        for name, column in (("mean", mean), ("std", std), ("lower", (lower - mean) / std),
                             ("upper", (upper - mean) / std)):  # fmt: skip
            self.register_buffer(name, column, persistent=False)

    def draw(self) -> list[Tensor]:
        """A batch of crops of e x e cells: states [n, v, e, e], observed cells [n, v, e, e], ocean [n, 1, e, e]."""
        choices = [self._choice() for _ in range(self.config.batch)]
        crops = [self._crop(*choice) for choice in choices[self.share.part(self.config.batch)]]
        return [torch.stack(parts) for parts in zip(*crops, strict=True)]

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
            for i, v in enumerate(self.data.variables):
                scores[f"rmse_{v.id}"] = self.std[i, 0, 0] * masked_mean((clipped - x)[:, i] ** 2, seen[:, i]).sqrt()
        return nll + self.config.kl_weight * kl, scores

    def _choice(self) -> tuple[int, tuple[slice, slice], list[int], bool]:
        """Time, window with at least 10 % of ocean, axes to flip, and whether to transpose; at random."""
        edge = self.config.crop
        for _ in range(1000):  # a grid with hardly any ocean gets the last crop tried
            y, x = (8 * int(torch.randint((n - edge) // 8 + 1, (1,))) for n in self.ocean.shape)
            window = (slice(y, y + edge), slice(x, x + edge))
            if self.ocean[window].float().mean() >= 0.1:
                break
        t = self.times[int(torch.randint(len(self.times), (1,)))]
        flips = [axis for axis in (1, 2) if torch.rand(()) < 0.5]
        turned = bool(torch.rand(()) < 0.5) and ("siu" in self.ids) == ("siv" in self.ids)
        return t, window, flips, turned

    def _crop(self, t: int, window: tuple[slice, slice], flips: list[int], turned: bool) -> list[Tensor]:
        """The crop of a choice; drift is transformed with it."""
        ocean = self.ocean[window][None]
        state = torch.tensor(self.data.state[t][:, *window], dtype=torch.float32)  # a copy
        seen = ocean & ~torch.from_numpy(self.data.filled[t][:, *window])
        for name, axis in (("siv", 1), ("siu", 2)):
            if name in self.ids and axis in flips:
                state[self.ids.index(name)] *= -1
        parts = [torch.flip(part, flips) for part in (state, seen, ocean.float())]
        if turned:
            parts = [part.transpose(1, 2) for part in parts]
            if "siu" in self.ids:
                drift = [self.ids.index("siu"), self.ids.index("siv")]
                parts[0][drift] = self.turn_sign * parts[0][drift[::-1]]
                parts[1][drift] = parts[1][drift[::-1]]
        return parts


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


class DiffusionTask(nn.Module):
    """Predict v of standardised states: latents or, in data space, the variables themselves.

    states: [time, channel, y, x], of all times of the data.
    """

    ocean_channels: Tensor
    ocean_cells: Tensor

    BANDS = 6  # of noise, in which the error of validation states is stated
    MOST_VALIDATION_STATES = 32

    def __init__(self, config: Config, data: PreparedData, states: Tensor, share: Share | None = None):
        super().__init__()
        self.share = share or Share()
        self.config = config.diffusion_training
        self.conditional = config.condition == "date"
        self.states = states[torch.from_numpy(data.training)]
        dates = torch.from_numpy(np.stack([data.year, data.day_of_year], 1)).double()
        self.date = dates[data.training]
        held_out = np.flatnonzero(data.validation)
        held_out = held_out[evenly(len(held_out), self.MOST_VALIDATION_STATES)]
        self.validation_states, self.validation_date = states[held_out], dates[held_out]
        self.year_mean, self.year_scale = year_normalisation(data)
        self.model = make_denoiser(config, states.shape[1:])
        with torch.no_grad():
            self.model.set_eofs(self.states)
        self.density = NoiseDensity(self.config)
        ocean = torch.from_numpy(data.grid.ocean)[None, None].float()
        ocean_channels, ocean_cells = ocean_inputs(ocean, ocean.shape[2] // states.shape[2])
        self.register_buffer("ocean_channels", ocean_channels, persistent=False)
        self.register_buffer("ocean_cells", ocean_cells, persistent=False)

    def draw(self) -> list[Tensor]:
        """A batch of states [n, channel, y, x] and of condition inputs [n, 6] of the network."""
        c = self.config
        chosen = torch.randint(len(self.states), (c.batch,))
        date = self.date[chosen]
        jitter = torch.randn(c.batch, 2, dtype=torch.float64) * torch.tensor([c.year_jitter, c.day_jitter])
        kept = torch.rand(c.batch, 1) >= c.condition_dropout
        condition = date + jitter if self.conditional else date[:, :0]
        inputs = condition_inputs(condition, self.year_mean, self.year_scale)
        part = self.share.part(c.batch)
        return [self.states[chosen[part]].float(), (inputs * kept)[part]]

    def forward(self, x: Tensor, condition_inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of states [n, channel, y, x], and scores by name."""
        gamma, density = (values[self.share.part_of(x)] for values in self.density.draw(len(x) * self.share.size))
        error = v_error(self.model, x, gamma, condition_inputs, self.ocean_channels, self.ocean_cells, self.share)
        weighted = self.density.weight(gamma) * error
        self.density.update(self.share.whole(gamma), self.share.whole(weighted))
        # Noise levels that are drawn more often count less, so that the expected loss does not depend on the density.
        return (weighted / density).mean(), {"v_error": error.detach().mean()}

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Mean squared error of v of some validation states in the middle of each band of log-SNR, by its value.

        network: a denoiser such as that with averaged weights. Empty without validation states.
        """
        if not len(self.validation_states):
            return {}
        torch.manual_seed(0)  # the same noise each time; the next step has its own seed
        date = self.validation_date if self.conditional else self.validation_date[:, :0]
        inputs = condition_inputs(date, self.year_mean, self.year_scale).to(self.ocean_cells.device)
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


def year_normalisation(data: PreparedData) -> tuple[float, float]:
    """Centre and half width of the range of training years; the half width is at least 1."""
    years = data.year[data.training]
    return float(years.min() + years.max()) / 2, max(float(years.max() - years.min()) / 2, 1.0)


@torch.no_grad()
def standardised_states(encoder: nn.Module, data: PreparedData, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Standardised latents of all times, float16 [time, z, y, x], and what they were standardised with.

    The training mean of each pixel, float32 [z, y, x], is subtracted. The result is divided by the standard deviation
    of each channel over the ocean, float32 [z, 1, 1]. Latent cells without ocean are zero.

    encoder: an autoencoder's, or the identity for diffusion in data space.
    """
    ocean = torch.from_numpy(data.grid.ocean)[None, None].float().to(device)
    mean, std = (torch.tensor(np.asarray(a), dtype=torch.float32, device=device)[:, None, None]
                 for a in (data.mean, data.std))  # fmt: skip
    encoder = encoder.to(device)

    def latent(t: int) -> Tensor:
        x = (torch.from_numpy(data.state[t])[None].float().to(device) - mean) / std * ocean
        return encoder(x, ocean)[0][0].cpu()

    latents = torch.stack([latent(t) for t in range(len(data.training))])
    ocean_cells = ocean_inputs(ocean, ocean.shape[2] // latents.shape[2])[1].cpu()[0]
    times = np.flatnonzero(data.training)
    zero = torch.zeros((), dtype=torch.float64)
    centre = sum((latents[t].double() for t in times), zero) / len(times)
    squares = sum((((latents[t].double() - centre) ** 2 * ocean_cells).sum((1, 2)) for t in times), zero)
    deviation = (squares / (len(times) * ocean_cells.sum())).sqrt()[:, None, None]
    centre, deviation = centre.float(), deviation.float()
    return ((latents - centre) / deviation * ocean_cells).half(), centre, deviation
