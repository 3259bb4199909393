/* SPDX-License-Identifier: MIT */
/*
 * Many requests, or many openings: endurance NAMELIST requests|openings NUMBER. Prints what the process that grew most
 * has grown by from the second quarter to the last, as "memory KB threads N files N". The heap's pages come and go by
 * some hundred kB, so the least of each quarter is compared.
 */

#include <dirent.h>
#include <limits.h>
#include <malloc.h>

#include "host.h"

/* Of this process (Linux). Resident pages of files, such as libraries' code, come and go with the kernel's need, and
 * free memory of the heap with the order in which threads allocate: neither is counted. */
struct usage {
  long resident_kb;
  int threads, files;
};

static int entries_of(const char *folder) {
  int count = 0;
  DIR *directory = opendir(folder);
  while (directory != NULL && readdir(directory) != NULL) ++count;
  if (directory != NULL) closedir(directory);
  return count;
}

static struct usage usage(void) {
  struct usage now = {0, entries_of("/proc/self/task"), entries_of("/proc/self/fd")};
  malloc_trim(0);
  FILE *file = fopen("/proc/self/status", "r");
  char line[128];
  long kb = 0;
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "RssAnon: %ld", &kb) == 1 || sscanf(line, "RssShmem: %ld", &kb) == 1) now.resident_kb += kb;
  if (file != NULL) fclose(file);
  if (now.resident_kb == 0) {
    fprintf(stderr, "the kernel states no resident memory\n");
    exit(1);
  }
  return now;
}

static int lesser(int a, int b) { return a < b ? a : b; }

static struct usage least(struct usage a, struct usage b) {
  const struct usage both = {a.resident_kb < b.resident_kb ? a.resident_kb : b.resident_kb,
                             lesser(a.threads, b.threads), lesser(a.files, b.files)};
  return both;
}

static const double lon[2] = {0, 120}, lat[2] = {90, 85};

static void stop_on(int status) {
  if (status == ICEGEN_SUCCESS) return;
  fprintf(stderr, "%s\n", message);
  exit(1);
}

static icegen_emulator *opened(const char *path) {
  icegen_emulator *ice = NULL;
  stop_on(icegen_open(world, path, &ice, message, sizeof message));
  stop_on(icegen_add_target(ice, "T", 2, lon, lat, message, sizeof message));
  return ice;
}

static void receive_one(icegen_emulator *ice, int number) {
  double values[2];
  signed char valid[2];
  stop_on(icegen_request(ice, 2, 2001, 1 + number % 12, message, sizeof message));
  for (int member = 1; member <= 2; ++member)
    stop_on(icegen_receive_f64(ice, "T", "sit", member, 2, values, valid, message, sizeof message));
}

int main(int argc, char **argv) {
  host_begin(&argc, &argv);
  if (argc != 4) return 2;
  const int number = atoi(argv[3]), openings = strcmp(argv[2], "openings") == 0;
  icegen_emulator *ice = openings ? NULL : opened(argv[1]);
  const struct usage most = {LONG_MAX, INT_MAX, INT_MAX};
  struct usage quarters[4] = {most, most, most, most};
  for (int i = 0; i < number; ++i) {
    if (openings) ice = opened(argv[1]);
    receive_one(ice, i);
    if (openings) stop_on(icegen_close(&ice, message, sizeof message));
    struct usage *quarter = &quarters[4 * i / number];
    *quarter = least(*quarter, usage());
  }
  const struct usage before = quarters[1], after = quarters[3];
  const int grown[3] = {largest((int)(after.resident_kb - before.resident_kb)), largest(after.threads - before.threads),
                        largest(after.files - before.files)};
  if (rank == 0) printf("memory %d threads %d files %d\n", grown[0], grown[1], grown[2]);
  stop_on(icegen_close(&ice, message, sizeof message));
  return host_end();
}
