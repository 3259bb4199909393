# SPDX-License-Identifier: MIT
"""The archive: one TorchScript file with the whole emulator inside, self-describing and checksummed.

torchscript/README.md states the contract. The file is a zip whose comment holds the SHA-256 of all bytes before it;
``icegen.json`` and the ocean mask ride inside as extra files that can be read without running anything.
"""

import hashlib
import io
import json
import math
import re
import warnings
import zipfile
from calendar import isleap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from pyproj import CRS
from pyproj.exceptions import CRSError
from torch import Tensor

from icegen.dataset import to_dataset
from icegen.files import replacing
from icegen.grid import CurvilinearGrid, Grid
from icegen.variables import Variable

FORMAT = "icegen-archive"
CONTRACT = 1
METADATA_FILE = "icegen.json"
OCEAN_FILE = "ocean.u1"
LONLAT_FILE = "lonlat.f8"
COMMENT_PREFIX = b"icegen-archive sha256:"
COMMENT_LENGTH = len(COMMENT_PREFIX) + 64
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True, eq=False)
class Description:
    """What an archive says of itself, read without running it."""

    metadata: dict
    grid: Grid | CurvilinearGrid
    variables: tuple[Variable, ...]
    sha256: str
    path: Path


class Archive:
    """A loaded archive: samples, encodes and decodes Arctic sea-ice states.

    precision: of the denoiser's products, of `PRECISIONS`.
    """

    def __init__(
        self, description: Description, module: torch.jit.ScriptModule, device: torch.device, precision: str = "float32"
    ):
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
        return to_dataset(states.cpu().numpy(), self, numbers, seed, year, day_of_year, steps or self.default_steps)

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
                with products_in(self.precision, self.device):
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


def products_in(precision: str, device: torch.device) -> torch.autocast:
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
    description, content = _read(path)
    if sha256 is not None:
        _require_sha256(description, sha256)
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


def describe(path: str | Path) -> Description:
    """Read what an archive says of itself, after verifying its checksum, without running it."""
    return _read(path)[0]


def save(
    path: str | Path,
    module: torch.jit.ScriptModule,
    metadata: dict,
    grid: Grid | CurvilinearGrid,
    further: dict[str, bytes] | None = None,
) -> str:
    """Write an archive whole or not at all; returns its SHA-256.

    further: content of entries beside those that every archive has, by name.
    """
    extra: dict[str, str | bytes] = dict(further or {})
    extra[METADATA_FILE] = json.dumps(metadata, indent=1)
    extra[OCEAN_FILE] = grid.ocean.astype(np.uint8).tobytes()
    if not _known_by_formula(grid):
        extra[LONLAT_FILE] = np.stack(grid.lonlat).astype("<f8").tobytes()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(module, buffer, _extra_files=extra)
    content = bytearray(buffer.getvalue())
    content[-2:] = COMMENT_LENGTH.to_bytes(2, "little")  # the zip's end record closes with the comment's length
    digest = hashlib.sha256(content).hexdigest()
    with replacing(path) as partial:
        partial.write_bytes(bytes(content) + COMMENT_PREFIX + digest.encode())
    return digest


def _require_sha256(description: Description, wanted: str) -> None:
    """Raise ValueError if an archive is not the one wanted."""
    if re.fullmatch("[0-9a-fA-F]{64}", wanted) is None:
        raise ValueError(f"sha256 is {wanted!r}; wanted 64 hexadecimal digits, as `icegen info` shows")
    if description.sha256 != wanted.lower():
        raise ValueError(f"{description.path} has the SHA-256 {description.sha256[:12]}...; wanted {wanted[:12]}...")


def _known_by_formula(grid: Grid | CurvilinearGrid) -> bool:
    """Whether the bridge finds points on the grid without its coordinates: polar Lambert azimuthal equal-area maps."""
    mapping = grid.cf_grid_mapping if isinstance(grid, Grid) else {}
    name, latitude = mapping.get("grid_mapping_name"), mapping.get("latitude_of_projection_origin", 0.0)
    return name == "lambert_azimuthal_equal_area" and abs(latitude) == 90.0


