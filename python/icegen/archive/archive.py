# SPDX-License-Identifier: MIT
"""A loaded archive: samples, encodes and decodes Arctic sea-ice states."""

import io
import warnings
from calendar import isleap
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from icegen.archive.cf_dataset import Origin, to_dataset
from icegen.archive.format import Description, read, require_sha256

PRECISIONS = ("float32", "bfloat16")


class Archive:
    """A loaded archive: samples, encodes and decodes Arctic sea-ice states.

    precision: of the denoiser's products, of `PRECISIONS`.
    """

    def __init__(
        self, description: Description, module: torch.jit.ScriptModule, device: torch.device, precision: str = "float32"
    ):
        self.description = description
        self.metadata = description.metadata
        self.grid = description.grid
        self.variables = description.variables
        self.sha256 = description.sha256
        self.path = description.path
        self.module = module
        self.device = device
        self.precision = precision

    @property
    def default_steps(self) -> int:
        return self.metadata["sampler"]["steps"]

    def sample(
        self,
        members: int | Iterable[int] = 1,
        *,
        seed: int = 0,
        year: int | None = None,
        day_of_year: int | None = None,
        steps: int | None = None,
    ) -> xr.Dataset:
        """Generate states as a CF-compliant xarray.Dataset with dimensions (realization, y, x).

        members: how many (numbered from 1), or the member numbers themselves.
        year, day_of_year: the date; leave out both for samples of the whole record (unconditional).
        steps: noise levels of the sampler; the archive's own by default.
        Raises ValueError for a request the archive cannot honour.
        """
        numbers = list(range(1, members + 1)) if isinstance(members, int | np.integer) else [int(m) for m in members]
        states = self.generate(numbers, seed=seed, year=year, day_of_year=day_of_year, steps=steps)
        origin = self.origin(seed, self.default_steps if steps is None else steps)
        return to_dataset(states.cpu().numpy(), origin, numbers, year, day_of_year)

    def origin(self, seed: int, steps: int) -> Origin:
        """What a dataset of this archive's states says of where they come from."""
        return Origin(self.description, seed, steps, self.precision)

    def generate(
        self,
        members: list[int],
        *,
        seed: int = 0,
        year: int | None = None,
        day_of_year: int | None = None,
        steps: int | None = None,
    ) -> Tensor:
        """The states themselves: float32 [member, variable, y, x], physical units, 0 on land."""
        steps = self.default_steps if steps is None else steps
        self.check_request(members, seed, year, day_of_year, steps)
        numbers = torch.tensor(members, dtype=torch.int64, device=self.device)
        key = [] if year is None else [year, day_of_year]
        conditions = torch.tensor([key] * len(members), dtype=torch.int64, device=self.device).reshape(len(members), -1)
        # One by one, so that the bits of a member do not depend on its companions.
        states = []
        with torch.inference_mode():
            for member, condition in zip(numbers.split(1), conditions.split(1), strict=True):
                with autocast(self.precision, self.device):
                    latent = self.module.sample_latent(seed, member, condition, steps)
                states.append(self.module.decode(latent, self.module.latent_noise))
        return torch.cat(states)

    def encode(self, state: Tensor) -> Tensor:
        """States float32 [n, variable, y, x] in physical units to standardised latents [n, z, y/8, x/8]."""
        with torch.inference_mode():
            return self.module.encode(state.to(self.device))

    def decode(self, latent: Tensor, noise: float = 0.0) -> Tensor:
        """Standardised latents [n, z, y/8, x/8] to states float32 [n, variable, y, x] in physical units.

        noise: how noisy the latents are, over the deviation of the encoder's latents: ``module.latent_noise`` for
            sampled ones, 0 for encoded ones.
        """
        with torch.inference_mode():
            return self.module.decode(latent.to(self.device), noise)

    def check_request(
        self, members: list[int], seed: int, year: int | None, day_of_year: int | None, steps: int
    ) -> None:
        """Raise ValueError if the archive cannot honour a request; nothing is generated."""
        if not members or min(members) < 1 or max(members) >= 2**31:
            raise ValueError(f"members are {members or 0}; wanted at least one, numbered from 1")
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed is {seed}; wanted 0 to 2^63 - 1")
        if steps < 1:
            raise ValueError(f"steps is {steps}; wanted at least 1")
        if year is None and day_of_year is None:
            return
        if not self.metadata["condition"]:
            raise ValueError(f"year is {year} and day_of_year {day_of_year}; this archive takes no date")
        for entry, value in zip(self.metadata["condition"], (year, day_of_year), strict=True):
            first, last = entry["range"]
            if value is None or not first <= value <= last:
                raise ValueError(f"{entry['id']} is {value}; this archive takes {first} to {last}")
        if day_of_year == 366 and year is not None and not isleap(year):
            raise ValueError(f"day_of_year is 366; the year {year} has 365 days")


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Within it, matrix products and convolutions are of a precision of `PRECISIONS`, all else is of float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def load(path: str | Path, device: str = "cpu", sha256: str | None = None, precision: str = "float32") -> Archive:
    """Load an archive.

    precision: of the denoiser's products, of `PRECISIONS`; the decoder's are of float32.
    sha256: pins it: the 64 hexadecimal digits that `icegen info` shows.
    Raises ValueError if the file is missing, damaged, of a contract we do not know, or another than the pinned one;
    before any of its code is read.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; wanted {' or '.join(PRECISIONS)}")
    description, content = read(path)
    if sha256 is not None:
        require_sha256(description, sha256)
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise ValueError(f"device is {device!r}; wanted cpu, cuda or cuda:N") from None
    if kind == "cuda" and (torch.device(device).index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device is {device!r}; this machine offers {torch.cuda.device_count()} CUDA devices")
    if kind == "cuda":  # fused kernels replace others after the first calls, and with them the last bits of a sample
        torch._C._jit_set_texpr_fuser_enabled(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            module = torch.jit.load(io.BytesIO(content), map_location=device)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"{path} holds no model that torch {torch.__version__} loads: {reason}") from None
    return Archive(description, module.to(torch.float32).eval(), torch.device(device), precision)
