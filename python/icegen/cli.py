# SPDX-License-Identifier: MIT
"""The command line: prepare, train, export, sample, validate, info, plot.

Errors are one line and a non-zero exit; `--debug` shows where they come from.
"""

import contextlib
import json
import logging
import os
import shlex
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

import icegen
from icegen.ranks import RankError, launched
from icegen.terminal import Bar, errors, show_archive

if TYPE_CHECKING:
    from icegen.archive import Archive
    from icegen.config import Config
    from icegen.grid import Grid
    from icegen.sources import Source

Command = Callable[..., None]

path_type = click.Path(path_type=Path)
precisions = click.Choice(["float32", "bfloat16"])  # those of icegen.archive, which is slow to import
data_option = click.option("--data", type=path_type, required=True, help="Prepared NetCDF file.")
out_option = click.option("--out", type=path_type, required=True, help="File to write.")


def main() -> None:
    """Run the command line, turning refusals into one line and exit status 1."""
    debug = "--debug" in sys.argv
    logging.basicConfig(level=logging.WARNING, format="icegen: %(message)s")
    logging.getLogger("icegen").setLevel(logging.INFO)
    warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # batch systems send it: nothing is left half-written
    try:
        status = commands([a for a in sys.argv[1:] if a != "--debug"], prog_name="icegen", standalone_mode=False)
        sys.stdout.flush()  # while a failure can still be told
        sys.exit(status)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (ValueError, OSError, RankError) as error:
        if debug:
            raise
        if launched()[0] == 0:  # what one rank finds, all say
            errors.print(f"icegen: {' '.join(str(error).split())}", markup=False)
        _drop_output_that_cannot_be_written()
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        errors.print("icegen: interrupted")
        sys.exit(130)


def _drop_output_that_cannot_be_written() -> None:
    """Python would try it again at exit, and end with another status."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group()
@click.version_option(icegen.__version__)
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def commands(debug: bool) -> None:
    """Generated Arctic sea ice: from data to a trained archive, and what came of it."""


def _years(context: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    """The years that an option such as 2010:2014,2016 names."""
    try:
        spans = [[int(end) for end in span.split(":")] for span in text.split(",") if span]
        return [year for first, *last in spans for year in range(first, (last or [first])[0] + 1)]
    except ValueError:
        name = str(parameter.name).replace("_", " ")
        raise ValueError(f"{name} are {text!r}; wanted years or ranges of them, such as 2010:2014,2016") from None


def _variables_option(default: str) -> Callable[[Command], Command]:
    return click.option("--variables", default=default, show_default=True,
                        callback=lambda context, parameter, text: [name.strip() for name in text.split(",")],
                        help="Ids of variables, with commas between.")  # fmt: skip


def _split_options(validation: str, test: str) -> Callable[[Command], Command]:
    """The options that split years off from training."""
    found = "the file's own split" if not validation else None

    def add(command: Command) -> Command:
        for name, default in (("test", test), ("validation", validation)):
            command = click.option(
                f"--{name}-years", default=default, show_default=found or True, callback=_years,
                help=f"Years for {name}, not for training, such as 2010:2014,2016.",
            )(command)  # fmt: skip
        return command

    return add


@commands.group()
def prepare() -> None:
    """Turn a source of states into training data: units, bounds, gaps, split, statistics."""


def _grid(context: click.Context, parameter: click.Parameter, text: str) -> "Grid | None":
    """The grid that an option such as ease2:512:12.5 names; None for the file's own."""
    from icegen.grid import ease2_north

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
    from icegen import data

    with Bar() as bar:
        data.prepare(source, out, validation_years, test_years, bar.wrap("preparing"))
    click.echo(out)


@prepare.command()
@click.argument("file", type=path_type)
@out_option
@_variables_option("sic,sit")
@click.option("--grid", default="native", show_default=True, callback=_grid,
              help="native, or ease2:CELLS:KM, the central cells of EASE-Grid 2.0 North.")  # fmt: skip
@_split_options(validation="", test="")
def cf(file: Path, out: Path, variables: list[str], grid: "Grid | None", **years: list[int]) -> None:
    """From a CF NetCDF file, with names by CF standard_name.

    Example: icegen prepare cf arctic_monthly.nc --out prepared.nc
    """
    from icegen.sources.cf import CFFile

    _prepare(CFFile(file, variables, grid), out, **years)


@prepare.command()
@click.argument("folder", type=path_type)
@out_option
@_variables_option("sic,sit,sid,siu,siv")
@_split_options(validation="2015", test="2016:2018")
def nextsim(folder: Path, out: Path, variables: list[str], **years: list[int]) -> None:
    """From a folder of neXtSIM's Moorings_YYYYmMM.nc on CREG025.

    Example: icegen prepare nextsim nextsim/ --out nextsim.nc
    """
    from icegen.sources.nextsim import NextSIM

    _prepare(NextSIM(folder, variables), out, **years)


