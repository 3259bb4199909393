# SPDX-License-Identifier: MIT
"""Options that several commands share, and the conversion of their values."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from icegen.archive import Archive

Command = Callable[..., None]

path_type = click.Path(path_type=Path)
precisions = click.Choice(["float32", "bfloat16"])  # those of icegen.archive, which is slow to import
precision_option = click.option(
    "--precision", type=precisions, default="float32", show_default=True,
    help="Precision of the sampler's networks; bfloat16 is faster on processors that support it.",
)  # fmt: skip
device_option = click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: cuda if there is one.")
data_option = click.option("--data", type=path_type, required=True, help="Prepared NetCDF file or Zarr folder.")
changes_option = click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE",
    help="Change one setting of the configuration, such as sampler.steps=12; may be repeated.",
)  # fmt: skip
out_option = click.option("--out", type=path_type, required=True, help="File to write.")


def years_in(context: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    """The years of an option such as 2010:2014,2016."""
    try:
        spans = [[int(end) for end in span.split(":")] for span in text.split(",") if span]
        if any(len(span) > 2 or span[0] > span[-1] for span in spans):
            raise ValueError
        return [year for span in spans for year in range(span[0], span[-1] + 1)]
    except ValueError:
        name = str(parameter.name).replace("_", " ")
        raise ValueError(f"{name} are {text!r}; wanted years or ranges of years, such as 2010:2014,2016") from None


def ids_in(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    """The ids of an option such as sic,sit."""
    return [name.strip() for name in text.split(",") if name.strip()]


def variables_option(default: str) -> Callable[[Command], Command]:
    """The option of ids of variables."""
    return click.option("--variables", default=default, show_default=True, callback=ids_in,
                        help="Ids of the variables, separated by commas.")  # fmt: skip


def split_options(validation: str, test: str) -> Callable[[Command], Command]:
    """The options that keep years out of training."""
    found = "the file's own split" if not validation else None

    def add(command: Command) -> Command:
        for name, default in (("test", test), ("validation", validation)):
            command = click.option(
                f"--{name}-years", default=default, show_default=found or True, callback=years_in,
                help=f"Years for {name} instead of training, such as 2010:2014,2016.",
            )(command)  # fmt: skip
        return command

    return add


def load_archive(archive: str | None, device: str | None, precision: str, threads: int, local_rank: int) -> "Archive":
    """Load an archive on this rank's device."""
    import torch

    import icegen

    torch.set_num_threads(threads)
    if device != "cpu" and torch.cuda.is_available():
        return icegen.load(archive, f"cuda:{local_rank % torch.cuda.device_count()}", precision=precision)
    return icegen.load(archive, device or "cpu", precision=precision)
