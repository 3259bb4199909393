# SPDX-License-Identifier: MIT
"""An ensemble in Python: members spread over MPI ranks, their spread gathered on the first.

    mpirun -n 4 python ensemble.py arctic_observed.pt 2007

Each rank generates its own members of each month; nothing but their totals moves. Prints for each month the ice area
of the ensemble: mean and standard deviation.
"""

import sys

import numpy as np
import torch
from mpi4py import MPI

import icegen

MEMBERS, SEED = 6, 1
MIDDLE = [15, 46, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349]  # days of the year


def main(path: str, year: int) -> None:
    """Generate one state of each month and member, and print the year."""
    comm = MPI.COMM_WORLD
    torch.set_num_threads(1)  # ranks share the cores of a node
    ice = icegen.load(path)
    mine = list(range(1 + comm.rank, MEMBERS + 1, comm.size))  # members are numbered from 1
    cell = abs(ice.grid.dx * ice.grid.dy)  # m2; the cells of an equal-area grid

    for month, day in enumerate(MIDDLE, start=1):
        areas = []
        if mine:  # there may be more ranks than members
            states = ice.sample(
                members=mine, seed=SEED, year=year, day_of_year=day
            )  # xarray.Dataset (realization, y, x)
            areas = (states["sic"].sum(("y", "x"), dtype="float64") * cell).values  # m2 [realization]
        gathered = comm.gather(areas)
        if comm.rank == 0:
            area = np.concatenate(gathered) * 1e-12
            sys.stdout.write(f"{year}-{month:02d} {area.mean():8.3f} +- {area.std(ddof=1):.3f} million km2\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: ensemble.py ARCHIVE YEAR")
    main(sys.argv[1], int(sys.argv[2]))