def _read(path: str | Path) -> tuple[Description, bytes]:
    """Description and verified content."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"archive {path} cannot be read: {error.strerror}") from None
    comment = content[-COMMENT_LENGTH:]
    if not comment.startswith(COMMENT_PREFIX):
        raise ValueError(f"{path} is not a whole icegen archive: it does not end with its checksum")
    stated = re.sub("[^0-9a-f]", "?", comment[len(COMMENT_PREFIX) :].decode("ascii", "replace"))
    actual = hashlib.sha256(content[:-COMMENT_LENGTH]).hexdigest()
    if stated != actual:
        raise ValueError(f"{path} is damaged: its checksum is {actual[:12]}..., it says {stated[:12]}...")
    try:
        return _describe(content, actual, Path(path).absolute()), content
    except KeyError as error:
        raise ValueError(f"{path} does not follow the archive contract: it has no {error}") from None
    except (TypeError, zipfile.BadZipFile, json.JSONDecodeError, CRSError) as error:
        raise ValueError(f"{path} does not follow the archive contract: {' '.join(str(error).split())}") from None
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None


def _describe(content: bytes, sha256: str, path: Path) -> Description:
    """Interpret the header of a verified file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name.split("/extra/")[-1]: name for name in archive.namelist() if "/extra/" in name}
        metadata = json.loads(archive.read(entries[METADATA_FILE]))
        if metadata["format"] != FORMAT:
            raise ValueError(f"is of format {metadata['format']!r}; wanted {FORMAT!r}")
        if metadata["contract"] != CONTRACT:
            raise ValueError(f"follows archive contract {metadata['contract']}; this icegen reads {CONTRACT}")
        _check(metadata)
        g = metadata["grid"]
        grid: Grid | CurvilinearGrid
        ny, nx = g["shape"]
        ocean = _cells(archive.read(entries[OCEAN_FILE]), np.dtype(np.uint8), (ny, nx), OCEAN_FILE).astype(bool)
        if "mapping" in g:
            x, y = g["x0"] + g["dx"] * np.arange(nx), g["y0"] + g["dy"] * np.arange(ny)
            crs = g["mapping"]["crs_wkt"]
            CRS.from_wkt(crs)  # raises CRSError for what is none
            grid = Grid(x, y, crs, ocean)
        else:
            lonlat = _cells(archive.read(entries[LONLAT_FILE]), np.dtype("<f8"), (2, ny, nx), LONLAT_FILE)
            grid = CurvilinearGrid(lonlat[0], lonlat[1], ocean)
    return Description(
        metadata=metadata,
        grid=grid,
        variables=tuple(Variable(**entry) for entry in metadata["variables"]),
        sha256=sha256,
        path=path,
    )


def _check(metadata: dict) -> None:
    """Raise ValueError, KeyError or TypeError for what no archive of this contract says."""
    whole = {
        f"{name} of the grid": size for name, size in zip(("rows", "columns"), metadata["grid"]["shape"], strict=True)
    }
    whole["steps of the sampler"] = metadata["sampler"]["steps"]
    for name, number in whole.items():
        if type(number) is not int or number < 1:
            raise ValueError(f"has {number!r} {name}; wanted at least 1")
    if not metadata["variables"]:
        raise ValueError("has no variable; wanted at least 1")
    conditions = [condition["id"] for condition in metadata["condition"]]
    if conditions not in ([], ["year", "day_of_year"]):
        raise ValueError(f"has the conditions {conditions}; wanted year and day_of_year, or none")


def _cells(content: bytes, dtype: np.dtype, shape: tuple[int, ...], name: str) -> np.ndarray:
    """An entry with a number for each cell."""
    wanted = math.prod(shape) * dtype.itemsize
    if len(content) != wanted:
        raise ValueError(f"has {len(content)} bytes in {name}; wanted {wanted} for its grid")
    return np.frombuffer(content, dtype).reshape(shape)
