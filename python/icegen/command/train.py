# SPDX-License-Identifier: MIT
"""`icegen train`: the models of an archive, one after the other."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from icegen.command.options import changes_option, data_option, path_type
from icegen.command.terminal import Bar

if TYPE_CHECKING:
    from icegen.model.generative_model import GenerativeModel


@click.group()
def train() -> None:
    """Train the models of an archive: autoencoder (and its decoder further), features (for scores), diffusion, and
    for an archive its detail."""


archive_option = click.option("--archive", type=path_type, required=True, help="The archive that gets the detail.")
start_option = click.option(
    "--start",
    type=path_type,
    help="Archive whose networks the training starts from, or name of a shipped one. They may have fewer latents than "
    "the configuration's; their grid and variables are those of the data.",
)


def _unchanged(command: Callable) -> Callable:
    return command


def _training_command(name: str, run_name: str, help_text: str, of_archive: bool = False, starts: bool = False) -> None:
    options = "--archive arctic.pt " if of_archive else ""
    example = f"icegen train {name} {options}--data prepared.nc --out runs/observed"

    @train.command(name, help=f"{help_text}\n\nExample: {example}")
    @(archive_option if of_archive else start_option if starts else _unchanged)
    @data_option
    @click.option("--out", type=path_type, required=True, help="Folder of checkpoints and loss curves.")
    @click.option(
        "--config", default="observed", show_default=True, help="Path of a YAML file, or name of a shipped one."
    )
    @changes_option
    @click.option("--resume", is_flag=True, help="Continue from the folder's checkpoint.")
    @click.option(
        "--accelerator", default="auto", show_default=True, help="cpu, cuda, ..., as Lightning Fabric names it."
    )
    @click.option(
        "--devices", default="auto", show_default=True, help="Number of accelerators of a node; they share each batch."
    )
    @click.option("--nodes", type=click.IntRange(1), default=1, show_default=True, help="Number of nodes.")
    @click.option("--strategy", default="auto", show_default=True, help="ddp, ..., as Lightning Fabric names it.")
    @click.option(
        "--workers",
        type=click.IntRange(0),
        help="Processes of each device that read batches ahead; default: up to 4, none if states are in memory.",
    )
    def command(
        data: Path,
        out: Path,
        config: str,
        changes: tuple[str, ...],
        resume: bool,
        accelerator: str,
        devices: str,
        nodes: int,
        strategy: str,
        workers: int | None,
        archive: Path | None = None,
        start: Path | None = None,
    ) -> None:
        from lightning_fabric.utilities import rank_zero_only

        from icegen.archive import load, shipped
        from icegen.archive.export import require_variables_and_grid
        from icegen.archive.rebuild import rebuild
        from icegen.data import prepared_file
        from icegen.training import trainings
        from icegen.training.config_file import load_config
        from icegen.training.run import Run, workers_for

        settings = load_config(config, changes)
        prepared = prepared_file.load(data)
        with Bar() as bar:
            reading = workers_for(prepared) if workers is None else workers
            run = Run(out, resume, accelerator, devices, bar.reporter(name), nodes, strategy, reading)
            given: list[GenerativeModel] = []
            started: list[GenerativeModel] = []
            for name_of_source, sampler, models in ((archive, settings.sampler, given), (start, None, started)):
                if name_of_source is not None:
                    source = load(shipped.find(name_of_source))
                    require_variables_and_grid(source, prepared)
                    models.append(rebuild(source, sampler)[0])
            path = getattr(trainings, run_name)(settings, *given, prepared, run, *started)
            rank_zero_only(click.echo)(path)


_training_command("autoencoder", "train_autoencoder", "Train the autoencoder.", starts=True)
_training_command(
    "decoder", "train_decoder", "Train the decoder of the folder's autoencoder further. Latents do not change."
)
_training_command(
    "features", "train_features", "Train the small autoencoder whose latents are the features of the scores."
)
_training_command(
    "diffusion", "train_diffusion", "Train the diffusion model, after the autoencoder of the same folder.", starts=True
)
_training_command(
    "detail",
    "train_detail",
    "Train a network that adds the detail which the last step of the sampler and the decoder leave open. The sampler "
    "is that of the configuration. The archive does not change; `icegen export --detail` writes one with this sampler "
    "and the network.",
    of_archive=True,
)
