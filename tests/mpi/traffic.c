/* SPDX-License-Identifier: MIT */
/*
 * Counts what each kind of call sends: traffic NAMELIST POINTS MEMBERS VARIABLE VARIABLE.
 *
 * POINTS holds real64 pairs (lon, lat), dealt to the ranks in blocks, which become three targets. Each member is
 * received in both variables at all targets. Prints a line of JSON for each kind of call: calls of the bridge;
 * reductions, broadcasts, barriers and other communication of the rank that does most; messages, and those between
 * nodes (see profiled.h); bytes that the kernel counts on TCP connections (all ranks; between nodes), if all messages
 * go over them. The last line has the points of the rank that has most, and the CPU time of the later receive that cost
 * each rank least, of the rank that needs most.
 */

#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <icegen.h>
#include <mpi.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "profiled.h"

enum { targets = 3, most_connections = 1024, info_size = 256, bytes_sent_at = 200 }; /* Linux 4.19's struct tcp_info */

typedef struct connection {
  unsigned long own_port, peer_port, bytes; /* sent */
} connection;

static int rank, ranks, calls;
static char message[512];
static profile profile_before;
static connection connections_before[most_connections], connections_after[most_connections];
static unsigned long of_a_barrier[2]; /* bytes */

/* Ends all ranks. */
static void stop(const char *why) {
  if (rank == 0) fprintf(stderr, "%s\n", why);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static void expect(int status) {
  ++calls;
  if (status != ICEGEN_SUCCESS) stop(message);
}

static unsigned long port_of(const struct sockaddr_storage *address) {
  if (address->ss_family == AF_INET) return ntohs(((const struct sockaddr_in *)address)->sin_port);
  if (address->ss_family == AF_INET6) return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
  return 0;
}

/* This rank's TCP connections. */
static void find_connections(connection *found) {
  memset(found, 0, most_connections * sizeof *found);
  DIR *folder = opendir("/proc/self/fd");
  int n = 0;
  for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL && n < most_connections;) {
    const int fd = atoi(entry->d_name);
    struct sockaddr_storage own, peer;
    socklen_t own_size = sizeof own, peer_size = sizeof peer, size = info_size;
    char info[info_size] = "";
    if (getsockname(fd, (struct sockaddr *)&own, &own_size) != 0 ||
        getpeername(fd, (struct sockaddr *)&peer, &peer_size) != 0 || port_of(&own) == 0 ||
        getsockopt(fd, IPPROTO_TCP, 11 /* TCP_INFO */, info, &size) != 0)
      continue;
    found[n].own_port = port_of(&own), found[n].peer_port = port_of(&peer);
    memcpy(&found[n++].bytes, info + bytes_sent_at, sizeof(unsigned long));
  }
  if (folder != NULL) closedir(folder);
}

/* On the first rank: bytes that ranks sent to each other on `mine`, and those between nodes. */
static void count_bytes(const connection *mine, unsigned long bytes[2]) {
  static int owner[65536]; /* 1 + the rank that has a port */
  static connection *all;
  const int size = most_connections * (int)sizeof *mine, n = most_connections * ranks;
  if (rank == 0 && all == NULL) all = malloc((size_t)size * (size_t)ranks);
  PMPI_Gather(mine, size, MPI_BYTE, all, size, MPI_BYTE, 0, MPI_COMM_WORLD);
  if (rank != 0) return;
  memset(owner, 0, sizeof owner);
  bytes[0] = bytes[1] = 0;
  for (int i = 0; i < n; ++i)
    if (all[i].own_port != 0) owner[all[i].own_port] = 1 + i / most_connections;
  for (int i = 0; i < n; ++i) {
    if (all[i].own_port == 0 || owner[all[i].peer_port] == 0) continue;
    bytes[0] += all[i].bytes;
    if (profile_node_of(i / most_connections) != profile_node_of(owner[all[i].peer_port] - 1)) bytes[1] += all[i].bytes;
  }
}

static void begin(void) {
  PMPI_Barrier(MPI_COMM_WORLD);
  calls = 0;
  find_connections(connections_before);
  profile_before = profile_now();
}

/* Bytes sent since the beginning, by all ranks and between nodes, one barrier more. */
static void count_since(unsigned long bytes[2]) {
  unsigned long until_beginning[2] = {0, 0};
  PMPI_Barrier(MPI_COMM_WORLD);
  find_connections(connections_after);
  PMPI_Barrier(MPI_COMM_WORLD);
  count_bytes(connections_before, until_beginning);
  count_bytes(connections_after, bytes);
  for (int i = 0; i < 2; ++i) bytes[i] -= until_beginning[i];
}

