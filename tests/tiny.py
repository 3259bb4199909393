# SPDX-License-Identifier: MIT
"""A tiny archive, trained for a moment on made-up ice: `python tests/tiny.py FOLDER` writes it and its damaged kin."""

import datetime
import json
import sys
import warnings
from pathlib import Path

import netCDF4
import numpy as np
import pyproj
import torch

from icegen import archive, validation
from icegen.archive import export
from icegen.archive.rebuild import rebuild
from icegen.data import prepared_file
from icegen.data.sources.cf import CFFile
from icegen.training import checkpoints, trainings
from icegen.training.config_file import load_config

ROWS, COLUMNS, SPACING = 40, 56, 100e3  # unequal, so that a swapped axis shows; m

CONFIG = load_config("tiny")


def write_source(path: Path, years=range(2000, 2004)) -> Path:
    """A CF file of sic (percent) and sit (m) with a season, one missing patch, and 2003 to validate on."""
    x = (np.arange(COLUMNS) - (COLUMNS - 1) / 2) * SPACING
    y = ((ROWS - 1) / 2 - np.arange(ROWS)) * SPACING
    radius = np.hypot(*np.meshgrid(x, y)) / 1e6
    rng = np.random.default_rng(0)
    with netCDF4.Dataset(path, "w") as nc:
        for name, size in (("time", None), ("y", ROWS), ("x", COLUMNS)):
            nc.createDimension(name, size)
        for name, values in (("x", x), ("y", y)):
            axis = nc.createVariable(name, "f8", (name,))
            axis.setncatts({"units": "km", "standard_name": f"projection_{name}_coordinate"})
            axis[:] = values / 1000
        nc.createVariable("crs", "i4").setncatts(pyproj.CRS("EPSG:6931").to_cf())
        time = nc.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-01-01"
        sic = nc.createVariable("ice", "f4", ("time", "y", "x"), fill_value=-1.0)
        sic.setncatts({"standard_name": "sea_ice_area_fraction", "units": "%"})
        sit = nc.createVariable("sit", "f4", ("time", "y", "x"))
        sit.setncatts({"standard_name": "sea_ice_thickness", "units": "m"})
        split = nc.createVariable("split", "S1", ("time",))
        for t, (year, month) in enumerate((year, month) for year in years for month in range(12)):
            time[t] = netCDF4.date2num(datetime.datetime(year, month + 1, 15), time.units)
            edge = 1.6 + 0.5 * np.cos(2 * np.pi * (month - 2) / 12) + 0.1 * rng.standard_normal()
            concentration = np.clip(3 * (edge - radius), 0, 1)
            concentration[:2, :2] = -0.01
            sic[t] = 100 * concentration
            sit[t] = np.clip(1.5 * (edge - radius), 0, None) * (1 + 0.1 * rng.standard_normal())
            split[t] = b"v" if year == years[-1] else b"t"
    return path


def make(folder: Path) -> Path:
    """Everything from the source to the archive, in seconds. Returns the archive's path."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    prepared = prepared_file.load(
        prepared_file.prepare(CFFile(write_source(folder / "source.nc")), folder / "prepared.nc")
    )
    for name in (checkpoints.AUTOENCODER_FILE, checkpoints.FEATURES_FILE, checkpoints.DIFFUSION_FILE):
        (folder / name).unlink(missing_ok=True)  # of an earlier run
    for train in (trainings.train_autoencoder, trainings.train_features, trainings.train_diffusion):
        train(CONFIG, prepared, trainings.Run(folder))
    path = folder / "tiny.pt"
    export.export(folder, prepared, path, name="tiny", score=validation.score)
    (folder / "icegen.nml").write_text(f"&icegen_nml archive = '{path}', seed = 7 /\n")
    return path


def make_detailed(path: Path, folder: Path) -> None:
    """In ``folder``, which holds the prepared data: the archive ``path`` with a detail network, detailed.pt."""
    prepared, loaded = prepared_file.load(folder / "prepared.nc"), archive.load(path)
    trainings.train_detail(CONFIG, rebuild(loaded)[0], prepared, trainings.Run(folder))
    export.export_again(loaded, prepared, folder / "detailed.pt", name="detailed", detail=folder)
    (folder / "icegen.nml").write_text(f"&icegen_nml archive = '{folder / 'detailed.pt'}', seed = 7 /\n")


class FirstContract(torch.nn.Module):
    """The module of an archive, with the methods of contract 1: noise is keyed by the condition."""

    def __init__(self, model: torch.jit.ScriptModule):
        super().__init__()
        self.model = model
        self.conditional = bool(model.conditional)
        self.latent_noise = float(model.latent_noise)

    def forward(self, seed: int, member: torch.Tensor, condition: torch.Tensor, steps: int) -> torch.Tensor:
        return self.decode(self.sample_latent(seed, member, condition, steps), self.latent_noise)

    @torch.jit.export
    def sample_latent(self, seed: int, member: torch.Tensor, condition: torch.Tensor, steps: int) -> torch.Tensor:
        return self.solve(self.noise(seed, member, condition), condition, steps)

    @torch.jit.export
    def noise(self, seed: int, member: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        time = torch.zeros_like(member)
        if condition.shape[1] > 0:
            time = 1024 * condition[:, 0] + condition[:, 1]
        return self.model.noise(seed, member, time, False)

    @torch.jit.export
    def solve(self, noise: torch.Tensor, condition: torch.Tensor, steps: int) -> torch.Tensor:
        return self.model.solve(noise, condition, steps)

    @torch.jit.export
    def decode(self, latent: torch.Tensor, noise: float = 0.0) -> torch.Tensor:
        return self.model.decode(latent, noise)


def make_first_contract(path: Path) -> None:
    """Beside ``path``: the same archive as contract 1 had it."""
    description = archive.describe(path)
    module = torch.jit.script(FirstContract(torch.jit.load(str(path))))
    metadata = {k: v for k, v in description.metadata.items() if k not in ("consistency", "history")}
    archive.save(path.parent / "first_contract.pt", module, metadata | {"contract": 1}, description.grid)


def make_damaged(path: Path) -> None:
    """Beside ``path``: a truncated archive, one with a flipped byte, and one of a contract from the future."""
    content = bytearray(path.read_bytes())
    (path.parent / "truncated.pt").write_bytes(content[: len(content) // 2])
    content[len(content) // 3] ^= 1
    (path.parent / "flipped.pt").write_bytes(content)
    (path.parent / "text.pt").write_text("This is no archive.\n" * 10)
    description = archive.describe(path)
    module = torch.jit.load(str(path))
    archive.save(path.parent / "future.pt", module, description.metadata | {"contract": 99}, description.grid)


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    made = make(Path(sys.argv[1]))
    make_first_contract(made)
    make_damaged(made)
    sys.stdout.write(json.dumps({"archive": str(made), "bytes": made.stat().st_size}) + "\n")
