# SPDX-License-Identifier: MIT
"""`icegen export-modes`: the mean, EOFs and singular values of generated members, for PDAF."""

from pathlib import Path
from typing import Any

import click

from icegen.command.options import out_option, path_type
from icegen.command.restart import generation_options, point_request
from icegen.command.terminal import Bar


@click.command("export-modes")
@click.option("--grid", type=path_type, help="File with coordinates of the host; default: the ocean of the archive.")
@click.option("--mask", type=path_type, help="File with the host's ocean; default: that of --grid.")
@click.option("--members", type=int, default=100, show_default=True, help="Number of members that are generated.")
@click.option("--rank", type=int, help="Number of modes; default: one less than the members.")
@out_option
@generation_options
def export_modes(
    grid: Path | None, mask: Path | None, members: int, rank: int | None, out: Path, **shared: Any
) -> None:
    """Write modes of the ice of a date at a host's ocean points, as PDAF_SampleEns takes them.

    The state is concentration at all points, then volume over area; both are 0 where the archive has no ice to give.

    \b
    Example: icegen export-modes --grid grid.nc --members 100 --rank 20 --year 2007 --day 258 --out modes.nc
    """
    from icegen.ensemble import host_grid, modes
    from icegen.ensemble.points import PointSource
    from icegen.files import require_folder

    require_folder(out)
    described, request = point_request(**shared)
    if grid is None:
        lon, lat = (values[described.grid.ocean] for values in described.grid.lonlat)
    else:
        lon, lat = host_grid.read(grid, mask).points
    rank = members - 1 if rank is None else rank
    modes.require_rank(rank, members)
    with Bar() as bar, PointSource(request, lon, lat) as source:
        show = bar.reporter("sampling")
        ice = []
        for drawn in source.members(range(1, members + 1)):
            ice.append(drawn)
            show(len(ice), members, {})
    found = modes.modes_of(ice, rank)
    modes.write(out, found, lon, lat, described, request, members)
    click.echo(f"{out}: {rank} modes with {found.share:.0%} of the variance at {lon.size} points")
