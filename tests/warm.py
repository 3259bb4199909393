# SPDX-License-Identifier: MIT
"""Python processes that have imported icegen and torch before they start, which saves some seconds of each.

`python tests/warm.py SOCKET` imports, and then forks a child for each program that is asked for at the socket. A child
has the directory, the environment, the arguments and the standard streams of the process that asks, which ends with the
child's status.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What commands and pages import when they run. None of it may start a thread or MPI, which are lost in a fork.
MODULES = (
    *("cmocean", "global_land_mask", "lightning_fabric", "matplotlib.backends.backend_agg", "netCDF4", "rich.table"),
    *("tensorboard", "torch.utils.tensorboard", "xarray"),
    *("icegen.archive.cf_dataset", "icegen.archive.export", "icegen.command.main", "icegen.data.sources.cf"),
    *("icegen.data.sources.idealised", "icegen.maps.plot", "icegen.training.trainings", "icegen.validation"),
)
LONGEST = 1 << 17  # bytes of a message: arguments, directory and environment

# Asks, and ends as the child does; it starts within hundredths of a second, since it imports no packages. A rank of an
# MPI has to be a process of its launcher, and is a new one.
CLIENT = """\
#!{python} -IS
import json, os, socket, sys

arguments = [*{arguments!r}, *sys.argv[1:]]
if any(name.startswith(("OMPI_COMM_WORLD_", "PMI_", "PMIX_")) for name in os.environ):
    os.execv({python!r}, [{python!r}, "-W", "ignore", *arguments])
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({address!r})
    message = json.dumps([arguments, os.getcwd(), dict(os.environ)])
    socket.send_fds(server, [message.encode()], [0, 1, 2])
    sys.exit(int(server.recv(16)))
"""


@contextmanager
def server(address: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run the server until the end of the block, or of this process."""
    command = [sys.executable, "-W", "ignore", __file__, address]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        yield
        process.stdin.close()


def write_client(path: Path, address: Path, *arguments: str) -> None:
    """Write a program that does what Python does with these arguments and with its own."""
    path.write_text(CLIENT.format(python=sys.executable, arguments=arguments, address=str(address)))
    path.chmod(0o755)


def serve(address: str) -> None:
    """Answer until standard input ends."""
    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()  # or each child would free, one by one, all the objects of these modules
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        answering = []
        while listening in select.select([listening, sys.stdin], [], [])[0]:
            asking, _ = listening.accept()
            answering.append(os.fork())
            if answering[-1] == 0:
                listening.close()
                return answer(asking)
            asking.close()
        for child in answering:
            os.waitpid(child, 0)


def answer(asking: socket.socket) -> None:
    """Run what is asked for in a child, and tell its status; in the child, run it."""
    message, streams, *_ = socket.recv_fds(asking, LONGEST, 3)
    arguments, directory, environment = json.loads(message)
    child = os.fork()
    if child:
        if asking in select.select([os.pidfd_open(child), asking], [], [])[0]:  # who asked was killed
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        asking.send(str(code if code >= 0 else 128 - code).encode())
        os._exit(0)
    asking.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    run(arguments)


def run(arguments: list[str]) -> None:
    """As `python ARGUMENTS` does: -m and a module, or a script."""
    module = arguments[0] == "-m"
    sys.argv = arguments[module:]
    sys.path[0] = "" if module else str(Path(arguments[0]).parent)
    if module:
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1])
