# SPDX-License-Identifier: MIT
"""The command line: the group of commands, and how they end.

An error prints one line and ends with a non-zero status; `--debug` shows the traceback. Commands import modules when
they run, because torch is slow to import.
"""

import logging
import os
import signal
import sys
import warnings

import click

from icegen.command.bench import bench
from icegen.command.export import export
from icegen.command.export_modes import export_modes
from icegen.command.info import info
from icegen.command.perturb import perturb
from icegen.command.plot import plot
from icegen.command.prepare import prepare
from icegen.command.restart import restart
from icegen.command.sample import sample
from icegen.command.terminal import errors
from icegen.command.train import train
from icegen.command.validate import validate
from icegen.ensemble.ranks import RankError, launched
from icegen.version import __version__


def main() -> None:
    """Run the command line. Errors print one line and end with status 1."""
    debug = "--debug" in sys.argv
    handler = _show_log()
    warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # sent by batch systems; an exit removes partial files
    try:
        status = commands([a for a in sys.argv[1:] if a != "--debug"], prog_name="icegen", standalone_mode=False)
        sys.stdout.flush()  # while an error can still be reported
        sys.exit(status)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (ValueError, OSError, RankError) as error:
        if debug:
            raise
        if _first_rank():  # an error on one rank is raised on all
            errors.print(f"icegen: {' '.join(str(error).split())}", markup=False)
        _drop_output_that_cannot_be_written()
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        errors.print("icegen: interrupted")
        sys.exit(130)
    finally:
        logging.getLogger("icegen").removeHandler(handler)


def _show_log() -> logging.Handler:
    """Print what the package logs, after its name. Other libraries print their own."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("icegen: %(message)s"))
    log = logging.getLogger("icegen")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return handler


def _first_rank() -> bool:
    """Whether this is the first process of a launch, by MPI, by torchrun or by Lightning Fabric."""
    return launched()[0] == 0 and all(os.environ.get(name, "0") == "0" for name in ("RANK", "NODE_RANK", "LOCAL_RANK"))


def _drop_output_that_cannot_be_written() -> None:
    """Otherwise Python tries to write it at exit, and ends with another status."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group()
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def commands(debug: bool) -> None:
    """Generated Arctic sea ice: prepare data, train, export an archive, sample, validate."""


for command in (prepare, train, export, sample, perturb, restart, export_modes, validate, info, plot, bench):
    commands.add_command(command)


if __name__ == "__main__":
    main()
