# SPDX-License-Identifier: MIT
"""The MPI ranks of a launch, or a single process, which does not need mpi4py."""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mpi4py import MPI

# Environment variables with the rank and the number of ranks: of Open MPI, PMI (MPICH, Intel), Slurm.
LAUNCHERS = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
)


class RankError(RuntimeError):
    """A failure on one rank, raised on all."""


class Ranks:
    """The ranks that share one task. Its methods are collective."""

    def __init__(self, comm: "MPI.Comm | None" = None):
        self.comm: Any = comm  # None if there is only one rank
        self.rank, self.size = (0, 1) if comm is None else (comm.rank, comm.size)

    @property
    def local_rank(self) -> int:
        """The number of this rank among those of its node."""
        if self.comm is None:
            return 0
        from mpi4py import MPI

        node = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        try:
            return node.rank
        finally:
            node.Free()

    def agree(self, error: Exception | None) -> None:
        """If any rank has an error, raise RankError on all, with the message of the first rank that has one."""
        if self.comm is None:
            if error is not None:
                raise error
            return
        messages = self.comm.allgather(None if error is None else str(error))
        failed = [rank for rank, message in enumerate(messages) if message is not None]
        if failed:
            message = messages[failed[0]]
            raise RankError(message if len(failed) == self.size else f"rank {failed[0]}: {message}") from error

    @contextlib.contextmanager
    def agreeing(self) -> Iterator[None]:
        """Raise an error inside the block on all ranks: at the block's end, or where they wait for each other."""
        try:
            yield
        except RankError:  # already raised on all ranks
            raise
        except Exception as error:
            self.agree(error)
        else:
            self.agree(None)

    def first_says(self, value: Any) -> Any:
        """The value of the first rank."""
        return value if self.comm is None else self.comm.bcast(value)

    def to_first(self, array: np.ndarray | None, count: int) -> Iterator[np.ndarray]:
        """On the first rank, the arrays of ranks 0 to ``count`` - 1, of one shape and dtype; on others, nothing."""
        if array is None:  # this rank has none
            return
        if self.rank > 0:
            self.comm.Send(array, 0)
            return
        yield array
        for source in range(1, count):
            received = np.empty_like(array)
            self.comm.Recv(received, source)
            yield received


def launched() -> tuple[int, int]:
    """This process's rank and the number of ranks, from the launcher; (0, 1) without one. Does not start MPI."""
    for rank, size in LAUNCHERS:
        if rank in os.environ and size in os.environ:
            return int(os.environ[rank]), int(os.environ[size])
    return 0, 1


def join() -> Ranks:
    """All ranks of this launch. Raises ValueError if they cannot communicate."""
    _, size = launched()
    if size == 1:
        return Ranks()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ValueError(f"started on {size} MPI ranks, which requires mpi4py: {error}") from None
    if MPI.COMM_WORLD.size != size:
        library = MPI.Get_library_version().splitlines()[0].split(",")[0]
        raise ValueError(
            f"started on {size} MPI ranks, of which mpi4py ({library}) sees {MPI.COMM_WORLD.size}; "
            "wanted an mpi4py and a launcher of one MPI"
        )
    return Ranks(MPI.COMM_WORLD)
