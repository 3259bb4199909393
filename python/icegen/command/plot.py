# SPDX-License-Identifier: MIT
"""`icegen plot`: maps and the seasonal cycle, or a film."""

from pathlib import Path

import click

from icegen.command.options import out_option, path_type


@click.command()
@click.argument("path", type=path_type)
@out_option
@click.option("--archive", type=click.Path(), help="Archive, path or name, whose observed extent to draw behind.")
@click.option(
    "--variables",
    help="Ids of the variables on the maps, with commas between; drift draws siu and siv as arrows. "
    "Default: the first two.",
)
@click.option("--month", type=click.IntRange(1, 12), help="Month of the maps; by default March and September.")
@click.option("--film", is_flag=True, help="Draw all times of the first member as a .gif or, with ffmpeg, an .mp4.")
@click.option(
    "--dpi",
    type=click.IntRange(min=1),
    help="Pixels per inch: 200 by default in a picture, which is 9 inches wide, and 100 in a film.",
)
def plot(
    path: Path, out: Path, archive: str | None, variables: str | None, month: int | None, film: bool, dpi: int | None
) -> None:
    """Draw maps and the seasonal cycle of extent, from a file of samples or of a host.

    \b
    Example: icegen plot ensemble/seaice_2007.nc --archive arctic_observed --out seaice.png
             icegen plot ensemble/seaice_2007.nc --variables sit --month 9 --out thickness.png
             icegen plot ensemble/seaice_2007.nc --film --out year.gif
             icegen plot demo_output/seaice.nc --archive torchscript/arctic_observed.pt --out demo_output/seaice.png
    """
    from icegen import archive as archives
    from icegen.archive import shipped
    from icegen.maps import film as filming
    from icegen.maps import plot as plotting

    if film and (archive or month):
        raise click.UsageError("--film shows all times and no observed range; it takes no --archive and no --month.")
    reference = archives.describe(shipped.find(archive)).metadata["reference"] if archive else None
    names = [name.strip() for name in variables.split(",")] if variables else None
    if film:
        filming.film(path, out, names, dpi or filming.DPI)
    else:
        plotting.plot(path, out, reference, names, month, dpi or plotting.DPI)
    click.echo(out)
