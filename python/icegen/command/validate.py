# SPDX-License-Identifier: MIT
"""`icegen validate`: the scores of an archive."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from icegen.command.options import device_option, load_archive, path_type, precision_option
from icegen.command.terminal import Bar


@click.command()
@click.argument("archive")
@click.option("--reference", type=path_type, required=True, help="Prepared or CF file of real states.")
@click.option("--training", type=path_type, help="File with the training states, if the reference has none.")
@click.option("--samples", type=int, default=128, show_default=True, help="Number of samples, spread over the dates.")
@click.option("--steps", type=int, help="Noise levels of the sampler; default: the archive's.")
@click.option("--seed", "seeds", type=int, multiple=True, default=[0], show_default=True,
              help="Key of the noise; given several times: scores are means over the seeds.")  # fmt: skip
@click.option(
    "--out", type=path_type, required=True, help="Folder of the report; an interrupted run continues from it."
)
@device_option
@precision_option
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--through", type=click.Choice(["archive", "bridge"]), default="archive", show_default=True,
              help="Generate samples in Python, or with the compiled bridge as in a host.")  # fmt: skip
def validate(
    archive: str,
    reference: Path,
    training: Path | None,
    samples: int,
    steps: int | None,
    seeds: tuple[int, ...],
    out: Path,
    device: str | None,
    precision: str,
    threads: int,
    through: str,
) -> None:
    """Score an archive against real states. Writes scores.json, scores.csv, and report.html with pictures.

    Samples have the dates of the reference's states that are not for training. The same number is generated without
    date, and some Septembers for the trend. ARCHIVE is a path or the name of a shipped archive.

    Example: icegen validate arctic_observed --reference prepared.nc --out report
    """
    from icegen import validation

    loaded = load_archive(archive, device, precision, threads, 0)
    with Bar() as bar:
        outcome = validation.validate(
            loaded, reference, out, training=training, samples=samples,
            steps=loaded.default_steps if steps is None else steps, seeds=seeds, through=through, progress=bar.wrap,
        )  # fmt: skip
    console = Console(highlight=False)
    console.width = max(console.width, 140)
    table = Table("score", box=None, padding=(0, 2, 0, 0))
    for heading in validation.HEADINGS:
        table.add_column(heading, justify="right")
    group = ""
    for score in outcome.table.scores:
        if score.group != group:
            group = score.group
            table.add_row(f"[bold]{group}[/bold]")
        table.add_row(score.label, *validation.score_texts(score))
    console.print(table)
    for what, why in outcome.table.left_out.items():
        console.print(f"left out: {what}: {why}", markup=False)
    click.echo(outcome.paths[-1])
