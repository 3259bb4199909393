# SPDX-License-Identifier: MIT
"""`icegen plot`: maps and the seasonal cycle."""

from pathlib import Path

import click

from icegen.command.options import out_option, path_type


@click.command()
@click.argument("path", type=path_type)
@out_option
@click.option("--archive", type=click.Path(), help="Archive, path or name, whose observed extent to draw behind.")
def plot(path: Path, out: Path, archive: str | None) -> None:
    """Draw maps of March and September and the seasonal cycle of extent, from a file of samples or of a host.

    \b
    Example: icegen plot ensemble/seaice_2007.nc --archive arctic_observed --out seaice.png
             icegen plot demo_output/seaice.nc --archive torchscript/arctic_observed.pt --out demo_output/seaice.png
    """
    from icegen import archive as archives
    from icegen.archive import shipped
    from icegen.maps import plot as plotting

    reference = archives.describe(shipped.find(archive)).metadata["reference"] if archive else None
    plotting.plot(path, out, reference)
    click.echo(out)
