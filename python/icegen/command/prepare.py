# SPDX-License-Identifier: MIT
"""`icegen prepare`: from a source of states to a prepared file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from icegen.command.options import ids_in, out_option, path_type, split_options, variables_option, years_in
from icegen.command.terminal import Bar

if TYPE_CHECKING:
    from icegen.data.grid import Grid
    from icegen.data.sources import Source


@click.group()
def prepare() -> None:
    """Convert a source of states to training data: units, bounds, gaps, split, statistics.

    --out names a NetCDF file or, for many states, a Zarr folder whose name ends in .zarr.
    """


def _grid(context: click.Context, parameter: click.Parameter, text: str) -> "Grid | None":
    """The grid of an option such as ease2:512:12.5; None for the file's own grid."""
    from icegen.data.grid import ease2_north

    if text == "native":
        return None
    try:
        kind, size, spacing = text.split(":")
        if kind == "ease2" and int(size) > 1 and float(spacing) > 0:
            return ease2_north(int(size), float(spacing) * 1000)
    except ValueError:
        pass
    raise ValueError(f"grid is {text!r}; wanted native, or ease2:CELLS:KM such as ease2:512:12.5")


def _prepare(source: "Source", out: Path, validation_years: list[int], test_years: list[int]) -> None:
    from icegen.data import prepared_file

    with Bar() as bar:
        prepared_file.prepare(source, out, validation_years, test_years, bar.wrap("preparing"))
    click.echo(out)


@prepare.command()
@click.argument("files", nargs=-1, required=True)
@out_option
@variables_option("sic,sit")
@click.option("--grid", default="native", show_default=True, callback=_grid,
              help="native, or ease2:CELLS:KM, the central cells of EASE-Grid 2.0 North.")  # fmt: skip
@click.option("--interpolate", default="", callback=ids_in,
              help="Variables that some FILES lack: interpolated in time between the others.")  # fmt: skip
@split_options(validation="", test="")
def cf(
    files: tuple[str, ...],
    out: Path,
    variables: list[str],
    grid: "Grid | None",
    interpolate: list[str],
    **years: list[int],
) -> None:
    """From CF NetCDF files of one grid, with names by CF standard_name. FILES may be patterns such as 'model/ice_*.nc'.

    Files may hold means over different times, such as days and months, of which one training can learn together.

    \b
    Example: icegen prepare cf arctic_monthly.nc --out prepared.nc
             icegen prepare cf 'model/ice_*.nc' --validation-years 2015 --out prepared.nc
             icegen prepare cf monthly.nc daily_sic.nc --interpolate sit --out prepared.nc
    """
    from icegen.data.sources.cf import CFFile, CFFiles, files_of

    paths = files_of(files)
    unknown = sorted(set(interpolate) - set(variables))
    if unknown:
        raise ValueError(f"--interpolate names {unknown[0]}; wanted some of {', '.join(variables)}")
    source = CFFile(paths[0], variables, grid) if len(paths) == 1 else CFFiles(paths, variables, grid, interpolate)
    _prepare(source, out, **years)


@prepare.command()
@click.argument("folder", type=path_type)
@out_option
@variables_option("sic,sit,sid,siu,siv")
@split_options(validation="2015", test="2016:2018")
def nextsim(folder: Path, out: Path, variables: list[str], **years: list[int]) -> None:
    """From a folder of neXtSIM's Moorings_YYYYmMM.nc on CREG025.

    Example: icegen prepare nextsim nextsim/ --out nextsim.nc
    """
    from icegen.data.sources.nextsim import NextSIM

    _prepare(NextSIM(folder, variables), out, **years)


@prepare.command()
@out_option
@click.option("--size", type=int, default=512, show_default=True, help="Cells along each axis; a multiple of 8.")
@click.option("--spacing", type=float, default=12.5, show_default=True, help="Width of a cell, km.")
@click.option("--years", default="1995:2018", show_default=True, callback=years_in, help="Years of the states.")
@click.option(
    "--states-per-month", type=int, default=3, show_default=True, help="States in each month, at even intervals."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all random numbers.")
@split_options(validation="2015", test="2016:2018")
def idealised(
    out: Path, size: int, spacing: float, years: list[int], states_per_month: int, seed: int, **split: list[int]
) -> None:
    """Make idealised states of five variables, to compare methods. Shows how near they are to those of neXtSIM.

    Example: icegen prepare idealised --size 128 --spacing 50 --out idealised.nc
    """
    from icegen.data.sources.idealised import Idealised

    _prepare(Idealised(size, spacing * 1000, years, states_per_month, seed), out, **split)
    _show_figures(out)


def _show_figures(path: Path, most: int = 240) -> None:
    """Print the figures of an idealised set and those of neXtSIM, from at most ``most`` of its times."""
    from icegen.data import prepared_file
    from icegen.data.grid import Grid
    from icegen.data.sources.targets import figures
    from icegen.thinning import evenly

    prepared = prepared_file.load(path, in_memory=0)
    assert isinstance(prepared.grid, Grid)
    times = evenly(len(prepared.month), most).tolist()
    table = Table("of the idealised states", "value", "neXtSIM", "wanted", "", box=None, padding=(0, 2, 0, 0))
    for row in figures(prepared.state, prepared.grid, prepared.month, times, [v.id for v in prepared.variables]):
        within = f"{row.low:.3g} to {row.high:.3g}"
        table.add_row(row.name, f"{row.value:.3g}", f"{row.target:.3g}", within, "" if row.holds else "out")
    Console(highlight=False).print(table)
