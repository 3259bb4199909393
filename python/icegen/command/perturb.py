# SPDX-License-Identifier: MIT
"""`icegen perturb`: an ensemble near a host's own ice."""

from pathlib import Path

import click

from icegen.command.options import device_option, load_archive, out_option, path_type, precision_option


@click.command()
@click.argument("state", type=path_type)
@click.option(
    "--level", type=float, required=True,
    help="0 to 1: spread of the members over that of samples of the date; 0 is the state itself.",
)  # fmt: skip
@click.option(
    "--members",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of members; they are numbered from 1.",
)
@out_option
@click.option(
    "--archive", type=click.Path(), help="Path of an archive, or name of a shipped one; default: arctic_observed."
)
@click.option("--time", type=int, default=0, show_default=True, help="Number of the time in the file, from 0.")
@click.option("--increments", is_flag=True, help="Write the differences to the state instead, as sic_increment.")
@click.option("--seed", type=int, default=0, show_default=True, help="Key of the noise.")
@click.option("--steps", type=int, help="Noise levels of the sampler; default: the archive's.")
@click.option("--condition-years", default="given", show_default=True,
              help="Years outside the archive's range: given refuses them, held takes the first or last year of the "
              "range, a year takes the place of all years.")  # fmt: skip
@device_option
@precision_option
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
def perturb(
    state: Path,
    level: float,
    members: int,
    out: Path,
    archive: str | None,
    time: int,
    increments: bool,
    seed: int,
    steps: int | None,
    condition_years: str,
    device: str | None,
    precision: str,
    threads: int,
) -> None:
    """Generate states near the ice of a NetCDF file, at its date.

    STATE is a CF file of any grid, like those that `icegen prepare cf` reads. Its fields are interpolated to the grid
    of the archive. What the file lacks is filled from the date and from the cells around. Member 0 of the result is the
    state itself on the archive's grid.

    Example: icegen perturb analysis.nc --level .3 --members 20 --out near.nc
    """
    from icegen.archive.given import state_of
    from icegen.files import replacing, require_folder

    require_folder(out)
    loaded = load_archive(archive, device, precision, threads, 0)
    fields, (year, day) = state_of(state, loaded.description, time)
    dataset = loaded.perturb(
        fields, range(members + 1), level=level, seed=seed, steps=steps,
        year=year if loaded.metadata["condition"] else None,
        day_of_year=day if loaded.metadata["condition"] else None,
        years=int(condition_years) if condition_years.isdecimal() else condition_years,
    )  # fmt: skip
    if increments:
        for v in loaded.variables:
            field = dataset[v.id]
            difference = (field - field.sel(realization=0)).assign_attrs(field.attrs)
            difference.attrs["long_name"] = f"increment of {v.long_name}"
            difference.attrs.pop("standard_name", None)
            difference.encoding = field.encoding
            dataset[f"{v.id}_increment"] = difference
        dataset = dataset.drop_vars([v.id for v in loaded.variables]).isel(realization=slice(1, None))
    with replacing(out) as partial:
        dataset.to_netcdf(partial)
    click.echo(out)