static void end(const char *name) {
  const profile now = profile_now(), then = profile_before;
  unsigned long bytes[2] = {0, 0};
  count_since(bytes);
  long most[4] = {now.reductions - then.reductions, now.broadcasts - then.broadcasts, now.barriers - then.barriers,
                  now.others - then.others};
  long sum[2] = {now.messages - then.messages, now.messages_between_nodes - then.messages_between_nodes};
  PMPI_Allreduce(MPI_IN_PLACE, most, 4, MPI_LONG, MPI_MAX, MPI_COMM_WORLD);
  PMPI_Allreduce(MPI_IN_PLACE, sum, 2, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
  if (rank != 0) return;
  printf(
      "{\"what\": \"%s\", \"calls\": %d, \"reductions\": %ld, \"broadcasts\": %ld, \"barriers\": %ld, \"others\": %ld, "
      "\"messages\": %ld, \"messages_between\": %ld, \"bytes\": %ld, \"bytes_between\": %ld}\n",
      name, calls, most[0], most[1], most[2], most[3], sum[0], sum[1], (long)(bytes[0] - of_a_barrier[0]),
      (long)(bytes[1] - of_a_barrier[1]));
}

/* Bytes that this rank has read, from files and connections. */
static long bytes_read(void) {
  FILE *file = fopen("/proc/self/io", "r");
  long bytes = 0;
  if (file == NULL || fscanf(file, "rchar: %ld", &bytes) != 1) stop("the kernel does not count what is read");
  fclose(file);
  return bytes;
}

static long peak_memory(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

/* Of this thread; waiting for other ranks adds some .2 ms to a call. */
static double cpu_seconds(void) {
  struct timespec spent;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return (double)spent.tv_sec + 1e-9 * (double)spent.tv_nsec;
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (argc != 6) stop("usage: traffic NAMELIST POINTS MEMBERS VARIABLE VARIABLE");
  const int members = atoi(argv[3]);

  FILE *file = fopen(argv[2], "rb");
  if (file == NULL) stop("no file of points");
  fseek(file, 0, SEEK_END);
  const long n = ftell(file) / 16, first = n * rank / ranks, mine = n * (rank + 1) / ranks - first;
  double *lon = malloc((size_t)mine * 8 + 8), *lat = malloc((size_t)mine * 8 + 8);
  float *values = malloc((size_t)mine * 4 + 4);
  signed char *valid = malloc((size_t)mine + 1);
  fseek(file, first * 16, SEEK_SET);
  for (long i = 0; i < mine; ++i)
    if (fread(lon + i, 8, 1, file) != 1 || fread(lat + i, 8, 1, file) != 1) stop("a short file of points");
  fclose(file);

  /* All connections are made. */
  int *ignored = calloc((size_t)ranks, 2 * sizeof(int));
  PMPI_Alltoall(ignored, 1, MPI_INT, ignored + ranks, 1, MPI_INT, MPI_COMM_WORLD);
  begin();
  count_since(of_a_barrier);

  icegen_emulator *ice = NULL;
  begin();
  long opening[2] = {-bytes_read(), -peak_memory()};
  expect(icegen_open(MPI_Comm_c2f(MPI_COMM_WORLD), argv[1], &ice, message, sizeof message));
  opening[0] += bytes_read(), opening[1] += peak_memory();
  end("open");
  PMPI_Allreduce(MPI_IN_PLACE, &opening[0], 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
  PMPI_Allreduce(MPI_IN_PLACE, &opening[1], 1, MPI_LONG, MPI_MAX, MPI_COMM_WORLD);
  if (rank == 0) printf("{\"what\": \"opening\", \"read\": %ld, \"grown\": %ld}\n", opening[0], opening[1]);
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
  double least = 1e9;
  begin();
  for (int member = 1; member <= members; ++member)
    for (int t = 0; t < targets; ++t)
      for (int variable = 4; variable < 6; ++variable) {
        const char name[] = {(char)('A' + t), '\0'};
        if (t == 0 && variable == 4) continue;
        const double before = cpu_seconds();
        expect(icegen_receive_f32(ice, name, argv[variable], member, mine, values, valid, message, sizeof message));
        const double spent = cpu_seconds() - before;
        if (spent < least) least = spent;
      }
  end("later_receive");
  begin();
  expect(icegen_remove_target(ice, "B", message, sizeof message));
  end("remove_target");
  begin();
  expect(icegen_close(&ice, message, sizeof message));
  end("close");

  long most = mine;
  PMPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_LONG, MPI_MAX, MPI_COMM_WORLD);
  PMPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  if (rank == 0) printf("{\"what\": \"points\", \"most\": %ld, \"all\": %ld, \"seconds\": %g}\n", most, n, least);
  MPI_Finalize();
  return 0;
}
