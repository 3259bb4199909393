/* SPDX-License-Identifier: MIT */
/*
 * Counts messages and bytes of each call: traffic NAMELIST POINTS MEMBERS VARIABLES..., with simulated_nodes.c preloaded.
 * POINTS holds real64 pairs (lon, lat), dealt to the ranks in blocks, which become three targets. Prints for each kind
 * of call: its name, how often it was called, messages and bytes in all, and the same of those between nodes.
 *
 * Open MPI counts, if OMPI_MCA_pml_monitoring_enable is 1: what each rank sends to each other, collectives included.
 */

#include <icegen.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { targets = 3 };
static int rank, ranks, *node_of, calls;
static char message[512];
static MPI_T_pvar_session session;
static MPI_T_pvar_handle handles[2]; /* messages, bytes */
static unsigned long *before[2], *after[2];

static void stop(const char *why) {
  if (rank == 0) fprintf(stderr, "%s\n", why);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static void expect(int status) {
  ++calls;
  if (status != ICEGEN_SUCCESS) stop(message);
}

static void open_counters(void) {
  const char *names[2] = {"pml_monitoring_messages_count", "pml_monitoring_messages_size"};
  int provided;
  MPI_T_init_thread(MPI_THREAD_SINGLE, &provided);
  MPI_T_pvar_session_create(&session);
  for (int i = 0; i < 2; ++i) {
    int index, count = 0;
    MPI_Comm world = MPI_COMM_WORLD;
    if (MPI_T_pvar_get_index(names[i], MPI_T_PVAR_CLASS_SIZE, &index) != MPI_SUCCESS ||
        MPI_T_pvar_handle_alloc(session, index, &world, &handles[i], &count) != MPI_SUCCESS || count != ranks)
      stop("this MPI does not count");
    MPI_T_pvar_start(session, handles[i]);
    before[i] = calloc((size_t)ranks, sizeof(long));
    after[i] = calloc((size_t)ranks, sizeof(long));
  }
}

static void begin(void) {
  PMPI_Barrier(MPI_COMM_WORLD);
  calls = 0;
  for (int i = 0; i < 2; ++i) MPI_T_pvar_read(session, handles[i], before[i]);
}

static void end(const char *name) {
  unsigned long sent[4] = {0}, all[4]; /* messages, bytes; the same between nodes */
  for (int i = 0; i < 2; ++i) MPI_T_pvar_read(session, handles[i], after[i]);
  for (int i = 0; i < 2; ++i)
    for (int other = 0; other < ranks; ++other) {
      const unsigned long more = after[i][other] - before[i][other];
      sent[i] += more;
      if (node_of[other] != node_of[rank]) sent[2 + i] += more;
    }
  PMPI_Reduce(sent, all, 4, MPI_UNSIGNED_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
  if (rank == 0) printf("%s %d %lu %lu %lu %lu\n", name, calls, all[0], all[1], all[2], all[3]);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (argc < 5) return 2;
  const int members = atoi(argv[3]);
  const char *nodes = getenv("SIMULATED_NODES");
  node_of = malloc((size_t)ranks * sizeof(int));
  for (int i = 0; i < ranks; ++i) node_of[i] = nodes == NULL ? 0 : i * atoi(nodes) / ranks;

  FILE *file = fopen(argv[2], "rb");
  if (file == NULL) return 2;
  fseek(file, 0, SEEK_END);
  const long n = ftell(file) / 16, first = n * rank / ranks, mine = n * (rank + 1) / ranks - first;
  double *lon = malloc((size_t)mine * 8 + 8), *lat = malloc((size_t)mine * 8 + 8);
  float *values = malloc((size_t)mine * 4 + 4);
  signed char *valid = malloc((size_t)mine + 1);
  fseek(file, first * 16, SEEK_SET);
  for (long i = 0; i < mine; ++i)
    if (fread(lon + i, 8, 1, file) != 1 || fread(lat + i, 8, 1, file) != 1) return 2;
  fclose(file);

  open_counters();
  PMPI_Barrier(MPI_COMM_WORLD);
  begin();
  icegen_emulator *ice = NULL;
  expect(icegen_open(MPI_Comm_c2f(MPI_COMM_WORLD), argv[1], &ice, message, sizeof message));
  end("open");
  begin();
  for (int t = 0; t < targets; ++t) {
    const char name[] = {(char)('A' + t), '\0'};
    expect(icegen_add_target(ice, name, mine, lon, lat, message, sizeof message));
  }
  end("add_target");
  begin();
  expect(icegen_request(ice, members, 2001, 75, message, sizeof message));
  end("request");
  int ready = 0;
  while (!ready) expect(icegen_test(ice, 1, &ready, message, sizeof message));
  begin();
  expect(icegen_test(ice, 1, &ready, message, sizeof message));
  end("test");
  begin();
  for (int member = 1; member <= members; ++member)
    expect(icegen_receive_f32(ice, "A", argv[4], member, mine, values, valid, message, sizeof message));
  end("first_receive");
  begin();
  for (int member = 1; member <= members; ++member)
    for (int t = 0; t < targets; ++t)
      for (int variable = 4; variable < argc; ++variable) {
        const char name[] = {(char)('A' + t), '\0'};
        if (t > 0 || variable > 4)
          expect(icegen_receive_f32(ice, name, argv[variable], member, mine, values, valid, message, sizeof message));
      }
  end("later_receive");
  begin();
  expect(icegen_remove_target(ice, "B", message, sizeof message));
  end("remove_target");
  begin();
  expect(icegen_close(&ice, message, sizeof message));
  end("close");
  long points = mine, most;
  PMPI_Reduce(&points, &most, 1, MPI_LONG, MPI_MAX, 0, MPI_COMM_WORLD);
  if (rank == 0) printf("points %ld\n", most);
  MPI_Finalize();
  return 0;
}
