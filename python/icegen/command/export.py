# SPDX-License-Identifier: MIT
"""`icegen export`: from checkpoints to an archive."""

import dataclasses
import shlex
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from icegen.command.options import changes_option, device_option, out_option, path_type, precisions
from icegen.command.terminal import Bar, show_archive

if TYPE_CHECKING:
    from icegen.archive import Archive
    from icegen.training.config import Config

FITTED = ("sampler", "history", "observations")
CHANGEABLE = (*FITTED, "calibration")  # the rest of a configuration is fixed by training


@click.command()
@click.argument("run", type=path_type)
@click.option("--data", type=path_type, help="Prepared NetCDF file or Zarr folder; needed unless RUN is an archive.")
@out_option
@click.option("--name", default="", help="Name in the archive's metadata; default: that of the file.")
@click.option("--config", help="Configuration of what export sets; default: that of the training.")
@changes_option
@click.option(
    "--samples", type=click.IntRange(0), default=1, show_default=True, help="Members for each validation time."
)
@click.option(
    "--times", type=click.IntRange(1), default=48, show_default=True,
    help="The most validation times that are scored, spread over months and years.",
)  # fmt: skip
@device_option
@click.option(
    "--detail", type=path_type, help="With RUN an archive: folder of a detail network that was trained for it."
)
@click.option("--ema", type=float, help="Decay of the diffusion's averaged weights to take; default: ema_decay.")
@click.option("--backend", type=click.Choice(["torch", "aoti"]), default="torch", show_default=True,
              help="aoti: also store the networks compiled for processors like this one.")  # fmt: skip
@click.option("--precision", type=precisions,
              help="With aoti: precision of the sampler's compiled network; default: float32.")  # fmt: skip
def export(
    run: Path,
    data: Path | None,
    out: Path,
    name: str,
    config: str | None,
    changes: tuple[str, ...],
    samples: int,
    times: int,
    device: str | None,
    detail: Path | None,
    ema: float | None,
    backend: str,
    precision: str | None,
) -> None:
    """Score the models of folder RUN on the validation times and write them as one TorchScript archive.

    RUN may also be an archive. With --data, the command exports its networks again: with the constraints of the data,
    the covariance and the history that are fitted to them, and the newest contract. With --backend aoti, a copy also
    holds compiled networks.

    Example: icegen export runs/observed --data prepared.nc --out torchscript/arctic_observed.pt
    """
    import torch

    from icegen import archive, validation
    from icegen.archive import aoti
    from icegen.archive import export as exporting
    from icegen.archive.archive import require_device
    from icegen.data import prepared_file

    if backend == "torch" and precision:
        raise click.UsageError("--precision is for --backend aoti; a host chooses it in its namelist.")
    if run.is_file() and (config or ema or (changes and data is None)):
        raise click.UsageError(f"{run} is an archive, which takes no --config, no --ema, and --set only with --data.")
    if detail and not (run.is_file() and data):
        raise click.UsageError("--detail is for RUN an archive, with --data.")
    if run.is_file() and data is None and (backend == "torch" or name):
        raise click.UsageError(f"{run} is an archive, which takes --data, or --backend aoti without --name.")
    changeable = FITTED if run.is_file() else CHANGEABLE
    for change in changes:
        if not change.startswith(tuple(f"{part}." for part in changeable)):
            wanted = ", ".join(f"{part}.*" for part in changeable)
            raise click.UsageError(f"--set {change} is fixed by training; wanted one of {wanted}")
    command = shlex.join(["icegen", *sys.argv[1:]])
    with tempfile.TemporaryDirectory() as folder, Bar() as bar:
        written = run
        if data is None and not run.is_file():
            raise click.UsageError("Missing option '--data'.")
        if data is not None:
            prepared = prepared_file.load(data)
            written = out if backend == "torch" else Path(folder) / out.name
            on = require_device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
            score = partial(validation.score, samples=samples, progress=bar.wrap("scoring"), times=times, device=on)
            scoring = score if samples else None
            if run.is_file():
                source = archive.load(run)
                settings = _settings_of_archive(source, changes, detail) if changes else None
                name = name or out.stem
                exporting.export_again(source, prepared, written, name, command, settings, scoring, on, detail)
            else:
                settings = _settings(run, config, changes)
                exporting.export(run, prepared, written, name or out.stem, command, settings, scoring, ema, on)
        if backend == "aoti":
            aoti.add(written, out, precision or "float32")
    show_archive(archive.describe(out))


def _settings(run: Path, config: str | None, changes: tuple[str, ...]) -> "Config":
    """The configuration with what export fits: the one that is named, or the training's."""
    from icegen.training import config_file
    from icegen.training.checkpoints import trained_config

    return config_file.load_config(config, changes) if config else config_file.change(trained_config(run), changes)


def _settings_of_archive(source: "Archive", changes: tuple[str, ...], detail: Path | None) -> "Config":
    """The configuration of an archive, with the sampler for which a detail network was trained, changed."""
    from icegen.archive.provenance import detail_training_of
    from icegen.training import config_file
    from icegen.training.config import from_stored

    config = from_stored(source.metadata["provenance"]["configuration"], source.path)
    if detail is not None:
        config = dataclasses.replace(config, sampler=detail_training_of(detail).config.sampler)
    return config_file.change(config, changes)
