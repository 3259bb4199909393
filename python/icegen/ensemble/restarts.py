# SPDX-License-Identifier: MIT
"""Restarts of a host, one for each member: copies of the host's own file with other ice, shared among MPI ranks.

The files of member 7 are in the folder member_007, under the names that the template's have. The folder appears when
its files are complete; one that exists already is kept if it is of the same request. At the end, a list names the
first file of each member, a path in a line, as DART's input_state_file_list takes it.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import netCDF4
import numpy as np

from icegen.archive.format import Description
from icegen.ensemble.points import PointIce, PointRequest, PointSource
from icegen.ensemble.ranks import Ranks
from icegen.files import replacing
from icegen.version import __version__

log = logging.getLogger(__name__)

REQUEST_FILE = "icegen_restarts.json"
LIST_FILE = "members.txt"


class Template(Protocol):
    """A host's restart, as a module of this room reads it; ``write`` makes another with the ice of a member.

    files: those that make up the template.  settings: what else its ice depends on.
    points: longitude and latitude of the cells whose ice it takes, degrees, float64 [point].
    own: area and volume of its ice there, over the area of the cell, 1 and m, float64 [point].
    """

    @property
    def files(self) -> Sequence[Path]: ...
    @property
    def settings(self) -> dict[str, Any]: ...
    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]: ...
    @property
    def own(self) -> tuple[np.ndarray, np.ndarray]: ...
    def write(self, folder: Path, ice: PointIce, note: str) -> None:
        """Write the restart into a folder under the template's names. note: where the ice comes from, one line."""


def write_restarts(
    template: Template,
    archive: Description,
    request: PointRequest,
    members: int,
    out: Path,
    ranks: Ranks,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Write the restarts of members 1 to ``members`` into folders of ``out``, which is made if it does not exist.

    Collective over the ranks. Returns the paths of each member's first file.
    report: called on the first rank with the number of its members done, and of all its members.
    Raises RankError on all ranks if there is an error on one; without MPI, the ValueError or OSError itself.
    """
    numbers = list(range(1, members + 1))
    with ranks.agreeing():
        if members < 1:
            raise ValueError(f"members is {members}; wanted at least 1")
        if ranks.rank == 0:
            _claim(out, _identity(template, archive, request))
    todo = ranks.first_says([m for m in numbers if not folder_of(out, m).exists()])
    if len(todo) < members and ranks.rank == 0:
        log.info("%d of %d members exist already", members - len(todo), members)
    mine = todo[ranks.rank :: ranks.size]
    try:
        with ranks.agreeing():
            if mine:
                _write(template, archive, request, mine, out, report)
    except Exception:
        if ranks.rank == 0:
            _release(out)
        raise
    paths = [folder_of(out, m) / template.files[0].name for m in numbers]
    with ranks.agreeing():
        if ranks.rank == 0:
            with replacing(out / LIST_FILE) as partial:
                partial.write_text("".join(f"{path.absolute()}\n" for path in paths))
    return paths


def folder_of(out: Path, member: int) -> Path:
    """The folder of a member's files."""
    return out / f"member_{member:03d}"


def _write(
    template: Template, archive: Description, request: PointRequest, members: list[int], out: Path,
    report: Callable[[int, int], None],
) -> None:  # fmt: skip
    own = None if request.level is None else template.own
    with PointSource(request, *template.points, own) as source:
        for done, (member, ice) in enumerate(zip(members, source.members(members), strict=True), start=1):
            partial = out / f".member_{member:03d}.partial"
            partial.mkdir()
            note = (
                f"icegen {__version__}: ice of {request.year}, day {request.day_of_year}, of member {member}, "
                f"seed {request.seed}, archive {archive.metadata['name']} {archive.sha256[:12]}"
                + ("" if request.level is None else f", near the template's own at level {request.level:g}")
            )
            try:
                template.write(partial, ice, note)
                os.replace(partial, folder_of(out, member))
            except (OSError, RuntimeError) as error:  # netCDF4 raises either
                free = shutil.disk_usage(out).free
                raise OSError(
                    f"member {member} cannot be written to {out}, with {free / 1e6:.0f} MB free on its disk: {error}"
                ) from error
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            report(done, len(members))


def _identity(template: Template, archive: Description, request: PointRequest) -> dict[str, Any]:
    """All that the files depend on but the member, as JSON holds it."""
    keys: dict[str, Any] = {
        "year": request.year,
        "day_of_year": request.day_of_year,
        "seed": request.seed,
        "steps": request.steps,
    }
    keys |= {"history": request.history, "years": request.years, "precision": request.precision}
    keys |= {"distance": request.distance, "blend_km": request.blend_km, "perturb": request.level}
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in template.files}
    return {"archive": archive.sha256, **keys, **template.settings, "template": digests}


def _claim(out: Path, identity: dict[str, Any]) -> None:
    """Make the folder, and clear what killed runs left in it. ValueError if it holds the members of another request."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"folder {out} cannot be created: {error.strerror}") from None
    for abandoned in out.glob(".member_*.partial"):
        shutil.rmtree(abandoned)
    path = out / REQUEST_FILE
    if not any(out.glob("member_*")):
        with replacing(path) as partial:
            partial.write_text(json.dumps(identity, indent=1) + "\n")
        return
    try:
        there = json.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"{out} holds members, but not {REQUEST_FILE}; choose another folder") from None
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from None
    for name in identity | there:
        if there.get(name) != identity.get(name):
            raise ValueError(
                f"{out} holds another request: its {name} is {there.get(name)}, wanted {identity.get(name)}; "
                "remove it, or choose another folder"
            )


def _release(out: Path) -> None:
    """Leave nothing of a request that failed before its first member."""
    if not any(out.glob("member_*")):
        (out / REQUEST_FILE).unlink(missing_ok=True)
        with suppress(OSError):  # it holds other files
            out.rmdir()


@contextmanager
def edited_copy(template: Path, folder: Path, note: str) -> Iterator[netCDF4.Dataset]:
    """A copy of a NetCDF template in a folder, under its name, open to be changed. note: a line for its history."""
    path = folder / template.name
    shutil.copyfile(template, path)
    path.chmod(0o644)
    with netCDF4.Dataset(path, "a") as file:
        file.set_auto_maskandscale(False)
        before = getattr(file, "history", "")
        file.history = note + (f"\n{before}" if before else "")
        yield file


def replace_values(file: netCDF4.Dataset, ocean: np.ndarray, fields: Mapping[str, np.ndarray]) -> None:
    """Replace fields [..., point] of a file at the ocean cells, bool [y, x], of its last two axes."""
    for name, values in fields.items():
        whole = file[name][...]
        whole[..., ocean] = values
        file[name][...] = whole
