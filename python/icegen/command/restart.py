# SPDX-License-Identifier: MIT
"""`icegen restart`: restarts of a host, one for each member, from a file of the host itself."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icegen.command.options import device_option, path_type, precision_option
from icegen.command.terminal import Bar

if TYPE_CHECKING:
    from icegen.archive import Description
    from icegen.ensemble.points import PointRequest
    from icegen.ensemble.restarts import Template

GENERATION = (
    click.option("--year", type=int, required=True, help="Year of the ice."),
    click.option("--day", "day_of_year", type=int, required=True, help="Day of the year of the ice, from 1."),
    click.option("--archive", type=click.Path(),
                 help="Path of an archive, or name of a shipped one; default: arctic_observed."),
    click.option("--seed", type=int, default=0, show_default=True, help="Key of the noise."),
    click.option("--steps", type=int, default=0, help="Noise levels of the sampler; default: the archive's."),
    click.option("--condition-years", "years", default="given", show_default=True,
                 help="Years outside the archive's range: given refuses them, held takes the first or last year of the "
                 "range, a year takes the place of all years."),
    click.option("--distance", type=float, default=50.0, show_default=True,
                 help="Kilometres within which ocean that is land in the archive takes its ice."),
    device_option,
    precision_option,
    click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads of each rank."),
)  # fmt: skip
WRITING = (
    click.option("--members", type=int, default=1, show_default=True,
                 help="Number of members; they are numbered from 1."),
    click.option("--out", type=path_type, required=True, help="Folder of the members' folders, member_001 and so on."),
    click.option("--perturb", "level", type=float, metavar="LEVEL",
                 help="Perturb the template's own ice instead: 0 keeps it, 1 has the spread of independent members."),
    click.option("--blend-km", type=float, default=200.0, show_default=True,
                 help="Width over which the template's ice takes over towards the end of the archive's grid."),
)  # fmt: skip


def generation_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of the ice of a date at a host's points."""
    for option in reversed(GENERATION):
        command = option(command)
    return command


def shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that all hosts share."""
    command = generation_options(command)
    for option in reversed(WRITING):
        command = option(command)
    return command


def point_request(archive: str | None, device: str | None, **key: Any) -> "tuple[Description, PointRequest]":
    """The archive and the request of the generation's options."""
    import torch

    from icegen.archive import describe, shipped
    from icegen.ensemble.points import PointRequest

    described = describe(shipped.find(archive))
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return described, PointRequest(described.path, device=kind, **key)


@click.group()
def restart() -> None:
    """Write restarts of a host model, one for each member: copies of its own restart with generated ice.

    The files of member 7 are in OUT/member_007 under the template's names, and OUT/members.txt lists those of all
    members. Members that exist already are kept. If started by mpirun, the ranks share the members.
    """


def _restart(open_template: "Callable[[], Template]", members: int, out: Path, **key: Any) -> None:
    """Write the members with the shared options."""
    from icegen.ensemble.ranks import join
    from icegen.ensemble.restarts import write_restarts

    ranks = join()
    with ranks.agreeing():
        described, request = point_request(**key)
        template = open_template()
    if ranks.rank > 0:
        write_restarts(template, described, request, members, out, ranks)
        return
    with Bar() as bar:
        show = bar.reporter("restarts")
        paths = write_restarts(
            template, described, request, members, out, ranks, lambda done, total: show(done, total, {})
        )
    for path in paths:
        click.echo(path)


def snow_option(command: Callable[..., None]) -> Callable[..., None]:
    """The rule for snow."""
    return click.option(
        "--snow", type=click.Choice(["template", "fifth"]), default="template", show_default=True,
        help="template: as deep as the template's on the ice of the cell, at most a third of the ice; fifth, and where "
        "the template has no ice: 20 cm, or a fifth of the ice where that is less.",
    )(command)  # fmt: skip


@restart.command()
@click.option("--template", type=path_type, required=True, help="A restart of the model, NetCDF.")
@click.option("--grid", type=path_type, required=True,
              help="File with coordinates of the model: its grid, or a history file with TLON, TLAT.")  # fmt: skip
