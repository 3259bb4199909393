# SPDX-License-Identifier: MIT
"""`icegen export`: from checkpoints to an archive."""

import shlex
import sys
import tempfile
from functools import partial
from pathlib import Path

import click

from icegen.command.options import out_option, path_type, precisions, settings_named
from icegen.command.terminal import Bar, show_archive


@click.command()
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
    from icegen import archive, validation
    from icegen.archive import aoti
    from icegen.archive import export as exporting
    from icegen.data import prepared_file

    if backend == "torch" and precision:
        raise click.UsageError("--precision is for --backend aoti; a host chooses it in its namelist.")
    if run.is_file() and (backend == "torch" or data or name or config):
        raise click.UsageError(f"{run} is an archive, which takes --backend aoti without --data, --name or --config.")
    command = shlex.join(["icegen", *sys.argv[1:]])
    settings = settings_named(config) if config else None
    with tempfile.TemporaryDirectory() as folder, Bar() as bar:
        written = run
        if not run.is_file():
            if data is None:
                raise click.UsageError("Missing option '--data'.")
            prepared = prepared_file.load(data)
            written = out if backend == "torch" else Path(folder) / out.name
            score = partial(validation.score, samples=samples, progress=bar.wrap("scoring")) if samples else None
            exporting.export(run, prepared, written, name or out.stem, command, settings, score)
        if backend == "aoti":
            aoti.add(written, out, precision or "float32")
    show_archive(archive.describe(out))
