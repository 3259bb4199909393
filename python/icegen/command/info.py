# SPDX-License-Identifier: MIT
"""`icegen info`: the description of an archive."""

import click

from icegen.command.terminal import show_archive


@click.command()
@click.argument("archive", type=click.Path(), required=False)
def info(archive: str | None) -> None:
    """Show the description in an archive: variables, grid, conditions, origin, scores.

    ARCHIVE is a path or the name of a shipped archive; default: arctic_observed.

    Example: icegen info torchscript/arctic_observed.pt
    """
    from icegen import archive as archives
    from icegen.archive import shipped

    show_archive(archives.describe(shipped.find(archive)))
