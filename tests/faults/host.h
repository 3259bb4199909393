/* SPDX-License-Identifier: MIT */
/* What the hosts of this folder share, under MPI and without: ranks, and checks that all of them hear the same. */
#ifndef HOST_H
#define HOST_H

#include <icegen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef ICEGEN_TEST_MPI
#include <mpi.h>
#endif

static int rank = 0, ranks = 1, world = 0, failures = 0;
static char message[512];

static inline void host_begin(int *argc, char ***argv) {
#ifdef ICEGEN_TEST_MPI
  int provided;
  MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  world = (int)MPI_Comm_c2f(MPI_COMM_WORLD);
#else
  (void)argc, (void)argv;
#endif
}

/* The largest of all ranks' values. */
static inline int largest(int value) {
#ifdef ICEGEN_TEST_MPI
  MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
#endif
  return value;
}

static inline void check(int fine, const char *what) {
  if (fine) return;
  ++failures;
  fprintf(stderr, "FAILED on rank %d: %s (message: %s)\n", rank, what, message);
}

/* Whether the status and the message of the last call are the same on all ranks. */
static inline int agreed(int status) {
  char first[sizeof message];
  memcpy(first, message, sizeof message);
#ifdef ICEGEN_TEST_MPI
  MPI_Bcast(first, sizeof first, MPI_CHAR, 0, MPI_COMM_WORLD);
#endif
  return largest(largest(status) != -largest(-status) || strcmp(first, message) != 0) == 0;
}

/* The last call's status, the same on all ranks, and a message of one line with `words`, or none. */
static inline void expect(int status, int wanted, const char *words, const char *what) {
  check(agreed(status), what);
  check(status == wanted && strstr(message, words) != NULL && strchr(message, '\n') == NULL, what);
  check((status == ICEGEN_SUCCESS) == (message[0] == '\0'), what);
}

/* Write the group &icegen_nml with these entries. Returns the path of the file. */
static inline const char *namelist(const char *folder, const char *program, const char *entries) {
  static char path[1024];
  snprintf(path, sizeof path, "%s/%s_%d.nml", folder, program, ranks);
  if (rank == 0) {
    FILE *file = fopen(path, "w");
    if (file == NULL) abort();
    fprintf(file, "&icegen_nml archive = '%s/tiny.pt', %s /\n", folder, entries);
    fclose(file);
  }
  largest(0); /* all wait for the file */
  return path;
}

static inline int host_end(void) {
  failures = largest(failures);
  if (rank == 0) printf("%s\n", failures == 0 ? "all checks passed" : "some checks failed");
#ifdef ICEGEN_TEST_MPI
  MPI_Finalize();
#endif
  return failures != 0;
}

#endif
