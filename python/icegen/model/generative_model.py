# SPDX-License-Identifier: MIT
"""The model inside an archive: noise, sampler, denoiser, decoder, encoder and normalisation as one scriptable module.

Python and the compiled bridge both run this code, as TorchScript.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from icegen.model.analysis import ClimateCovariance
from icegen.model.denoiser import UViT, condition_inputs, ocean_inputs, with_averaging
from icegen.model.detail import DetailNetwork
from icegen.model.gaps import spread_into_gaps
from icegen.model.history import Band, HistoryNoise
from icegen.model.inflation import inflated, presence
from icegen.model.noise import standard_normal
from icegen.model.sampler import SamplerConfig, denoised_from_v, multistep, noise_levels


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Means and standard deviations that normalise states, latents and years.

    mean, std: float32 [variable], physical units;
    latent_mean: float32 [z, y/f, x/f], latent_std: float32 [z, 1, 1], where f is the factor between the grids of state
    and latent;  year_mean, year_scale: years.
    """

    mean: Tensor
    std: Tensor
    latent_mean: Tensor
    latent_std: Tensor
    year_mean: float
    year_scale: float


@dataclass(frozen=True, eq=False)
class Constraints:
    """Limits that every state keeps.

    lower, upper: float32 [variable], physical bounds, infinite if there is none;
    concentration: index of the ice concentration among the variables, -1 if there is none;
    on_ice_only: float32 [variable], 1 for variables that exist only where there is ice, such as drift, else 0;
    thickness: index of the effective thickness among the variables, -1 if there is none;
    thinnest, thickest: range of thickness over concentration in every cell with ice, m.
    """

    lower: Tensor
    upper: Tensor
    concentration: int
    on_ice_only: Tensor
    thickness: int = -1
    thinnest: float = 0.0
    thickest: float = math.inf


