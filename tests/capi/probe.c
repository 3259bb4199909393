/* SPDX-License-Identifier: MIT */
/* As tests/mpi/probe.f90, through the C header: probe_c NAMELIST POINTS OUT YEAR DAY MEMBERS VARIABLE. */

#include <icegen.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static int rank, ranks;

static void stop_on(int status, const char *message) {
  if (status == ICEGEN_SUCCESS) return;
  if (rank == 0) printf("%s\n", message);
  MPI_Finalize();
  exit(1);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (argc != 8) return 2;
  const int year = atoi(argv[4]), day = atoi(argv[5]), members = atoi(argv[6]);

  FILE *file = fopen(argv[2], "rb");
  if (file == NULL) return 2;
  fseek(file, 0, SEEK_END);
  const int n = (int)(ftell(file) / 16), mine = (n - rank + ranks - 1) / ranks;
  rewind(file);
  double *points = malloc(16 * (size_t)n), *lon = malloc(8 * (size_t)n), *lat = malloc(8 * (size_t)n);
  double *values = malloc(8 * (size_t)n), *field = malloc(8 * (size_t)n);
  signed char *valid = malloc((size_t)n);
  if (fread(points, 16, (size_t)n, file) != (size_t)n) return 2;
  fclose(file);
  for (int i = 0; i < mine; ++i) {
    lon[i] = points[2 * (rank + i * ranks)];
    lat[i] = points[2 * (rank + i * ranks) + 1];
  }

  char message[512];
  icegen_emulator *ice = NULL;
  stop_on(icegen_open(MPI_Comm_c2f(MPI_COMM_WORLD), argv[1], &ice, message, sizeof message), message);
  stop_on(icegen_add_target(ice, "points", mine, lon, lat, message, sizeof message), message);
  stop_on(icegen_request(ice, members, year, day, message, sizeof message), message);
  file = rank == 0 ? fopen(argv[3], "wb") : NULL;
  for (int member = 1; member <= members; ++member) {
    for (int i = 0; i < mine; ++i) values[i] = -1;
    stop_on(icegen_receive_f64(ice, "points", argv[7], member, mine, values, valid, message, sizeof message), message);
    for (int i = 0; i < n; ++i) field[i] = 0;
    for (int i = 0; i < mine; ++i) field[rank + i * ranks] = values[i];
    MPI_Allreduce(MPI_IN_PLACE, field, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (file != NULL) fwrite(field, 8, (size_t)n, file);
  }
  if (file != NULL) fclose(file);
  stop_on(icegen_close(&ice, message, sizeof message), message);
  free(points), free(lon), free(lat), free(values), free(field), free(valid);
  MPI_Finalize();
  return 0;
}
