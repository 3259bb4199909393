# SPDX-License-Identifier: MIT
"""Modes of an ensemble for ensemble assimilation: its mean, EOFs and singular values, as PDAF_SampleEns takes them.

The state is one vector: concentration at all points, then volume over area. With x_i the n members and m their mean,
the singular value decomposition of (x_i - m) / sqrt(n - 1) is U S V^T, so that U S^2 U^T is their covariance. Each
variable is first divided by its own standard deviation, over members and points, and U multiplied with it afterwards.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np

from icegen.archive.format import Description
from icegen.ensemble.points import PointIce, PointRequest
from icegen.files import replacing
from icegen.version import __version__

VARIABLES = ("sic", "sit")


@dataclass(frozen=True, eq=False)
class Modes:
    """mean: float64 [state];  vectors: float64 [mode, state];  values: singular, descending, float64 [mode].

    share: of the variance of the normalised members that the modes have.
    """

    mean: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    share: float


def modes_of(members: Iterable[PointIce], rank: int) -> Modes:
    """The leading ``rank`` modes of the members. Raises ValueError if they have fewer, or do not differ."""
    states = np.stack([np.stack([ice.area, ice.volume]) for ice in members])  # [member, variable, point]
    count = len(states)
    require_rank(rank, count)
    mean = states.mean(0)
    deviations = (states - mean) / np.sqrt(count - 1)
    scale = np.sqrt((deviations**2).sum(0).mean(1))[:, None]
    if not (scale > 1e-9).all():
        raise ValueError("the members are all the same at these points; wanted points at which their ice differs")
    u, s, _ = np.linalg.svd((deviations / scale).reshape(count, -1).T, full_matrices=False)
    vectors = (u[:, :rank].T.reshape(rank, *mean.shape) * scale).reshape(rank, -1)
    return Modes(mean.ravel(), vectors, s[:rank], float((s[:rank] ** 2).sum() / (s**2).sum()))


def require_rank(rank: int, members: int) -> None:
    """Raise ValueError if so many members do not have so many modes."""
    if members < 2:
        raise ValueError(f"members is {members}; wanted at least 2")
    if not 1 <= rank < members:
        raise ValueError(f"rank is {rank}; wanted 1 to {members - 1}, one less than the {members} members")


def write(
    path: Path,
    modes: Modes,
    lon: np.ndarray,
    lat: np.ndarray,
    archive: Description,
    request: PointRequest,
    members: int,
) -> None:
    """Write modes as NetCDF with the names that PDAF's own models use: ``meanstate``, ``u_svd`` and ``sigma``.

    lon, lat: of the points, degrees, float64 [point].
    """
    with replacing(path) as partial, netCDF4.Dataset(partial, "w", format="NETCDF3_64BIT_OFFSET") as file:
        file.setncatts({
            "title": "Mean state, singular vectors and singular values of generated Arctic sea ice",
            "history": f"icegen {__version__}: {members} members of {request.year}, day {request.day_of_year}, seed "
            f"{request.seed}, archive {archive.metadata['name']} {archive.sha256[:12]}",
            "state": "sic of all points, then sit of all points [m]",
        })  # fmt: skip
        sizes = {"rank": len(modes.values), "dim_state": modes.mean.size, "one": 1, "point": lon.size}
        for name, size in sizes.items():
            file.createDimension(name, size)
        for name, dimensions, values in (
            ("sigma", ("rank",), modes.values),
            ("meanstate", ("one", "dim_state"), modes.mean[None]),
            ("u_svd", ("rank", "dim_state"), modes.vectors),
            ("lon", ("point",), lon),
            ("lat", ("point",), lat),
        ):
            file.createVariable(name, "f8", dimensions)[:] = values
        file["lon"].units, file["lat"].units = "degrees_east", "degrees_north"
