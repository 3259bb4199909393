/* SPDX-License-Identifier: MIT */
/* What this process uses (Linux), and the time. */
#ifndef USAGE_H
#define USAGE_H

#include <dirent.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

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
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file != NULL && fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  if (file != NULL) fclose(file);
  const struct usage now = {pages * (sysconf(_SC_PAGESIZE) / 1024), entries_of("/proc/self/task"),
                            entries_of("/proc/self/fd")};
  return now;
}

static double seconds(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
