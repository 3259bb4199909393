/* SPDX-License-Identifier: MIT */
/* Limits the memory of this process. */

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* bytes: beyond what the process has; below 0: no limit. */
void limit_memory(int64_t bytes) {
  struct rlimit limit;
  long long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file != NULL && fscanf(file, "%lld", &pages) != 1) pages = 0;
  if (file != NULL) fclose(file);
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = bytes < 0 ? limit.rlim_max : (rlim_t)(pages * sysconf(_SC_PAGESIZE) + bytes);
  setrlimit(RLIMIT_AS, &limit);
}
