/* SPDX-License-Identifier: MIT */
/*
 * Example 3, a host in C: it asks for one sea-ice state a month, a month ahead.
 *
 *     mpicc host.c -o host $(pkg-config --cflags --libs icegen) -lm
 *     mpirun -n 4 host icegen.nml 2007
 *
 * The host's points are circles of latitude, dealt to the ranks in turn.
 * It prints the ice area and volume of each month; README.md has the expected output.
 */
#include <icegen.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { nlon = 120, nlat = 45, member = 1 };
static const double degree = 3.14159265358979323846 / 180, radius = 6371229;             /* rad, m */
static const double dlon = 360.0 / nlon, dlat = 1, south = 45;                           /* degrees */
static const int middle[12] = {15, 46, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349}; /* days of the year */

static int rank, ranks;
static icegen_emulator *ice = NULL;
static char message[512];

/* The status is the same on all ranks, so all of them end together, in the host's own way. */
static void stop_on_error(int status) {
  if (status == ICEGEN_SUCCESS) return;
  if (rank == 0) fprintf(stderr, "%s\n", message);
  icegen_close(&ice, NULL, 0);
  MPI_Finalize();
  exit(1);
}

/* Two slots serve in turn: one holds the month being received, the other the month being generated. */
static int slot_of(int month) { return 1 + month % 2; }

static void ask_for(int year, int month) {
  stop_on_error(icegen_request_slot(ice, slot_of(month), 1, 1, year, middle[month - 1], message, sizeof message));
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (argc != 3) {
    if (rank == 0) fprintf(stderr, "usage: host NAMELIST YEAR\n");
    MPI_Finalize();
    return 2;
  }
  const int year = atoi(argv[2]);

  /* This rank's points: degrees, m2; and the ice at them: 1, m, which stays 0 where icegen has no value. */
  static double lon[nlon * nlat], lat[nlon * nlat], area[nlon * nlat], sic[nlon * nlat], sit[nlon * nlat];
  static signed char valid[nlon * nlat];
  int n = 0;
  for (int j = rank; j < nlat; j += ranks) {
    for (int i = 0; i < nlon; ++i, ++n) {
      lon[n] = (i + 0.5) * dlon;
      lat[n] = south + (j + 0.5) * dlat;
      area[n] = radius * radius * degree * degree * dlon * dlat * cos(lat[n] * degree);
    }
  }

  stop_on_error(icegen_open(MPI_Comm_c2f(MPI_COMM_WORLD), argv[1], &ice, message, sizeof message));
  stop_on_error(icegen_add_target(ice, "T", n, lon, lat, message, sizeof message));

  ask_for(year, 1);
  for (int month = 1; month <= 12; ++month) {
    const int slot = slot_of(month);
    if (month < 12) ask_for(year, month + 1);

    /* The host's own month runs here, while the ice of the next is generated. */

    stop_on_error(icegen_receive_slot_f64(ice, slot, "T", "sic", member, n, sic, valid, message, sizeof message));
    stop_on_error(icegen_receive_slot_f64(ice, slot, "T", "sit", member, n, sit, valid, message, sizeof message));

    double totals[2] = {0, 0};
    for (int i = 0; i < n; ++i) {
      totals[0] += sic[i] * area[i];
      totals[1] += sit[i] * area[i];
    }
    MPI_Allreduce(MPI_IN_PLACE, totals, 2, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0)
      printf("%4d-%02d%9.3f million km2%9.3f thousand km3\n", year, month, totals[0] * 1e-12, totals[1] * 1e-12);
  }

  stop_on_error(icegen_close(&ice, message, sizeof message));
  MPI_Finalize();
  return 0;
}
