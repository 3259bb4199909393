# SPDX-License-Identifier: MIT
"""The ice of members at the points of a host, as the compiled bridge gives it to the host itself."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import numpy as np


@dataclass(frozen=True)
class PointRequest:
    """Whose ice, of which day, and how it comes to the points.

    archive: path of the file;  seed: key of the noise;  steps: of the sampler, 0 for the archive's own.
    history, years, device, precision, threads: as of the namelist of the bridge.
    distance: km within which a point on the archive's land takes its nearest ocean cell.
    blend_km: width over which the weight of the ice falls to 0 towards the end of the archive's grid.
    level: of the perturbation of the host's own ice, see `icegen.archive.Archive.perturb`; None: independent members.
    """

    archive: Path
    year: int
    day_of_year: int
    seed: int = 0
    steps: int = 0
    history: str = ""
    years: str = "given"
    device: str = "cpu"
    precision: str = "float32"
    threads: int = 1
    distance: float = 50.0
    blend_km: float = 200.0
    level: float | None = None

    @property
    def namelist(self) -> str:
        """The group of the bridge's namelist."""
        keys = asdict(self)
        for name in ("year", "day_of_year", "distance", "level"):
            del keys[name]
        return "&icegen_nml\n" + "".join(f"  {name} = {_literal(value)}\n" for name, value in keys.items()) + "/\n"


@dataclass(frozen=True, eq=False)
class PointIce:
    """The ice of a member at points, all float64 [point].

    area: part of the cell;  volume: over the area of the cell, m;  weight: 1 where this ice replaces the host's,
    less towards the end of the archive's grid, 0 where the archive has none to give.
    near_own: whether it is the host's own ice, perturbed; its distribution over categories then stays.
    """

    area: np.ndarray
    volume: np.ndarray
    weight: np.ndarray
    near_own: bool = False


class PointSource:
    """Generates members at points, one ahead of the one that is used; a context manager.

    lon, lat: degrees, float64 [point].
    own: area and volume of the host's ice, as of `PointIce`, which a request with a level perturbs.
    Raises ValueError for a request the archive cannot honour, and if icegen was installed without its bridge.
    """

    def __init__(
        self, request: PointRequest, lon: np.ndarray, lat: np.ndarray, own: tuple[np.ndarray, np.ndarray] | None = None
    ):
        try:
            from icegen.host import bridge
        except ImportError as error:
            raise ValueError(str(error)) from None
        self.request = request
        self._own = own
        with tempfile.NamedTemporaryFile("w", suffix=".nml") as file:
            file.write(request.namelist)
            file.flush()
            self._emulator = bridge.Emulator(file.name)
        try:
            self._emulator.add_target("T", lon, lat, distance=request.distance)
        except ValueError:
            self._emulator.close()
            raise

    def __enter__(self) -> "PointSource":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._emulator.close()

    def members(self, numbers: Sequence[int]) -> Iterator[PointIce]:
        """The ice of these members, in order."""
        for i, member in enumerate(numbers):
            if i == 0:
                self._ask(member, slot=1)
            if i + 1 < len(numbers):
                self._ask(numbers[i + 1], slot=1 + (i + 1) % 2)
            yield self._ice(member, slot=1 + i % 2)

    def _ask(self, member: int, slot: int) -> None:
        date = self.request.year, self.request.day_of_year
        if self.request.level is None:
            self._emulator.request(1, *date, slot=slot, first_member=member)
            return
        assert self._own is not None
        for name, values in zip(("sic", "sit"), self._own, strict=True):
            self._emulator.give("T", name, values)
        self._emulator.perturb(1, self.request.level, *date, slot=slot, first_member=member)

    def _ice(self, member: int, slot: int) -> PointIce:
        """A member, when it is generated."""

        def receive(name: str) -> np.ndarray:
            return np.nan_to_num(self._emulator.receive("T", name, member, slot=slot))

        if self.request.level is None:
            return PointIce(receive("sic"), receive("sit"), receive("blend"))
        assert self._own is not None
        area = (self._own[0] + receive("sic_increment")).clip(0, 1)
        volume = (self._own[1] + receive("sit_increment")).clip(min=0)
        there = (area > 0) & (volume > 0)
        return PointIce(np.where(there, area, 0), np.where(there, volume, 0), receive("blend"), near_own=True)


def _literal(value: object) -> str:
    """A value as a namelist has it."""
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"
