# SPDX-License-Identifier: MIT
"""Golden data of the shipped archives: what they generated, and where; `ci/golden` writes them anew.

golden/NAME-DIGEST.nc, DIGEST being the first digits of the archive's SHA-256, holds every 8th cell of a few samples and
the SHA-256 of each whole one. Where processor, torch and threads are those recorded, the digests must come out again;
elsewhere the fields, within a tolerance.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
import xarray as xr

import icegen
from icegen.archive import shipped
from icegen.files import replacing

FOLDER = Path(__file__).parent / "golden"
SEED = 7
STEPS = 8  # noise levels: quick; fewer amplify rounding
STRIDE = 8  # cells
# Largest and RMS difference on another machine, by units: about ten times what was measured.
TOLERANCE = {"1": (2e-5, 2e-6), "m": (1e-4, 1e-5), "m s-1": (2e-5, 2e-6)}
DETAIL = 20  # times the largest difference, where an archive has detail: its steps amplify rounding in single cells
UNKNOWN = "unknown"


def path_of(archive, folder: Path = FOLDER) -> Path:
    """Where the golden data of an archive lie. archive: loaded, or its description."""
    return folder / f"{archive.metadata['name']}-{archive.sha256[:12]}.nc"


def samples(archive, steps: int = STEPS) -> np.ndarray:
    """Member 1 of a date in the middle of those that the archive takes, if it takes any, and member 2 without a date:
    float32 [sample, variable, y, x]."""
    ranges = {entry["id"]: entry["range"] for entry in archive.metadata["condition"]}
    dates = [{"year": sum(ranges["year"]) // 2, "day_of_year": 75}, {}] if ranges else [{}]
    made = [archive.generate([m], seed=SEED, steps=steps, **date) for m, date in enumerate(dates, start=1)]
    return torch.cat(made).numpy()


def tolerance(archive, units: str) -> tuple[float, float]:
    """Largest and RMS difference that a variable of these units may have on another machine."""
    largest, rms = TOLERANCE[units]
    return (largest * DETAIL if archive.module.detail_channels else largest), rms


def digests(states: np.ndarray) -> list[str]:
    """SHA-256 of each whole sample, as little-endian float32 [variable, y, x]."""
    return [hashlib.sha256(state.astype("<f4").tobytes()).hexdigest() for state in states]


def coarse(states: np.ndarray) -> np.ndarray:
    """The cells that are kept."""
    return states[..., STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]


def setting() -> dict[str, str]:
    """What besides the key the bits of a sample depend on."""
    return {"processor": processor(), "torch": torch.__version__, "threads": str(torch.get_num_threads())}


def processor() -> str:
    """The processor's name, and a digest of what libraries choose their code by (Linux)."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return UNKNOWN
    entries = {name.strip(): text.strip() for name, _, text in (line.partition(":") for line in first.splitlines())}
    parts = [entries.get(name, "") for name in ("vendor_id", "cpu family", "model", "stepping", "cache size", "flags")]
    seen = "\n".join([*parts, torch.backends.cpu.get_cpu_capability()])
    return f"{entries.get('model name', UNKNOWN)}, {hashlib.sha256(seen.encode()).hexdigest()[:12]}"


def write(archive, states: np.ndarray, folder: Path = FOLDER) -> Path:
    """Write the golden data of an archive from its samples here."""
    path = path_of(archive, folder)
    golden = xr.Dataset({"sha256": ("sample", digests(states))}, attrs={"archive_sha256": archive.sha256} | setting())
    for i, v in enumerate(archive.variables):
        golden[v.id] = (("sample", "y", "x"), coarse(states)[:, i], {"units": v.units})
        golden[v.id].encoding = {"zlib": True, "_FillValue": None}
    with replacing(path) as partial:
        golden.to_netcdf(partial)
    return path


def departures(archive, states: np.ndarray, folder: Path = FOLDER) -> list[str]:
    """What of samples made here is not as the golden data have it, in words; empty if all is."""
    path = path_of(archive, folder)
    if not path.exists():
        return [f"there is no {path.name}: run ci/golden, look at what changed, and commit it"]
    with xr.open_dataset(path) as file:
        golden = file.load()
    found = []
    if golden.attrs["archive_sha256"] != archive.sha256:
        found.append(f"{path.name} is of the archive {golden.attrs['archive_sha256']}, this one is {archive.sha256}")
    if all(golden.attrs[name] == value for name, value in setting().items()) and processor() != UNKNOWN:
        found += [
            f"sample {i} has the digest {seen[:12]}; {wanted[:12]} was made on this very processor, torch and threads"
            for i, (seen, wanted) in enumerate(zip(digests(states), golden.sha256.values, strict=True))
            if seen != wanted
        ]
    for i, v in enumerate(archive.variables):
        difference = coarse(states)[:, i].astype(np.float64) - golden[v.id].values
        largest, rms = abs(difference).max(), np.sqrt((difference**2).mean())
        wanted_largest, wanted_rms = tolerance(archive, v.units)
        if not (largest <= wanted_largest and rms <= wanted_rms):
            found.append(
                f"{v.id} differs by up to {largest:.1e} {v.units}, RMS {rms:.1e}; "
                f"wanted at most {wanted_largest:.1e}, {wanted_rms:.1e}"
            )
    return found


def write_all(folder: Path = FOLDER) -> list[Path]:
    """Write the golden data of all shipped archives, and remove those of archives that ship no more."""
    written = []
    for name in shipped.names():
        archive = icegen.load(name)
        written.append(write(archive, samples(archive), folder))
    for path in set(folder.glob("*.nc")) - set(written):
        path.unlink()
    return written
