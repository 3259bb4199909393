# SPDX-License-Identifier: MIT
"""The Fortran code that a host model runs, driven from Python: open, targets, request, receive.

    from mpi4py import MPI
    from icegen import bridge

    with bridge.Emulator("icegen.nml", MPI.COMM_WORLD) as ice:
        ice.add_target("T", lon, lat)
        ice.request(members=3, year=2007, day_of_year=258)
        sic = ice.receive("T", "sic", member=1)

Importing it raises ImportError if the package was installed without its compiled part, and names what is missing.
"""

from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from icegen.host.installation import bridge_folder, missing_for_build

NAME = "_icegen_flat"


class BridgeError(ValueError):
    """An error that the bridge returned; ``status`` is one of ``icegen_status`` in icegen.h."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class Emulator:
    """A source of generated sea ice. All methods are collective over its communicator; they raise BridgeError.

    namelist: path of the file with the group ``&icegen_nml``.
    comm: communicator of mpi4py, which is duplicated; by default the one of this process alone.
    """

    def __init__(self, namelist: str | PathLike, comm: "MPI.Comm | None" = None):
        self._sizes: dict[str, int] = {}
        self._handle = _call("open", (MPI.COMM_SELF if comm is None else comm).py2f(), fspath(namelist))

    def __enter__(self) -> "Emulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_target(self, name: str, lon: ArrayLike, lat: ArrayLike, *, distance: float = 0.0) -> None:
        """Name a set of points at which this rank wants fields. lon, lat: degrees, of any shape; empty is allowed.

        distance: km; a point that is land in the archive takes the nearest ocean cell within it.
        """
        points = [np.ascontiguousarray(a, np.float64).ravel() for a in (lon, lat)]
        _call("add_target", self._open, name, *points, distance)
        self._sizes[name] = points[0].size

    def remove_target(self, name: str) -> None:
        """Forget a set of points and free its memory. Its name may be given to another."""
        _call("remove_target", self._open, name)
        del self._sizes[name]

    def request(self, members: int, year: int, day_of_year: int, *, slot: int = 1, first_member: int = 1) -> None:
        """Ask for a sample; returns at once. It takes the place of the request before it in its slot."""
        _call("request", self._open, members, year, day_of_year, slot, first_member)

    def give(self, target: str, variable: str, values: ArrayLike, valid: ArrayLike | None = None) -> None:
        """Give one field of the host's own ice, near which `perturb` generates states.

        target: as given to `add_target`.
        variable: of the archive, such as ``sic``; each is given once for a perturbation.
        values: in the archive's units and within its bounds, of the shape of the target's points.
        valid: false where a point is left out, such as a halo's or one on land; by default, points with NaN are.
        All ranks together give each point once.
        """
        values = np.ascontiguousarray(values, np.float64).ravel()
        given = ~np.isnan(values) if valid is None else np.asarray(valid, bool).ravel()
        _call("give", self._open, target, variable, values, given.astype(np.int32))

    def perturb(
        self, members: int, level: float, year: int, day_of_year: int, *, slot: int = 1, first_member: int = 1
    ) -> None:
        """Ask for states near the ice that was given since the last perturbation; returns at once, as `request` does.

        level: 0, the given state, to 1, where members are as far from it as those of `request` from each other.
        Member 0 is the given state as the archive's grid has it; a variable such as ``sic_increment`` is the difference
        to it.
        """
        _call("perturb", self._open, members, level, year, day_of_year, slot, first_member)

    def observe(
        self, target: str, variable: str, values: ArrayLike, errors: ArrayLike, valid: ArrayLike | None = None
    ) -> None:
        """Pass observations of a variable, with which the members of `analyse` agree.

        target: as given to `add_target`.
        variable: of the archive, such as ``sic``; of drift, ``siu_east`` and ``siv_north``, both with the same errors.
        values: in the archive's units and within its bounds, of the shape of the target's points.
        errors: standard deviation of each value's error, 0.001 to 10 in the same unit; one number if all are the same.
        valid: false where a point is left out; by default, points with NaN are.
        All ranks together pass each observation once. Calls for other targets, other variables, or the same again, add
        to what was observed since the last analysis.
        """
        values = np.ascontiguousarray(values, np.float64).ravel()
        deviations = np.full(values.shape, errors) if np.ndim(errors) == 0 else np.asarray(errors, np.float64).ravel()
        taken = ~np.isnan(values) if valid is None else np.asarray(valid, bool).ravel()
        _call("observe", self._open, target, variable, values, deviations, taken.astype(np.int32))

    def analyse(self, members: int, year: int, day_of_year: int, *, slot: int = 1, first_member: int = 1) -> None:
        """Ask for a sample whose members agree with what was observed since the last analysis, within its errors.

        Returns at once, as `request` does.
        """
        _call("analyse", self._open, members, year, day_of_year, slot, first_member)

    def ready(self, slot: int = 1) -> bool:
        """Whether the request in a slot is done, without waiting for it."""
        return bool(_call("test", self._open, slot))

    def receive(self, target: str, variable: str, member: int, *, slot: int = 1) -> np.ndarray:
        """One field at this rank's points of a target, float64 [n], NaN where the archive has no ocean; waits."""
        size = self._sizes.get(target, 0)
        values, valid = np.full(size, np.nan), np.zeros(size, np.int32)
        _call("receive", self._open, target, variable, member, slot, values, valid)
        return values

    def close(self) -> None:
        """Free the emulator, waiting for a generation under way. Closing a closed one does nothing."""
        if self._handle:
            _call("close", self._handle)
            self._handle = 0

    @property
    def _open(self) -> int:
        if not self._handle:
            raise BridgeError(1, "the emulator is closed")
        return self._handle


