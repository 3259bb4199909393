# SPDX-License-Identifier: MIT
"""Example 4, a host in Python with mpi4py: it asks for one sea-ice state a month, a month ahead.

    mpirun -n 4 python host.py icegen.nml 2007

The host's points are circles of latitude, dealt to the ranks in turn.
It prints the ice area and volume of each month; README.md has the expected output.
It calls the code that a Fortran host calls; to sample on the archive's own grid, use icegen.load.
"""

import sys

import numpy as np
from mpi4py import MPI

from icegen import bridge

MEMBER = 1
DLON, DLAT, SOUTH = 3.0, 1.0, 45.0  # degrees
RADIUS = 6371229.0  # m
MIDDLE = [15, 46, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349]  # days of the year


def slot_of(month: int) -> int:
    """Two slots serve in turn: one holds the month being received, the other the month being generated."""
    return 1 + month % 2


def main(namelist: str, year: int) -> None:
    """Receive the months of a year, and print their totals."""
    comm = MPI.COMM_WORLD
    circles = np.arange(SOUTH + DLAT / 2, 90, DLAT)[comm.rank :: comm.size]  # this rank's
    lon, lat = np.meshgrid(np.arange(DLON / 2, 360, DLON), circles)  # degrees [circle, point]
    area = RADIUS**2 * np.radians(DLON) * np.radians(DLAT) * np.cos(np.radians(lat.ravel()))  # m2

    with bridge.Emulator(namelist, comm) as ice:
        ice.add_target("T", lon, lat)
        ice.request(1, year, MIDDLE[0], slot=slot_of(1))
        for month in range(1, 13):
            if month < 12:
                ice.request(1, year, MIDDLE[month], slot=slot_of(month + 1))

            # The host's own month runs here, while the ice of the next is generated.

            sic = ice.receive("T", "sic", MEMBER, slot=slot_of(month))  # 1, NaN where icegen has no value
            sit = ice.receive("T", "sit", MEMBER, slot=slot_of(month))  # m
            mine = np.array([np.nansum(sic * area), np.nansum(sit * area)])
            totals = np.empty_like(mine)
            comm.Allreduce(mine, totals)
            if comm.rank == 0:
                ice_area, volume = totals * 1e-12
                sys.stdout.write(f"{year}-{month:02d}{ice_area:9.3f} million km2{volume:9.3f} thousand km3\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: host.py NAMELIST YEAR")
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except bridge.BridgeError as error:  # the same on all ranks, so all of them end together
        sys.exit(str(error) if MPI.COMM_WORLD.rank == 0 else 1)
