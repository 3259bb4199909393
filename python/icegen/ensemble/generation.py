# SPDX-License-Identifier: MIT
"""Ensembles on disk: the members of many dates, shared among MPI ranks, one CF NetCDF file per year or one for all.

The first rank writes state by state, so that no rank holds more than one for each rank. A file appears when it is
whole; one that is there already is kept, if it holds the same request.
"""

import logging
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date as calendar_date
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from icegen.archive import cf_dataset
from icegen.ensemble.ranks import RankError, Ranks
from icegen.files import replacing

if TYPE_CHECKING:
    from icegen.archive import Archive

log = logging.getLogger(__name__)

Date = tuple[int, int]  # year and day of year


@dataclass(frozen=True)
class EnsembleRequest:
    """What to sample: members 1 to ``members`` on each of the dates."""

    members: int
    dates: Sequence[Date]
    seed: int
    steps: int

    @property
    def numbers(self) -> list[int]:
        return list(range(1, self.members + 1))


def dates_of(years: Sequence[int], days: str) -> list[Date]:
    """Dates of each year. days: ``monthly`` (the 15th of each month), ``daily``, or ``MM-DD`` with commas between."""
    if days == "daily":
        return [(year, day) for year in years for day in range(1, calendar_date(year, 12, 31).timetuple().tm_yday + 1)]
    wanted = [f"{month:02d}-15" for month in range(1, 13)] if days == "monthly" else days.split(",")
    dates = []
    for year, day in product(years, wanted):
        try:
            dates.append((year, calendar_date.fromisoformat(f"{year:04d}-{day}").timetuple().tm_yday))
        except ValueError:
            seen = f"dates are {days!r}, and {day} is no day of {year}"
            raise ValueError(f"{seen}; wanted monthly, daily, or MM-DD with commas between") from None
    if not dates:
        raise ValueError("there is no year; wanted one at least, such as 2007")
    if len(set(dates)) < len(dates):
        raise ValueError(f"dates are {days!r}; wanted no day twice")
    return sorted(dates)


def files_of(request: EnsembleRequest, folder: Path, single: bool) -> dict[Path, EnsembleRequest]:
    """The files of a request and what each holds, in order."""
    years = sorted({year for year, _ in request.dates})
    if single:
        name = f"seaice_{years[0]}.nc" if len(years) == 1 else f"seaice_{years[0]}-{years[-1]}.nc"
        return {folder / name: request}
    return {
        folder / f"seaice_{y}.nc": EnsembleRequest(
            request.members, [d for d in request.dates if d[0] == y], request.seed, request.steps
        )
        for y in years
    }


def sample(
    archive: "Archive",
    request: EnsembleRequest,
    folder: Path,
    ranks: Ranks,
    *,
    single: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Write the files of a request into a folder, which is made if need be; returns all their paths.

    archive: loaded, the same on all ranks. Collective.
    report: called on the first rank with the number of states that are there and that are wanted.
    Raises on all ranks if anything goes wrong on one: RankError, or without MPI the ValueError or OSError itself.
    """
    files = files_of(request, folder, single)
    with ranks.agreeing():
        for year, day in request.dates:
            archive.check_request(request.numbers, request.seed, year, day, request.steps)
        todo = _missing(files, archive) if ranks.rank == 0 else None
    todo = ranks.first_says(todo)
    count = {path: len(files[path].dates) * request.members for path in files}
    total, done = sum(count.values()), sum(count[path] for path in files if path not in todo)
    keys = [(d, m) for path in todo for d, m in product(files[path].dates, request.numbers)]
    with ranks.agreeing(), closing(_states(archive, request, keys, ranks)) as states:
        if ranks.rank == 0:
            for path in todo:
                for _ in _write(path, files[path], archive, states):
                    done += 1
                    report(done, total)
        for _ in states:  # of ranks that do not write: generates, and yields nothing
            pass
    return list(files)


def _missing(files: dict[Path, EnsembleRequest], archive: "Archive") -> list[Path]:
    """The files to write. Makes the folder, clears what killed runs left there; ValueError for files in the way."""
    folder = next(iter(files)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"folder {folder} cannot be made: {error.strerror}") from None
    for path in files:
        for abandoned in folder.glob(f".{path.name}.*.partial"):
            abandoned.unlink()
    missing = [path for path, request in files.items() if not _finished(path, request, archive)]
    if len(missing) < len(files):
        log.info("%d of %d files are there already", len(files) - len(missing), len(files))
    return missing


def _finished(path: Path, request: EnsembleRequest, archive: "Archive") -> bool:
    """Whether the file is there; ValueError if it holds anything but this request."""
    if not path.exists():
        return False
    wanted = cf_dataset.header(archive.origin(request.seed, request.steps), request.numbers, _times(request))
    try:
        with xr.open_dataset(path, engine="netcdf4") as there:
            for name in ("icegen_archive_sha256", "icegen_seed", "icegen_steps", "icegen_precision"):
                if there.attrs.get(name) != wanted.attrs[name]:
                    raise ValueError(
                        f"{path} holds another request: its {name} is {there.attrs.get(name)}, "
                        f"wanted {wanted.attrs[name]}; remove it, or choose another folder"
                    )
            for name in ("time", "realization"):
                if name not in there or not np.array_equal(there[name], wanted[name]):
                    raise ValueError(
                        f"{path} holds another request: its {name} is not the wanted {_range(wanted[name].values)}; "
                        "remove it, or choose another folder"
                    )
            if any(v.id not in there for v in archive.variables):
                raise ValueError(f"{path} lacks variables of the archive; remove it, or choose another folder")
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} is in the way and cannot be read as NetCDF: {error}") from None
    return True


def _range(values: np.ndarray) -> str:
    first, last = (str(v).split("T")[0] for v in (values[0], values[-1]))
    return f"{first} to {last} ({len(values)})"


def _times(request: EnsembleRequest) -> np.ndarray:
    return np.array([cf_dataset.date(*d) for d in request.dates])


def _states(
    archive: "Archive", request: EnsembleRequest, keys: list[tuple[Date, int]], ranks: Ranks
) -> Generator[np.ndarray]:
    """On the first rank, the states float32 [variable, y, x] of all keys in order; other ranks generate their share."""
    for start in range(0, len(keys), ranks.size):
        batch = keys[start : start + ranks.size]
        state = None
        if ranks.rank < len(batch):
            (year, day), member = batch[ranks.rank]
            try:
                generated = archive.generate(
                    [member], seed=request.seed, year=year, day_of_year=day, steps=request.steps
                )
                state = np.ascontiguousarray(generated[0].cpu().numpy())
            except RuntimeError as error:  # torch: out of memory, a lost device
                reason = str(error).strip().splitlines()[-1]
                raise ValueError(f"member {member} of {year}, day {day}, cannot be generated: {reason}") from error
        ranks.agree(None)
        yield from ranks.to_first(state, len(batch))


def _write(path: Path, request: EnsembleRequest, archive: "Archive", states: Iterator[np.ndarray]) -> Iterator[None]:
    """Write one file, and yield after each state."""
    try:
        origin = archive.origin(request.seed, request.steps)
        with replacing(path) as partial, cf_dataset.create(partial, origin, request.numbers, request.dates) as file:
            for time, realization in np.ndindex(len(request.dates), request.members):
                cf_dataset.put(file, archive.description, time, realization, next(states))
                yield
    except RankError:
        raise
    except (OSError, RuntimeError) as error:  # netCDF4 raises either
        free = shutil.disk_usage(path.parent).free
        raise OSError(f"{path} cannot be written, with {free / 1e6:.0f} MB free on its disk: {error}") from error
