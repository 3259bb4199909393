# SPDX-License-Identifier: MIT
"""A loaded archive: samples, encodes and decodes Arctic sea-ice states."""

import io
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from icegen.archive.cf_dataset import Origin, to_dataset
from icegen.archive.dates import condition_of, history_named
from icegen.archive.format import CONTRACT, Description, read, require_sha256
from icegen.archive.given import state_of
from icegen.archive.key import Key, ResolvedKey
from icegen.archive.observations import Observations, Table, observations_of
from icegen.data.consistency import ThicknessRange

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
        self._gain: tuple[Observations, list[int], Tensor] | None = None

    @property
    def contract(self) -> int:
        return self.metadata["contract"]

    @property
    def thickness(self) -> ThicknessRange | None:
        """The range of effective thickness over concentration that the archive states; None if it states none."""
        stated = self.metadata.get("consistency", {}).get("sit_over_sic")
        return ThicknessRange(stated["lower"], stated["upper"]) if stated else None

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
        history: str | None = None,
        years: str | int = "given",
        observations: Table | None = None,
    ) -> xr.Dataset:
        """Generate states as a CF-compliant xarray.Dataset with dimensions (realization, y, x).

        members: how many (numbered from 1), or the member numbers themselves.
        year, day_of_year: the date; leave out both for samples of the whole record (unconditional).
        steps: noise levels of the sampler; the archive's own by default.
        history: ``continuous``, the default of archives of contract 2: the dates of a member follow one another as the
            record's do; ``independent``, the only one of contract 1: each date is a draw of its own, and so it is for
            samples without a date.
        years: ``given``: a year outside the archive's range is refused; ``held``: it is taken as the range's first or
            last; a number: this year is taken for all dates.
        observations: what was observed at the date, see `icegen.archive.observations.observations_of`: the states are
            samples of the climate of the date, given these observations.
        Raises ValueError for a request the archive cannot honour.
        """
        key = Key(seed=seed, year=year, day_of_year=day_of_year, steps=steps, history=history, years=years)
        numbers = _numbers(members)
        observed = None if observations is None else observations_of(observations, self.description)
        states = self.generate(numbers, observations=observed, **key)
        return to_dataset(states.cpu().numpy(), self.origin(observed, **key), numbers, year, day_of_year)

    def origin(self, observations: Observations | None = None, **key: Unpack[Key]) -> Origin:
        """What a dataset of this archive's states says of where they come from."""
        resolved = self.resolve([1], **key)
        digest = observations.digest if observations else "none"
        years = str(key.get("years", "given"))
        return Origin(self.description, resolved.seed, resolved.steps, self.precision, resolved.history, years, digest)

    def generate(self, members: list[int], *, observations: Observations | None = None, **key: Unpack[Key]) -> Tensor:
        """The states themselves: float32 [member, variable, y, x], physical units, 0 on land.

        key: as of `sample`.
        """
        resolved = self.resolve(members, **key)
        latents = self._latents(members, resolved)
        # One by one, so that the bits of a member do not depend on its companions.
        with torch.inference_mode():
            if observations is None:
                return torch.cat([self.module.decode(latent, self.module.latent_noise) for latent in latents])
            self.require_observable(resolved.condition)
            value, precision = (
                torch.from_numpy(field)[None].to(self.device) for field in (observations.value, observations.precision)
            )
            gain = self._gain_of(observations, precision, resolved.condition)
            return torch.cat([
                self.module.analyse(latent, value, precision, gain, resolved.seed, member, resolved.time)
                for member, latent in zip(members, latents, strict=True)
            ])  # fmt: skip

    def _gain_of(self, observations: Observations, precision: Tensor, condition: list[int]) -> Tensor:
        """The gain of observations at a date; that of the last ones is kept for further members."""
        if self._gain is None or self._gain[:2] != (observations, condition):
            gain = self.module.kalman_gain(precision, torch.tensor([condition], dtype=torch.int64).reshape(1, -1))
            self._gain = observations, condition, gain
        return self._gain[2]

    def require_observable(self, condition: list[int]) -> None:
        """Raise ValueError if the archive takes no observations with a condition."""
        if not hasattr(self.module, "kalman_gain"):
            raise ValueError(f"{self.path} takes no observations; export it again with this version of icegen")
        if self.metadata["condition"] and not condition:
            raise ValueError("observations belong to a date; wanted year and day_of_year")

    def latents(self, members: list[int], **key: Unpack[Key]) -> Iterator[Tensor]:
        """The standardised latents of states, float32 [1, z, y/8, x/8], one member after the other."""
        return self._latents(members, self.resolve(members, **key))

    def _latents(self, members: list[int], key: ResolvedKey) -> Iterator[Tensor]:
        for member in members:
            yield sample_latent(self.module, self.contract, self.device, self.precision, member, key)

    def perturb(
        self,
        state: xr.Dataset | np.ndarray | str | Path,
        members: int | Iterable[int] = 1,
        *,
        level: float,
        seed: int = 0,
        year: int | None = None,
        day_of_year: int | None = None,
        steps: int | None = None,
        history: str | None = None,
        years: str | int = "given",
    ) -> xr.Dataset:
        """Generate states near a given one, as a dataset like that of `sample`.

        In the latent space, the departure of the state from the mean of the date is mixed with that of a sample. The
        change of the decoded state is added to the state, which so keeps the fine scales that the latents do not hold.

        state: a dataset or NetCDF file with one time, see `icegen.archive.given.state_of`; or float32 [variable, y, x]
            on the archive's grid, NaN where unknown. What is unknown is filled from the date and from the cells around.
        members: as of `sample`; member 0 is the given state itself, completed and made consistent.
        level: 0 to 1, the spread of the members over that of independent ones: 0 gives the state itself.
        year, day_of_year: the date; by default that of the state, if it has one.
        The other arguments are those of `sample`. Raises ValueError for a request the archive cannot honour.
        """
        numbers = _numbers(members)
        if not isinstance(state, np.ndarray):
            state, date = state_of(state, self.description)
            if year is None and day_of_year is None and self.metadata["condition"]:
                year, day_of_year = date
        key = Key(seed=seed, year=year, day_of_year=day_of_year, steps=steps, history=history, years=years)
        states = self.near(state, numbers, level=level, **key)
        dataset = to_dataset(states.cpu().numpy(), self.origin(**key), numbers, year, day_of_year)
        dataset.attrs["icegen_level"] = np.float64(level)
        return dataset

    @torch.inference_mode()
    def near(self, state: np.ndarray, members: list[int], *, level: float, **key: Unpack[Key]) -> Tensor:
        """The states of `perturb` themselves: float32 [member, variable, y, x], physical units, 0 on land.

        state: float32 [variable, y, x] on the archive's grid, NaN where unknown.
        key: as of `sample`.
        """
        if not hasattr(self.module, "near"):
            raise ValueError(f"{self.path} cannot perturb; wanted an archive of contract {CONTRACT}, export it again")
        wanted = (len(self.variables), *self.grid.shape)
        if state.shape != wanted:
            raise ValueError(f"state has shape {state.shape}; wanted {wanted}")
        if not 0 <= level <= 1:
            raise ValueError(f"level is {level}; wanted 0 to 1")
        resolved = self.resolve([m or 1 for m in members], **key)
        given = torch.from_numpy(np.nan_to_num(state).astype(np.float32))[None].to(self.device)
        weight = torch.from_numpy(np.isfinite(state).astype(np.float32))[None].to(self.device)
        conditions = torch.tensor([resolved.condition], dtype=torch.int64, device=self.device).reshape(1, -1)
        whole = self.module.complete(given, weight, conditions)
        latent = self.module.encode(whole)
        states = []
        for member in members:
            if member == 0 or level == 0:
                states.append(whole)
                continue
            sampled = sample_latent(self.module, self.contract, self.device, self.precision, member, resolved)
            states.append(self.module.near(whole, latent, sampled, level, conditions))
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

    def resolve(self, members: list[int], **key: Unpack[Key]) -> ResolvedKey:
        """The key of a request, with the archive's defaults filled in; nothing is generated.

        Raises ValueError if the archive cannot honour the request.
        """
        seed, year, day_of_year = key.get("seed", 0), key.get("year"), key.get("day_of_year")
        steps = key.get("steps")
        steps = self.default_steps if steps is None else steps
        if not members or min(members) < 1 or max(members) >= 2**31:
            raise ValueError(f"members are {members or 0}; wanted at least one, numbered from 1")
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed is {seed}; wanted 0 to 2^63 - 1")
        if steps < 1:
            raise ValueError(f"steps is {steps}; wanted at least 1")
        history = history_named(key.get("history"), self.contract)
        condition = condition_of(self.metadata["condition"], year, day_of_year, key.get("years", "given"))
        if self.contract == 1 and year is not None and not self.metadata["condition"]:
            raise ValueError(f"year is {year} and day_of_year {day_of_year}; this archive takes no date")
        return ResolvedKey(seed, (year, day_of_year), condition, steps, history)