@prepare.command()
@out_option
@click.option("--size", type=int, default=512, show_default=True, help="Cells along either axis; a multiple of 8.")
@click.option("--spacing", type=float, default=12.5, show_default=True, help="Width of a cell, km.")
@click.option("--years", default="1995:2018", show_default=True, callback=_years, help="Years to make states for.")
@click.option("--states-per-month", type=int, default=3, show_default=True, help="At even intervals.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is random.")
@_split_options(validation="2015", test="2016:2018")
def idealised(
    out: Path, size: int, spacing: float, years: list[int], states_per_month: int, seed: int, **split: list[int]
) -> None:
    """From nothing: idealised states of five variables, to compare methods on; shows how near they come to neXtSIM's.

    Example: icegen prepare idealised --size 128 --spacing 50 --out idealised.nc
    """
    from icegen.sources.idealised import Idealised

    _prepare(Idealised(size, spacing * 1000, years, states_per_month, seed), out, **split)
    _show_figures(out)


def _show_figures(path: Path, most: int = 240) -> None:
    """Print the figures of an idealised set beside those of neXtSIM; of ``most`` of its times, evenly spread."""
    from icegen import data
    from icegen.grid import Grid
    from icegen.sources.targets import figures

    prepared = data.load(path, in_memory=0)
    assert isinstance(prepared.grid, Grid)
    times = range(0, len(prepared.month), -(-len(prepared.month) // most))
    table = Table("of the idealised states", "value", "neXtSIM", "wanted", "", box=None, padding=(0, 2, 0, 0))
    for row in figures(prepared.state, prepared.grid, prepared.month, times, [v.id for v in prepared.variables]):
        within = f"{row.low:.3g} to {row.high:.3g}"
        table.add_row(row.name, f"{row.value:.3g}", f"{row.target:.3g}", within, "" if row.holds else "out")
    Console(highlight=False).print(table)


@commands.group()
def train() -> None:
    """Train the models of an archive: autoencoder (and its decoder further), features (for scores), diffusion."""


def _settings(config: str) -> "Config":
    """A configuration by the name of a shipped one, or from a file."""
    from icegen.config import load_config

    shipped = resources.files("icegen") / "configs" / f"{config}.yaml"
    return load_config(str(shipped) if "/" not in config and shipped.is_file() else config)


def _training_command(name: str, run_name: str, help_text: str) -> None:
    @train.command(name, help=f"{help_text}\n\nExample: icegen train {name} --data prepared.nc --out runs/observed")
    @data_option
    @click.option("--out", type=path_type, required=True, help="Folder of checkpoints and loss curves.")
    @click.option("--config", default="observed", show_default=True, help="A YAML file, or the name of a shipped one.")
    @click.option("--resume", is_flag=True, help="Go on from the folder's last checkpoint.")
    @click.option("--accelerator", default="auto", show_default=True, help="cpu, cuda, ..., as Lightning Fabric says.")
    @click.option("--devices", default="auto", show_default=True, help="How many of them.")
    def command(data: Path, out: Path, config: str, resume: bool, accelerator: str, devices: str) -> None:
        from icegen import data as datasets
        from icegen import training

        settings = _settings(config)
        prepared = datasets.load(data)
        with Bar() as bar:
            run = training.Run(out, resume, accelerator, devices, bar.reporter(name))
            click.echo(getattr(training, run_name)(settings, prepared, run))


_training_command("autoencoder", "train_autoencoder", "Train the autoencoder.")
_training_command(
    "decoder", "train_decoder", "Train the decoder of the folder's autoencoder further; latents stay as they are."
)
_training_command("features", "train_features", "Train the small autoencoder whose latents the scores compare.")
_training_command(
    "diffusion", "train_diffusion", "Train the diffusion model, after the autoencoder of the same folder."
)


@commands.command()
@click.argument("run", type=path_type)
@click.option("--data", type=path_type, help="Prepared NetCDF file; wanted but for an archive.")
@out_option
@click.option("--name", default="", help="Name that the archive gives itself; by default the file's.")
@click.option("--config", help="Take calibration and sampler from this one; by default from the training's.")
@click.option("--samples", type=click.IntRange(0), default=1, show_default=True, help="Members per validation time.")
@click.option("--backend", type=click.Choice(["torch", "aoti"]), default="torch", show_default=True,
              help="aoti: the archive also holds its networks compiled for processors like this one.")  # fmt: skip
@click.option("--precision", type=precisions,
              help="With aoti: what the sampler's network is compiled for; by default float32.")  # fmt: skip
def export(
    run: Path,
    data: Path | None,
    out: Path,
    name: str,
    config: str | None,
    samples: int,
    backend: str,
    precision: str | None,
) -> None:
    """Score the models of folder RUN on the validation times and write them as one TorchScript archive.

    With --backend aoti, RUN may also be an archive: what is written is a copy with compiled networks.

    Example: icegen export runs/observed --data prepared.nc --out torchscript/arctic_observed.pt
    """
    from icegen import aoti, archive
    from icegen import data as datasets
    from icegen import export as exporting

    if backend == "torch" and precision:
        raise click.UsageError("--precision is for --backend aoti; a host chooses it in its namelist.")
    if run.is_file() and (backend == "torch" or data or name or config):
        raise click.UsageError(f"{run} is an archive, which takes --backend aoti without --data, --name or --config.")
    command = shlex.join(["icegen", *sys.argv[1:]])
    settings = _settings(config) if config else None
    with tempfile.TemporaryDirectory() as folder, Bar() as bar:
        written = run
        if not run.is_file():
            if data is None:
                raise click.UsageError("Missing option '--data'.")
            prepared = datasets.load(data)
            written = out if backend == "torch" else Path(folder) / out.name
            exporting.export(run, prepared, written, name or out.stem, command, samples, bar.wrap("scoring"), settings)
        if backend == "aoti":
            aoti.add(written, out, precision or "float32")
    show_archive(archive.describe(out))


@commands.command()
@click.option("--members", type=int, default=1, show_default=True, help="How many members; they are numbered from 1.")
@click.option("--years", required=True, callback=_years, help="Years or ranges of them, such as 1990:2000,2007.")
@click.option("--out", type=path_type, required=True, help="Folder of the files; it is made if need be.")
@click.option(
    "--archive", type=click.Path(), help="Path of an archive, or name of a shipped one; by default arctic_observed."
)
@click.option("--dates", default="monthly", show_default=True, help="monthly (the 15th), daily, or 03-15,09-15.")
@click.option("--seed", type=int, default=0, show_default=True, help="Key of the noise.")
@click.option("--steps", type=int, help="Noise levels of the sampler; by default the archive's own.")
@click.option("--single", is_flag=True, help="Write one file instead of one per year.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="By default cuda where there is one.")
@click.option("--precision", type=precisions, default="float32", show_default=True,
              help="Of the sampler's networks; bfloat16 is faster where the processor has it.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads of each rank.")
def sample(
    members: int,
    years: list[int],
    out: Path,
    archive: str | None,
    dates: str,
    seed: int,
    steps: int | None,
    single: bool,
    device: str | None,
    precision: str,
    threads: int,
) -> None:
    """Generate an ensemble as CF NetCDF files, seaice_YEAR.nc. Files that are there already are kept.

    Started by mpirun, the ranks share the work, each with a GPU of its own where there are GPUs. A member of a date is
    the same whatever the number of ranks.

    \b
    Example: icegen sample --members 3 --years 2007 --out ensemble
             mpirun -n 8 icegen sample --members 100 --years 1990:2000 --out ensemble
    """
    from icegen import ranks as launch
    from icegen import sampling

    days = sampling.dates_of(years, dates)
    ranks = launch.join()
    with ranks.agreeing():
        loaded = _load(archive, device, precision, threads, ranks.local_rank)
    request = sampling.Request(members, days, seed, loaded.default_steps if steps is None else steps)
    if ranks.rank > 0:
        sampling.sample(loaded, request, out, ranks, single=single)
        return
    with Bar() as bar:
        show = bar.reporter("sampling")
        paths = sampling.sample(
            loaded, request, out, ranks, single=single, report=lambda done, total: show(done, total, {})
        )
    for path in paths:
        click.echo(path)


def _load(archive: str | None, device: str | None, precision: str, threads: int, local_rank: int) -> "Archive":
    """An archive on this rank's device."""
    import torch

    torch.set_num_threads(threads)
    if device != "cpu" and torch.cuda.is_available():
        return icegen.load(archive, f"cuda:{local_rank % torch.cuda.device_count()}", precision=precision)
    return icegen.load(archive, device or "cpu", precision=precision)


@commands.command()
@click.argument("archive")
@click.option("--reference", type=path_type, required=True, help="Prepared or CF file of real states.")
@click.option("--training", type=path_type, help="File of the training states, if the reference has none.")
@click.option("--samples", type=int, default=128, show_default=True, help="How many, spread over the dates.")
@click.option("--steps", type=int, help="Noise levels of the sampler; by default the archive's own.")
@click.option("--seed", type=int, default=0, show_default=True, help="Key of the noise.")
@click.option("--out", type=path_type, required=True, help="Folder of the report; a run that was cut goes on from it.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="By default cuda where there is one.")
@click.option("--precision", type=precisions, default="float32", show_default=True,
              help="Of the sampler's networks; bfloat16 is faster where the processor has it.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--through", type=click.Choice(["archive", "bridge"]), default="archive", show_default=True,
              help="Who generates: the archive in Python, or the compiled bridge as in a host.")  # fmt: skip
def validate(
    archive: str,
    reference: Path,
    training: Path | None,
    samples: int,
    steps: int | None,
    seed: int,
    out: Path,
    device: str | None,
    precision: str,
    threads: int,
    through: str,
) -> None:
    """Score an archive against real states: scores.json, scores.csv, and report.html with its pictures.

    The samples have the dates of the reference's states that are not of training; as many again are drawn without
    date, and some of Septembers for the trend. ARCHIVE is a path or the name of a shipped archive.

    Example: icegen validate arctic_observed --reference prepared.nc --out report
    """
    from icegen import validation

    loaded = _load(archive, device, precision, threads, 0)
    with Bar() as bar:
        outcome = validation.validate(
            loaded, reference, out, training=training, samples=samples,
            steps=loaded.default_steps if steps is None else steps, seed=seed, through=through, progress=bar.wrap,
        )  # fmt: skip
    console = Console(highlight=False)
    console.width = max(console.width, 120)
    table = Table("score", box=None, padding=(0, 2, 0, 0))
    for heading in validation.HEADINGS:
        table.add_column(heading, justify="right")
    group = ""
    for score in outcome.table.scores:
        if score.group != group:
            group = score.group
            table.add_row(f"[bold]{group}[/bold]")
        table.add_row(score.label, *validation.cells(score))
    console.print(table)
    for what, why in outcome.table.left_out.items():
        console.print(f"left out: {what}: {why}", markup=False)
    click.echo(outcome.paths[-1])


@commands.command()
@click.argument("archive", type=click.Path(), required=False)
def info(archive: str | None) -> None:
    """Show what an archive says of itself: variables, grid, conditions, origin, scores.

    ARCHIVE is a path or the name of a shipped archive; by default arctic_observed.

    Example: icegen info torchscript/arctic_observed.pt
    """
    from icegen import archive as archives
    from icegen import shipped

    show_archive(archives.describe(shipped.find(archive)))


@commands.command()
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
    from icegen import plot as plotting
    from icegen import shipped

    reference = archives.describe(shipped.find(archive)).metadata["reference"] if archive else None
    plotting.plot(path, out, reference)
    click.echo(out)


@commands.command()
@click.argument("archive", required=False)
@click.option("--quick", is_flag=True, help="Three pairs of runs for each ratio instead of eleven, up to 8 ranks.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--json", "json_path", type=path_type, help="File to write the figures to as well.")
@click.option("--docs", type=path_type, help="Folder of performance.md and scaling.md, to put the figures into.")
def bench(archive: str | None, quick: bool, threads: int, json_path: Path | None, docs: Path | None) -> None:
    """Measure what an archive costs on this machine's CPU, in Python and in hosts under MPI: time, memory, traffic.

    Ratios of two ways in alternation, each with its bound. ARCHIVE is a path or the name of a shipped archive; by
    default arctic_observed.

    Example: icegen bench --quick --json bench.json
    """
    from icegen import shipped
    from icegen.bench import report, scaling, suite
    from icegen.files import replacing

    with contextlib.ExitStack() as stack:
        file = stack.enter_context(replacing(json_path)) if json_path else None
        pages = [docs / name for name in ("performance.md", "scaling.md")] if docs else []
        for page in pages:
            report.require_block(page)
        loaded = icegen.load(shipped.find(archive))
        pairs, ranks = (3, (1, 8)) if quick else (11, suite.RANKS)
        outcome = suite.bench(loaded, threads, pairs, ranks, lambda what: errors.print(f"measuring {what}"))
        if file:
            file.write_text(json.dumps(outcome.as_dict(), indent=1))
        for page, write in zip(pages, (report.performance, scaling.scaling), strict=False):
            report.fill(page, write(outcome))
    console = Console(highlight=False)
    console.width = max(console.width, 160)
    for key, value in outcome.about.items():
        console.print(f"{key:9} {value}", markup=False)
    table = Table(*report.HEADINGS, box=None, padding=(0, 2, 0, 0))
    for row in outcome.rows.values():
        table.add_row(*report.cells(row))
    console.print()
    console.print(table)
    for what, why in outcome.left_out.items():
        console.print(f"not measured: {what}: {why}", markup=False)


if __name__ == "__main__":
    main()
