# SPDX-License-Identifier: MIT
"""A model's samples on demand, kept on disk so that an interrupted validation can continue."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch

from icegen.archive import CONTRACT, Archive
from icegen.archive.archive import sample_latent
from icegen.archive.dates import history_named
from icegen.archive.key import ResolvedKey
from icegen.files import replacing
from icegen.model.generative_model import GenerativeModel

if TYPE_CHECKING:
    from icegen.host import bridge

PARTS = ("noise", "solve", "encode", "decode", "decode_mean", "cut", "features", "latent_noise")


@dataclass(frozen=True)
class SampleKey:
    """One sample: the member's number and its date, or no date for a sample without condition."""

    member: int
    year: int | None = None
    day_of_year: int | None = None

    @property
    def name(self) -> str:
        date = "free" if self.year is None else f"{self.year}_{self.day_of_year:03d}"
        return f"{date}_member{self.member:04d}"


class SampleSource:
    """Samples of one model with one seed, number of steps, and precision.

    model: a module with the methods and attributes of the archive's contract.
    folder: where latents are kept, one file each; without it, none are kept. A latent is a pure function of model,
        seed, steps, precision and request, and a file's name holds only the request: use another folder for each
        combination of the others.
    """

    def __init__(
        self,
        model: GenerativeModel | torch.jit.ScriptModule,
        seed: int,
        steps: int,
        device: torch.device | str = "cpu",
        folder: Path | None = None,
        precision: str = "float32",
        contract: int = CONTRACT,
    ):
        missing = [name for name in PARTS if not hasattr(model, name)]
        if missing:
            raise ValueError(f"the archive lacks {missing[0]}; export it again with this version of icegen")
        self.model = model
        self.seed = seed
        self.steps = steps
        self.contract = contract
        self.device = torch.device(device)
        self.precision = precision
        self.folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def sample(self, key: SampleKey) -> tuple[np.ndarray, np.ndarray | None]:
        """The state, and the state before it is cut to its bounds; each float32 [variable, y, x], physical units."""
        latent = torch.from_numpy(self._load_or_make(key, self._latent))[None].to(self.device)
        with torch.inference_mode():
            mean = self.model.decode_mean(latent, self.model.latent_noise)
            return _array(self.model.cut(mean)[0]), _array(mean[0])

    def close(self) -> None:
        """Free the resources of sampling."""

    def reconstruct(self, state: np.ndarray) -> np.ndarray:
        """A state [variable, y, x] encoded and decoded."""
        with torch.inference_mode():
            return _array(self.model.decode(self.model.encode(self._batch(state)))[0])

    def latent(self, state: np.ndarray) -> np.ndarray:
        """Latent [z, y/f, x/f] of a state [variable, y, x]."""
        with torch.inference_mode():
            return _array(self.model.encode(self._batch(state))[0])

    def features(self, state: np.ndarray) -> np.ndarray:
        """Features [feature] of a state [variable, y, x]; none if the model has no encoder for them."""
        with torch.inference_mode():
            return _array(self.model.features(self._batch(state))[0])

    def _batch(self, state: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(state, np.float32))[None].to(self.device)

    def _latent(self, key: SampleKey) -> np.ndarray:
        date = (key.year, key.day_of_year)
        condition = [day for day in date if day is not None]
        resolved = ResolvedKey(self.seed, date, condition, self.steps, history_named(None, self.contract))
        latent = sample_latent(self.model, self.contract, self.device, self.precision, key.member, resolved)
        return _array(latent[0])

    def _load_or_make(self, key: SampleKey, make: Callable[[SampleKey], np.ndarray]) -> np.ndarray:
        """The array of a request from its file; made, and written there, if the file does not exist."""
        path = self.folder / f"{key.name}.npy" if self.folder else None
        if path is not None and path.exists():
            with contextlib.suppress(EOFError, ValueError):  # a file that was cut short is made anew
                return np.load(path)
        made = make(key)
        if path is not None:
            with replacing(path) as partial, partial.open("wb") as file:
                np.save(file, made)
        return made


class BridgeSampleSource(SampleSource):
    """Samples generated with the compiled library, as in a coupled run, at the centres of the archive's cells.

    States before they are cut to their bounds are not available. Call `close` after use.
    """

    def __init__(self, archive: Archive, seed: int, steps: int, folder: Path):
        super().__init__(archive.module, seed, steps, archive.device, folder, archive.precision, archive.contract)
        self.archive = archive
        self._hosts: dict[str, bridge.Emulator] = {}
        self._namelists = TemporaryDirectory(prefix="icegen_")

    def sample(self, key: SampleKey) -> tuple[np.ndarray, np.ndarray | None]:
        return self._load_or_make(key, self._received), None

    def close(self) -> None:
        for host in self._hosts.values():
            host.close()
        self._namelists.cleanup()

    def _received(self, key: SampleKey) -> np.ndarray:
        host = self._host("none" if key.year is None else "date")
        host.request(1, key.year or 1, key.day_of_year or 1, first_member=key.member)
        fields = [host.receive("cells", v.id, key.member) for v in self.archive.variables]
        return np.nan_to_num(np.stack(fields).astype(np.float32).reshape(-1, *self.archive.grid.shape))

    def _host(self, condition: str) -> "bridge.Emulator":
        from icegen.host import bridge

        if condition not in self._hosts:
            namelist = Path(self._namelists.name) / f"{condition}.nml"
            history = history_named(None if condition == "date" else "independent", self.archive.contract)
            namelist.write_text(
                f"&icegen_nml\n  archive = '{self.archive.path}'\n  condition = '{condition}'\n"
                f"  history = '{history}'\n  seed = {self.seed}\n"
                f"  steps = {self.steps}\n  device = '{self.device}'\n"
                f"  precision = '{self.precision}'\n  threads = {torch.get_num_threads()}\n/\n"
            )
            host = self._hosts[condition] = bridge.Emulator(namelist)
            host.add_target("cells", *self.archive.grid.lonlat)
        return self._hosts[condition]


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.float().cpu().numpy()
