# SPDX-License-Identifier: MIT
"""`icegen sample`: an ensemble on disk."""

from pathlib import Path

import click

from icegen.command.options import device_option, load_archive, path_type, precision_option, years_in
from icegen.command.terminal import Bar


@click.command()
@click.option("--members", type=int, default=1, show_default=True, help="Number of members; they are numbered from 1.")
@click.option(
    "--years",
    callback=lambda context, parameter, text: None if text is None else years_in(context, parameter, text),
    help="Years or ranges of years, such as 1990:2000,2007; not needed for an archive without a condition.",
)
@click.option("--out", type=path_type, required=True, help="Folder of the files; it is created if it does not exist.")
@click.option(
    "--archive", type=click.Path(), help="Path of an archive, or name of a shipped one; default: arctic_observed."
)
@click.option("--dates", default="monthly", show_default=True, help="monthly (the 15th), daily, or 03-15,09-15.")
@click.option("--seed", type=int, default=0, show_default=True, help="Key of the noise.")
@click.option("--steps", type=int, help="Noise levels of the sampler; default: the archive's.")
@click.option(
    "--history",
    type=click.Choice(["continuous", "independent"]),
    help="continuous: the dates of a member follow one another as in the record; independent: they do not.  "
    "[default: continuous if the archive knows it]",
)
@click.option(
    "--condition-years",
    default="given",
    show_default=True,
    help="Years outside the archive's range: given refuses them, held takes the first or last year of the range, "
    "a year takes the place of all years.",
)
@click.option("--observations", type=path_type,
              help="Table (.csv or .nc) of what was observed at the one date, which the members shall agree with: "
              "longitude, latitude, variable, value, error, radius.")  # fmt: skip
@click.option("--single", is_flag=True, help="Write one file instead of one for each year.")
@device_option
@precision_option
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads of each rank.")
def sample(
    members: int,
    years: list[int] | None,
    out: Path,
    archive: str | None,
    dates: str,
    seed: int,
    steps: int | None,
    history: str | None,
    condition_years: str,
    observations: Path | None,
    single: bool,
    device: str | None,
    precision: str,
    threads: int,
) -> None:
    """Generate an ensemble as CF NetCDF files, seaice_YEAR.nc. Files that exist already are kept.

    Without --years, members of an archive without a condition have no date, and are in seaice.nc.

    If started by mpirun, the ranks share the work, and each rank uses its own GPU if there are GPUs. A member of a date
    does not depend on the number of ranks.

    \b
    Example: icegen sample --members 3 --years 2007 --out ensemble
             mpirun -n 8 icegen sample --members 100 --years 1990:2000 --out ensemble
    """
    from icegen.archive.observations import observations_of
    from icegen.ensemble.generation import UNDATED, EnsembleRequest, dates_of, write_ensemble
    from icegen.ensemble.ranks import join

    days = UNDATED if years is None else dates_of(years, dates)
    if observations is not None and len(days) != 1:
        raise ValueError(f"observations belong to one date; --years and --dates give {len(days)}")
    ranks = join()
    with ranks.agreeing():
        loaded = load_archive(archive, device, precision, threads, ranks.local_rank)
        if years is None and loaded.metadata["condition"]:
            first, last = loaded.metadata["condition"][0]["range"]
            raise ValueError(f"there is no year; wanted --years within {first}:{last}, which the archive takes")
        observed = None if observations is None else observations_of(observations, loaded.description)
    request = EnsembleRequest(
        members,
        days,
        seed,
        loaded.default_steps if steps is None else steps,
        history,
        int(condition_years) if condition_years.isdecimal() else condition_years,
        observed,
    )
    if ranks.rank > 0:
        write_ensemble(loaded, request, out, ranks, single=single)
        return
    with Bar() as bar:
        show = bar.reporter("sampling")
        paths = write_ensemble(
            loaded, request, out, ranks, single=single, report=lambda done, total: show(done, total, {})
        )
    for path in paths:
        click.echo(path)
