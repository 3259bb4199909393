# SPDX-License-Identifier: MIT
"""What an archive holds: noise, sampler, denoiser, decoder, encoder and normalisation as one scriptable module.

Python and the compiled bridge run this very code, scripted; nothing of it is written twice.
"""

from typing import Final

import torch
from torch import Tensor, nn

from icegen.autoencoder import Decoder, Encoder
from icegen.diffusion import UViT, condition_features, latent_ocean
from icegen.noise import standard_normal
from icegen.sampler import denoised_from_v, noise_levels


class Emulator(nn.Module):
    """Generates sea-ice states in physical units.

    ocean: float32 [1, 1, y, x];  mean, std, lower, upper: float32 [variable], physical units;
    latent_mean [z, y/8, x/8], latent_std [z, 1, 1];  year_mean, year_scale: normalisation of the year.
    """

    LATENT_STREAM: Final[int] = 0  # of the noise; a decoder that draws noise takes another

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        denoiser: UViT,
        ocean: Tensor,
        mean: Tensor,
        std: Tensor,
        lower: Tensor,
        upper: Tensor,
        latent_mean: Tensor,
        latent_std: Tensor,
        year_mean: float,
        year_scale: float,
        gamma_low: float,
        gamma_high: float,
        rho: float,
    ):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.denoiser = denoiser
        self.register_buffer("ocean", ocean)
        self.register_buffer("cells", latent_ocean(ocean)[1])
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("std", std[:, None, None])
        self.register_buffer("lower", lower[:, None, None])
        self.register_buffer("upper", upper[:, None, None])
        self.register_buffer("latent_mean", latent_mean)
        self.register_buffer("latent_std", latent_std)
        self.year_mean = year_mean
        self.year_scale = year_scale
        self.gamma_low = gamma_low
        self.gamma_high = gamma_high
        self.rho = rho

    def forward(self, seed: int, member: Tensor, condition: Tensor, steps: int) -> Tensor:
        return self.generate(seed, member, condition, steps)

    @torch.jit.export
    def generate(self, seed: int, member: Tensor, condition: Tensor, steps: int) -> Tensor:
        """Sample states.

        seed: 64-bit key of the noise;  member: int64 [n], numbers of the members;
        condition: int64 [n, 2], year and day of year, or [n, 0] for unconditional samples;
        steps: noise levels, 2 * steps - 1 network evaluations.
        Returns float32 [n, variable, y, x] within bounds, 0 on land. Members are sampled one by one, so that the
        bits of a member do not depend on its companions.
        """
        if steps < 1:
            raise ValueError("steps must be at least 1")
        states: list[Tensor] = []
        for i in range(len(member)):
            latent = self.sample_latent(seed, member[i : i + 1], condition[i : i + 1], steps)
            states.append(self.decode(latent))
        return torch.cat(states)

    @torch.jit.export
    def encode(self, state: Tensor) -> Tensor:
        """State [n, variable, y, x] in physical units to its standardised latent [n, z, y/8, x/8]."""
        x = (state - self.mean) / self.std * self.ocean
        latent = self.encoder(x, self.ocean.expand(len(x), -1, -1, -1))[0]
        return (latent - self.latent_mean) / self.latent_std * self.cells

    @torch.jit.export
    def decode(self, latent: Tensor) -> Tensor:
        """Standardised latent [n, z, y/8, x/8] to the state [n, variable, y, x]: mu, cut to the bounds, masked."""
        z = latent * self.latent_std + self.latent_mean
        mu = self.decoder(z, self.ocean.expand(len(z), -1, -1, -1)) * self.std + self.mean
        return torch.minimum(torch.maximum(mu, self.lower), self.upper) * self.ocean

    @torch.jit.export
    def sample_latent(self, seed: int, member: Tensor, condition: Tensor, steps: int) -> Tensor:
        """Standardised latents [n, z, y/8, x/8] by Heun's method from the keyed noise."""
        noise = [self.noise(seed, int(member[i]), condition[i]) for i in range(len(member))]
        s = noise_levels(steps, self.gamma_low, self.gamma_high, self.rho)
        features = condition_features(condition, self.year_mean, self.year_scale)
        ocean = latent_ocean(self.ocean)[0]
        y = torch.stack(noise) * float(s[0])
        for i in range(steps - 1):
            now, after = float(s[i]), float(s[i + 1])
            slope = (y - self.denoise(y, now, features, ocean)) / now
            predicted = y + (after - now) * slope
            corrected = (predicted - self.denoise(predicted, after, features, ocean)) / after
            y = y + (after - now) * 0.5 * (slope + corrected)
        return self.denoise(y, float(s[steps - 1]), features, ocean)

    def denoise(self, y: Tensor, s: float, features: Tensor, ocean: Tensor) -> Tensor:
        """D(y; s): the denoised latent, zero where there is no ocean."""
        gamma = torch.full([len(y)], s, dtype=torch.float64, device=y.device).log().mul(-2.0).to(torch.float32)
        z = y * torch.sigmoid(gamma).sqrt()[:, None, None, None]  # alpha y
        return denoised_from_v(z, self.denoiser(z, gamma, features, ocean), gamma) * self.cells

    def noise(self, seed: int, member: int, condition: Tensor) -> Tensor:
        """Standard normal latent [z, y/8, x/8] of one key; an unconditional sample has year and day 0."""
        year, day = 0, 0
        if len(condition) == 2:
            year, day = int(condition[0]), int(condition[1])
        shape = self.latent_mean.shape
        count = shape[0] * shape[1] * shape[2]
        flat = standard_normal(count, seed, member, year, day, self.LATENT_STREAM, self.latent_mean.device)
        return flat.reshape(shape) * self.cells[0]