def _numbers(members: int | Iterable[int]) -> list[int]:
    """Numbers of members, from how many or from the numbers themselves."""
    return list(range(1, members + 1)) if isinstance(members, int | np.integer) else [int(m) for m in members]


@torch.inference_mode()
def sample_latent(
    module: Any, contract: int, device: torch.device, precision: str, member: int, key: ResolvedKey
) -> Tensor:
    """The standardised latent [1, z, y/8, x/8] of one member from an archive's module of any contract."""
    members = torch.tensor([member], device=device)
    conditions = torch.tensor([key.condition], dtype=torch.int64, device=device).reshape(1, -1)
    with torch.autocast(device.type, enabled=False):  # noise is of float32 in any precision
        if contract == 1:
            noise = module.noise(key.seed, members, conditions)
        else:
            noise = module.noise(key.seed, members, torch.tensor([key.time], device=device), key.remembers)
    with autocast(precision, device):
        return module.solve(noise, conditions, key.steps)


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Within it, matrix products and convolutions are of a precision of `PRECISIONS`, all else is of float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def require_device(device: torch.device | str) -> torch.device:
    """The device of a name. Raises ValueError for an unknown one, and for a GPU that this machine does not have."""
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device is {device!r}; wanted cpu, cuda or cuda:N") from None
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device is {device!r}; this machine offers {torch.cuda.device_count()} CUDA devices")
    return found


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
    kind = require_device(device).type
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
