# SPDX-License-Identifier: MIT
"""The command line as a whole: the group of commands, and how they end.

Errors are one line and a non-zero exit; `--debug` shows where they come from. Commands import what they need when they
run, because torch is slow to import.
"""

import logging
import os
import signal
import sys
import warnings

import click

from icegen.command.bench import bench
from icegen.command.export import export
from icegen.command.info import info
from icegen.command.plot import plot
from icegen.command.prepare import prepare
from icegen.command.sample import sample
from icegen.command.terminal import errors
from icegen.command.train import train
from icegen.command.validate import validate
from icegen.ensemble.ranks import RankError, launched
from icegen.version import __version__


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
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def commands(debug: bool) -> None:
    """Generated Arctic sea ice: from data to a trained archive, and what came of it."""


for command in (prepare, train, export, sample, validate, info, plot, bench):
    commands.add_command(command)


if __name__ == "__main__":
    main()