def fill_categories(area: ArrayLike, volume: ArrayLike, bounds: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Spread ice over thickness categories: area and volume of each, float64 [category, n].

    area, volume: of the ice of each point over the area of its cell, [n], 1 and m.  bounds: of the categories, m,
    from the first lower one to the last upper one. Sums are conserved. Raises BridgeError.
    """
    area, volume, bounds = (np.ascontiguousarray(a, np.float64).ravel() for a in (area, volume, bounds))
    filled = [np.zeros((area.size, max(bounds.size - 1, 0)), np.float64, order="F") for _ in range(2)]
    _call("fill_categories", area, volume, bounds, *filled)
    return filled[0].T, filled[1].T


def _call(name: str, *arguments: Any) -> Any:
    """Call a procedure of icegen_flat; returns its result, if it has one. Raises BridgeError."""
    *result, status, message = getattr(_flat, f"f90wrap_icegen_flat__bridge_{name}")(*arguments)
    if status != 0:
        raise BridgeError(status, message.decode(errors="replace").strip())
    return result[0] if result else None


def _load() -> Any:
    """The compiled module: in the package, or in the build folder of a checkout."""
    try:
        folder = bridge_folder() / "lib"
        path = next(path for suffix in EXTENSION_SUFFIXES if (path := folder / (NAME + suffix)).is_file())
    except (FileNotFoundError, StopIteration):
        lacking = missing_for_build()
        wanted = f"install {' and '.join(lacking)}, then" if lacking else "all that it needs is here now:"
        raise ImportError(
            f"icegen was installed without its Fortran bridge; {wanted} "
            "pip install --force-reinstall --no-deps --no-build-isolation ."
        ) from None
    loader = ExtensionFileLoader(NAME, str(path))
    module = module_from_spec(ModuleSpec(NAME, loader, origin=str(path)))
    loader.exec_module(module)
    return module


_flat = _load()
try:
    from mpi4py import MPI
except (ImportError, RuntimeError) as _error:
    raise ImportError(f"icegen.bridge needs mpi4py: {_error}") from None
_ours, _theirs = (  # such as "Open MPI v4.1.4, ..." or "MPICH Version: 4.0.2" and more lines
    text.strip().splitlines()[0].split(",")[0]
    for text in (_flat.f90wrap_icegen_flat__mpi_library().decode(), MPI.Get_library_version())
)
if _ours != _theirs:  # handles of one MPI crash another
    raise ImportError(f"icegen's bridge was built with {_ours}; mpi4py runs {_theirs}")