@click.option("--mask", type=path_type, help="File with the ocean (kmt); default: that of --grid.")
@click.option("--ice-in", type=path_type,
              help="Namelist file of the model, for kcatbound, kitd and ktherm.  [default: 0, 1, 2]")  # fmt: skip
@click.option("--kcatbound", type=int, help="In place of that of --ice-in.")
@snow_option
@click.option("--distribution", type=click.Choice(["exponential", "template"]), default="exponential",
              show_default=True, help="Of thickness over the categories: that of icegen in a coupled run, "
              "or that of the template's cell, stretched.")  # fmt: skip
@shared_options
def cice(
    template: Path,
    grid: Path,
    mask: Path | None,
    ice_in: Path | None,
    kcatbound: int | None,
    snow: str,
    distribution: str,
    **shared: Any,
) -> None:
    """For CICE: area, volume, snow and contents of its thickness categories.

    \b
    Example: icegen restart cice --template iced.nc --grid grid.nc --members 20 --year 2007 --day 258 --out restarts
    """
    from icegen.ensemble.cice import CICETemplate, settings_of

    def open_template() -> CICETemplate:
        settings = settings_of(ice_in) if ice_in else {}
        if kcatbound is not None:
            settings["kcatbound"] = kcatbound
        return CICETemplate(template, grid, mask, snow=snow, distribution=distribution, **settings)

    _restart(open_template, **shared)


@restart.command()
@click.option(
    "--template", type=path_type, required=True, help="A pickup_seaice of the whole grid: its .data or .meta."
)
@click.option("--grid", type=path_type, required=True, help="Folder with the model's XC, YC and hFacC.")
@snow_option
@shared_options
def mitgcm(template: Path, grid: Path, snow: str, **shared: Any) -> None:
    """For MITgcm: area, thickness, snow and salt of pkg/seaice, with or without thickness categories.

    \b
    Example: icegen restart mitgcm --template run/pickup_seaice.0000000010.data --grid run --members 20 --year 2007 \\
               --day 258 --out restarts
    """
    from icegen.ensemble.mitgcm import MITgcmTemplate

    _restart(lambda: MITgcmTemplate(template, grid, snow=snow), **shared)


@restart.command()
@click.option("--template", type=path_type, required=True, help="A restart_ice of the whole grid.")
@click.option("--grid", type=path_type, required=True, help="The model's mesh_mask or domain_cfg.")
@click.option("--mask", type=path_type, help="File with the ocean (tmask, top_level); default: that of --grid.")
@click.option("--hi-mean", type=float, default=2.0, show_default=True, help="rn_himean of namelist_ice (ln_cat_hfn).")
@click.option("--hi-max", help="Bounds of the categories in m, 0,.3,1,2 and so on, in place of --hi-mean (ln_cat_usr).")
@snow_option
@shared_options
def si3(
    template: Path, grid: Path, mask: Path | None, hi_mean: float, hi_max: str | None, snow: str, **shared: Any
) -> None:
    """For SI3, NEMO's ice: area, volume, snow, enthalpy, salt, age and ponds of its categories.

    \b
    Example: icegen restart si3 --template restart_ice.nc --grid mesh_mask.nc --members 20 --year 2007 --day 258 \\
               --out restarts
    """
    from icegen.ensemble.si3 import SI3Template

    try:
        bounds = hi_mean if hi_max is None else [float(word) for word in hi_max.split(",")]
    except ValueError:
        raise ValueError(f"hi-max is {hi_max!r}; wanted bounds in m, separated by commas") from None
    _restart(lambda: SI3Template(template, grid, bounds, mask, snow=snow), **shared)


@restart.command()
@click.option("--template", type=path_type, required=True, help="A restart of neXtSIM-DG.")
@click.option("--grid", type=path_type, help="File with coordinates of the cells, if the restart has none.")
@snow_option
@shared_options
def nextsim(template: Path, grid: Path | None, snow: str, **shared: Any) -> None:
    """For neXtSIM-DG: concentration, thickness, snow and temperature.

    Example: icegen restart nextsim --template restart.nc --members 20 --year 2007 --day 258 --out restarts
    """
    from icegen.ensemble.nextsim import NextSIMTemplate

    _restart(lambda: NextSIMTemplate(template, grid, snow=snow), **shared)