class GenerativeModel(nn.Module):
    """Generates sea-ice states in physical units.

    encoder, decoder: of `icegen.model.autoencoder`, or the identities there for diffusion in data space;
    feature_encoder: a small encoder whose pooled latents are compared in scores, or None;
    detail: adds the detail that latents leave open to sampled states, or None;
    ocean: float32 [1, 1, y, x];  conditional: whether it takes conditions (year, day of year);
    averaging: days that its states are means over, if the denoiser knows means over several times, or 0.

    `icegen.training.calibration` sets these, which have no effect before:
    zero_threshold: float32 [variable], values of mu up to this are decoded as the lower bound;
    full_shoulder: float32 [variable], distance from the upper bound within which the state grows half as fast as mu;
    gain: float32 [variable, y, x], factor of the decoder's mu, minus one: it corrects the constant error of a cell.
    `icegen.training.inflation` sets inflation_beyond and inflation_fine, float32 [z, z], which have no effect before,
    and open_water, float32 [z, y/f, x/f]: the latent of a state without ice.
    """

    LATENT_STREAM: Final[int] = 0  # of the noise of latents
    OBSERVATION_STREAM: Final[int] = 1  # of the errors that are drawn for observations
    DETAIL_STREAM: Final[int] = 2  # of the detail's noise
    ROUNDING: Final[float] = 1e-6
    LEAST_ICE: Final[float] = 1e-20  # smaller concentrations become 0: float32 has no number for their thickness
    OPEN_WATER: Final[float] = 0.01  # below this concentration, variables that exist only on ice fade out

    ocean: Tensor
    ocean_cells: Tensor
    mean: Tensor
    std: Tensor
    lower: Tensor
    upper: Tensor
    zero_threshold: Tensor
    full_shoulder: Tensor
    on_ice_only: Tensor
    latent_mean: Tensor
    latent_std: Tensor
    inflation: Tensor
    inflation_beyond: Tensor
    inflation_fine: Tensor
    open_water: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        denoiser: UViT,
        feature_encoder: nn.Module | None,
        ocean: Tensor,
        normalisation: Normalisation,
        constraints: Constraints,
        conditional: bool,
        sampler: SamplerConfig,
        detail: DetailNetwork | None = None,
        averaging: float = 0.0,
    ):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.denoiser = denoiser
        self.feature_encoder = feature_encoder
        self.detail = detail
        self.detail_channels = detail.channels if detail is not None else 0
        self.factor = ocean.shape[2] // normalisation.latent_mean.shape[1]
        self.register_buffer("ocean", ocean)
        self.register_buffer("ocean_cells", ocean_inputs(ocean, self.factor)[1])
        self.register_buffer("mean", normalisation.mean[:, None, None])
        self.register_buffer("std", normalisation.std[:, None, None])
        lower, upper = constraints.lower, constraints.upper
        self.register_buffer("lower", lower[:, None, None])
        self.register_buffer("upper", upper[:, None, None])
        self.register_buffer("zero_threshold", lower[:, None, None].clone())
        self.register_buffer("full_shoulder", torch.zeros(len(upper), 1, 1))
        # A parameter, so that archives store it in half precision.
        self.gain = nn.Parameter(torch.zeros(len(upper), *ocean.shape[2:]), requires_grad=False)
        self.concentration = constraints.concentration
        self.fades_without_ice = constraints.concentration >= 0 and bool(constraints.on_ice_only.any())
        self.register_buffer("on_ice_only", constraints.on_ice_only[:, None, None])
        self.constrain_thickness(constraints.thickness, constraints.thinnest, constraints.thickest)
        self.register_buffer("latent_mean", normalisation.latent_mean)
        self.register_buffer("latent_std", normalisation.latent_std)
        # All noise has one time scale, until `icegen.training.history` fits several.
        channels = len(normalisation.latent_mean)
        self.history = HistoryNoise(
            (channels, *normalisation.latent_mean.shape[1:]),
            rotation=torch.eye(channels),
            channel_bands=[Band(channels, (30.0,), (1.0,))],
            patterns=torch.eye(0),
            pattern_bands=[],
            detail_bands=[Band(self.detail_channels, (30.0,), (1.0,))] if detail is not None else [],
        )
        self.covariance: ClimateCovariance | None = None  # `icegen.training.covariance` fits it
        self.conditional = conditional
        self.averaging = averaging
        self.year_mean = normalisation.year_mean
        self.year_scale = normalisation.year_scale
        self.uses_multistep = sampler.name == "dpmpp_2m"
        self.gamma_low = sampler.gamma_low
        self.gamma_high = sampler.gamma_high
        self.rho = sampler.rho
        self.latent_noise = sampler.latent_noise
        self.detail_steps = sampler.detail_steps
        self.inflation_noise = sampler.inflation_noise
        self.inflation_ice = sampler.inflation_ice
        factors = torch.ones(len(denoiser.eofs))
        for k, factor in enumerate(sampler.inflation):
            factors[k:] = factor
        self.inflates = bool(sampler.inflation or sampler.inflation_beyond or sampler.inflation_fine)
        self.register_buffer("inflation", factors)
        self.register_buffer("inflation_beyond", torch.zeros(channels, channels))
        self.register_buffer("inflation_fine", torch.zeros(channels, channels))
        self.register_buffer("open_water", torch.zeros_like(normalisation.latent_mean))

    @torch.jit.unused
    def constrain_thickness(self, thickness: int, thinnest: float, thickest: float) -> None:
        """Set the limits of thickness over concentration; arguments as in `Constraints`."""
        self.thickness = thickness
        self.constrained = self.concentration >= 0 and thickness >= 0
        # The range is narrower by some rounding errors, so that quotients of rounded or interpolated values stay in it.
        self.thinnest = thinnest * (1.0 + self.ROUNDING)
        self.thickest = thickest * (1.0 - self.ROUNDING)

    def forward(self, seed: int, member: Tensor, condition: Tensor, time: Tensor, history: bool, steps: int) -> Tensor:
        return self.generate(seed, member, condition, time, history, steps)

    @torch.jit.export
    def generate(self, seed: int, member: Tensor, condition: Tensor, time: Tensor, history: bool, steps: int) -> Tensor:
        """Sample states.

        seed: 64-bit key of the noise;  member: int64 [n], numbers of the members;
        condition: int64 [n, 2], year and day of year, or [n, 0] for unconditional samples;
        time: int64 [n], see `noise`;  history: whether the states of a member are correlated in time;
        steps: noise levels: 2 * steps - 1 network evaluations with Heun's method, steps with DPM-Solver++(2M).
        Returns float32 [n, variable, y, x] within bounds, 0 on land. Members are sampled one by one, so that the
        bits of a member do not depend on the others.
        """
        if steps < 1:
            raise ValueError("steps must be at least 1")
        if condition.shape[1] > 0 and not self.conditional:
            raise ValueError("this archive knows no condition; wanted one of shape [n, 0]")
        states: list[Tensor] = []
        for i in range(len(member)):
            latent = self.sample_latent(seed, member[i : i + 1], condition[i : i + 1], time[i : i + 1], history, steps)
            states.append(self.decode(latent, self.latent_noise))
        return torch.cat(states)

    @torch.jit.export
    def encode(self, state: Tensor) -> Tensor:
        """State [n, variable, y, x] in physical units to its standardised latent [n, z, y/f, x/f]."""
        x = (state - self.mean) / self.std * self.ocean
        latent = self.encoder(x, self.ocean.expand(len(x), -1, -1, -1))[0]
        return (latent - self.latent_mean) / self.latent_std * self.ocean_cells

    @torch.jit.export
    def decode(self, latent: Tensor, noise: float = 0.0) -> Tensor:
        """Standardised latent [n, z, y/f, x/f] to the state [n, variable, y, x], within the bounds and 0 on land.
        Variables that exist only on ice are 0 where there is none.

        latent: with e further channels, the noise of the detail, the state gets its detail; see `solve`.
        noise: noise level of the latents, in standard deviations of the encoder's latents: ``latent_noise`` for sampled
        latents, 0 for encoded ones.
        """
        return self.cut(self.decode_mean(latent, noise))

    @torch.jit.export
    def cut(self, mu: Tensor) -> Tensor:
        """The state [n, variable, y, x] of the decoder's mu: within the bounds, consistent, and 0 on land."""
        # Above the threshold, the state grows twice as fast until it is mu. Rounding would move cells across a step.
        state = torch.where(
            mu < 2.0 * self.zero_threshold - self.lower, self.lower + 2.0 * (mu - self.zero_threshold), mu
        )
        state = torch.maximum(state, self.lower)
        beyond = state - (self.upper - self.full_shoulder)
        return self.limit(torch.where(beyond > 0, state - 0.5 * beyond, state))

    def limit(self, state: Tensor) -> Tensor:
        """States [n, variable, y, x] within the bounds, consistent, and 0 on land. States that are so do not change."""
        state = torch.minimum(torch.maximum(state, self.lower), self.upper) * self.ocean
        if self.constrained:
            state = self.constrain(state)
        if self.fades_without_ice:
            ice = (state[:, self.concentration : self.concentration + 1] / self.OPEN_WATER).clamp(max=1.0)
            state = state * (1.0 - self.on_ice_only * (1.0 - ice))
        return state

    def constrain(self, state: Tensor) -> Tensor:
        """States [n, variable, y, x] with consistent thickness: thinnest sic <= sit <= thickest sic.

        One is zero if and only if the other is. The map is continuous, so rounding moves no cell across a step.
        """
        sic = state[:, self.concentration]
        sic = torch.where(sic < self.LEAST_ICE, 0.0, sic)
        sit = torch.minimum(torch.maximum(state[:, self.thickness], self.thinnest * sic), self.thickest * sic)
        fields = list(state.unbind(1))
        fields[self.concentration] = sic
        fields[self.thickness] = sit
        return torch.stack(fields, 1)

    @torch.jit.export
    def decode_mean(self, latent: Tensor, noise: float = 0.0) -> Tensor:
        """The decoder's mu [n, variable, y, x] in physical units, with detail for sampled latents, before it is cut to
        the bounds."""
        channels = self.latent_mean.shape[-3]
        z = latent[:, :channels] * self.latent_std + self.latent_mean
        noise_levels = torch.full([len(z)], noise, device=z.device)
        ocean = self.ocean.expand(len(z), -1, -1, -1)
        mu = self.decoder(z, ocean, noise_levels)[0] * self.std + self.mean
        return self.with_detail(mu + self.gain * mu, latent[:, channels:])

    def with_detail(self, mu: Tensor, noise: Tensor) -> Tensor:
        """mu [n, variable, y, x], and the departure of one state from it if the model draws detail and noise is given.

        noise: standard normal [n, e, y/f, x/f], or [n, 0, y/f, x/f] for none.
        """
        if self.detail is None or noise.shape[1] == 0:
            return mu
        ocean = self.ocean.expand(len(mu), -1, -1, -1)
        shoulder = self.std * self.detail.full_shoulder
        detailed = mu + self.std * self.detail((mu - self.mean) / self.std, ocean, noise, self.detail_steps)
        beyond = detailed - (self.upper - shoulder)
        return torch.where((beyond > 0) & (shoulder > 0), detailed - 0.5 * beyond, detailed)

    @torch.jit.export
    def complete(self, given: Tensor, weight: Tensor, condition: Tensor) -> Tensor:
        """A whole state float32 [1, variable, y, x] from the fields of a host, within the bounds and consistent.

        given: float32 [1, variable, y, x], physical units, used where weight > 0;  weight: the same shape;
        condition: int64 [1, 2] or [1, 0].
        What is missing is the mean state of the date, plus the departure of the given values around from it.
        """
        mean = self.decode(self.mean_latent(condition), self.latent_noise)
        known = (weight > 0).to(given.dtype) * self.ocean
        departure = spread_into_gaps(torch.where(known > 0, given - mean, 0.0), known)
        return self.limit(torch.where(known > 0, given, mean + departure))

    @torch.jit.export
    def near(self, state: Tensor, latent: Tensor, sampled: Tensor, level: float, condition: Tensor) -> Tensor:
        """States [n, variable, y, x] near a given one [1, variable, y, x], within the bounds and consistent.

        latent: of the given state, [1, z, y/f, x/f];
        sampled: of independent samples at the date, [n, z + e, y/f, x/f], see `solve`;
        level: 0 to 1, the spread of the states over that of the samples;  condition: int64 [1, 2] or [1, 0].
        The departures of both from the date's mean are mixed such that their variance stays (the proposal of the
        preconditioned Crank-Nicolson method; Cotter et al. 2013, doi:10.1214/13-STS421, eq. 4.8). The change of the
        decoded state is added to the given one, which so keeps what the latent does not hold.
        """
        if not (level >= 0.0 and level <= 1.0):
            raise ValueError("level must be 0 to 1")
        mean = self.mean_latent(condition)
        channels = self.latent_mean.shape[0]
        mixed = mean + math.sqrt(1.0 - level * level) * (latent - mean) + level * (sampled[:, :channels] - mean)
        detail = sampled[:, channels:]  # the same in both states: it differs only as the means do
        before = torch.cat([latent.expand(len(detail), -1, -1, -1), detail], 1)
        after = torch.cat([mixed, detail], 1)
        increment = self.decode(after, self.latent_noise) - self.decode(before, self.latent_noise)
        return self.limit(state + increment)

    @torch.jit.export
    def kalman_gain(self, precision: Tensor, condition: Tensor) -> Tensor:
        """The gain of observations, float64, which `analyse` takes: see `ClimateCovariance.forward`.

        precision: float32 [1, variable, y, x], one over the variance of the error of what was observed in a cell, 0 for
        nothing;  condition: int64 [1, 2] or [1, 0].
        """
        if self.covariance is None:
            raise ValueError("this archive takes no observations")
        if self.conditional and condition.shape[1] == 0:
            raise ValueError("observations belong to a date; wanted a condition [1, 2]")
        day_of_year = float(condition[0, 1]) if condition.shape[1] > 0 else 0.0
        return self.covariance(precision[0] * self.ocean[0], self.ocean[0], day_of_year)

    @torch.jit.export
    def analyse(
        self, latent: Tensor, observed: Tensor, precision: Tensor, gain: Tensor, seed: int, member: int, time: int
    ) -> Tensor:
        """The state [1, variable, y, x] of a sampled latent [1, z + e, y/f, x/f], changed to agree with observations.

        observed: float32 [1, variable, y, x], physical units, used where precision > 0;
        precision, gain: see `kalman_gain`;
        seed, member, time: key of the errors that are drawn for this member's observations.
        The change is added before the decoder's mu is cut to its bounds, so that open water mostly stays open.
        """
        if self.covariance is None:
            raise ValueError("this archive takes no observations")
        mu = self.decode_mean(latent, self.latent_noise)
        weight = precision[0] * self.ocean[0]
        count = self.covariance.anomalies[0].numel()
        draws = standard_normal(count, seed, member, time, self.OBSERVATION_STREAM, latent.device)
        state = self.cut(mu)[0]
        return self.cut(mu + self.covariance.increment(state, observed[0], weight, self.ocean[0], gain, draws)[None])

    def mean_latent(self, condition: Tensor) -> Tensor:
        """The mean latent [1, z, y/f, x/f] of a date: pure noise holds no information on the state, so the denoised one
        is the mean."""
        s = noise_levels(1, self.gamma_low, self.gamma_high, self.rho)
        return self.descend(torch.zeros_like(self.latent_mean)[None], s, condition)

    @torch.jit.export
    def features(self, state: Tensor) -> Tensor:
        """Features [n, f] of states [n, variable, y, x] for the Frechet autoencoder distance: the latent means of the
        feature encoder, averaged over the ocean of each quarter of the grid; f = 0 without such an encoder."""
        if self.feature_encoder is None:
            return torch.zeros(len(state), 0)
        x = (state - self.mean) / self.std * self.ocean
        latent = self.feature_encoder(x, self.ocean.expand(len(x), -1, -1, -1))[0]
        cells = F.max_pool2d(self.ocean, self.ocean.shape[2] // latent.shape[2])
        return (F.adaptive_avg_pool2d(latent * cells, 2) / F.adaptive_avg_pool2d(cells, 2).clamp(min=1e-6)).flatten(1)

    @torch.jit.export
    def sample_latent(
        self, seed: int, member: Tensor, condition: Tensor, time: Tensor, history: bool, steps: int
    ) -> Tensor:
        """Standardised latents [n, z + e, y/f, x/f] from the keyed noise, see `solve`; arguments as in `generate`."""
        return self.solve(self.noise(seed, member, time, history), condition, steps)

    @torch.jit.export
    def solve(self, noise: Tensor, condition: Tensor, steps: int) -> Tensor:
        """Standardised latents [n, z + e, y/f, x/f] that the sampler computes from standard normal ones.

        noise: as `noise` gives it; its e channels for the detail come after those of the latent, unchanged.
        It uses no random numbers, and no control flow depends on a value on the device, so that a GPU can record it.
        """
        s = noise_levels(steps, self.gamma_low, self.gamma_high, self.rho)
        channels = self.latent_mean.shape[0]
        latent = self.descend(noise[:, :channels] * float(s[0]), s, condition)
        return torch.cat([latent, noise[:, channels:]], 1)

    def descend(self, y: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        """The denoised latents to which the sampler leads from y at noise s[0]."""
        date = self.inputs_of(condition)
        mask = ocean_inputs(self.ocean, self.factor)[0]
        if self.uses_multistep:
            return self.dpmpp_2m(y, s, date, mask)
        return self.heun(y, s, date, mask)

    def inputs_of(self, condition: Tensor) -> Tensor:
        """The denoiser's inputs for a condition, as `generate` takes it."""
        inputs = condition_inputs(condition, self.year_mean, self.year_scale)
        if self.averaging > 0.0:
            inputs = with_averaging(inputs, torch.full([len(inputs)], self.averaging, device=inputs.device))
        return inputs

    def heun(self, y: Tensor, s: Tensor, date: Tensor, mask: Tensor) -> Tensor:
        """Heun's method (Karras et al. 2022, algorithm 1) from noise s[0] down to s[-1], then the denoised state."""
        mean = y
        for i in range(len(s)):
            now = float(s[i])
            denoised = self.denoise(self.seen_at(i, y), now, date, mask)
            if i == 0:
                mean = denoised
            if self.inflates_at(s, i):
                change = self.inflated(denoised, mean)
                y, denoised = y + change, denoised + change
            if i == len(s) - 1:
                return denoised
            after = float(s[i + 1])
            slope = (y - denoised) / now
            predicted = y + (after - now) * slope
            corrected = (predicted - self.denoise(predicted, after, date, mask)) / after
            y = y + (after - now) * 0.5 * (slope + corrected)
        return y

    def dpmpp_2m(self, y: Tensor, s: Tensor, date: Tensor, mask: Tensor) -> Tensor:
        """DPM-Solver++(2M) from noise s[0] down to s[-1], then the denoised state. The first step is of first order."""
        mean, earlier = y, y
        for i in range(len(s)):
            now = float(s[i])
            denoised = self.denoise(self.seen_at(i, y), now, date, mask)
            if i == 0:
                mean = denoised
            if self.inflates_at(s, i):
                change = self.inflated(denoised, mean)
                y, denoised, earlier = y + change, denoised + change, earlier + change
            if i == len(s) - 1:
                return denoised
            if i == 0:
                y = multistep(y, denoised, denoised, 2.0 * now, now, float(s[1]))
            else:
                y = multistep(y, denoised, earlier, float(s[i - 1]), now, float(s[i + 1]))
            earlier = denoised
        return y

    def seen_at(self, i: int, y: Tensor) -> Tensor:
        """What the denoiser sees of y at level i. The first level is pure noise, which holds no information on the
        state: the denoiser sees 0 if it inflates, and gives the mean of the date without a trace of the noise."""
        return torch.zeros_like(y) if self.inflates and i == 0 else y

    def inflates_at(self, s: Tensor, i: int) -> bool:
        """Whether level i is the first one, after the start, whose noise is below that of the inflation."""
        return self.inflates and i > 0 and float(s[i]) < self.inflation_noise <= float(s[i - 1])

    def inflated(self, denoised: Tensor, mean: Tensor) -> Tensor:
        """What inflation adds to denoised latents [n, z, y/f, x/f], given the means of their dates.

        The denoised state of pure noise is that mean, see `mean_latent`.
        """
        factors, beyond, fine = self.inflation, self.inflation_beyond, self.inflation_fine
        change = inflated(denoised - mean, self.ocean_cells, self.denoiser.eofs, factors, beyond, fine)
        if self.inflation_ice > 0.0:
            change = change * presence(denoised, self.open_water, self.inflation_ice)
        return change

    def denoise(self, y: Tensor, s: float, date: Tensor, mask: Tensor) -> Tensor:
        """D(y; s): the denoised latent, zero where there is no ocean."""
        gamma = torch.full([len(y)], s, dtype=torch.float64, device=y.device).log().mul(-2.0).to(torch.float32)
        z = y * torch.sigmoid(gamma).sqrt()[:, None, None, None]  # alpha y
        return denoised_from_v(z, self.denoiser(z, gamma, date, mask), gamma) * self.ocean_cells

    @torch.jit.export
    def noise(self, seed: int, member: Tensor, time: Tensor, history: bool) -> Tensor:
        """Standard normal noise [n, z + e, y/f, x/f]: that of the latents, and e channels for the detail, if any.

        seed, member: as in `generate`;  time: int64 [n]. With ``history``, time is a number of days without gaps, and
        `icegen.model.history` gives the correlation of a member's noise between them. Without it, time is any number
        that differs between dates.
        """
        shape = self.latent_mean.shape
        latents: list[Tensor] = []
        for i in range(len(member)):
            number, when = int(member[i]), int(time[i])
            if history:
                latents.append(self.history(seed, number, when, self.ocean_cells, self.denoiser.eofs))
            else:
                device = self.latent_mean.device
                flat = standard_normal(self.latent_mean.numel(), seed, number, when, self.LATENT_STREAM, device)
                latent = flat.reshape(shape) * self.ocean_cells[0]
                if self.detail_channels > 0:
                    count = self.detail_channels * shape[1] * shape[2]
                    flat = standard_normal(count, seed, number, when, self.DETAIL_STREAM, device)
                    latent = torch.cat([latent, flat.reshape(-1, shape[1], shape[2])])
                latents.append(latent)
        return torch.stack(latents)
