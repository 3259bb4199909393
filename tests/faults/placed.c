/* SPDX-License-Identifier: MIT */
/* Prints the CPUs of the thread that generates, as the system knows them, and what icegen says: placed NAMELIST. */

#define _GNU_SOURCE

#include <dirent.h>

#include "host.h"

/* What stands behind `key` in a file's first line that begins with it. Returns whether there is one. */
static int read_line(const char *path, const char *key, char *rest, int size) {
  char line[512];
  int found = 0;
  FILE *file = fopen(path, "r");
  while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
    found = strncmp(line, key, strlen(key)) == 0;
    if (found) snprintf(rest, (size_t)size, "%.*s", (int)strcspn(line, "\n") - (int)strlen(key), line + strlen(key));
  }
  if (file != NULL) fclose(file);
  return found;
}

int main(int argc, char **argv) {
  host_begin(&argc, &argv);
  if (argc != 2) return 2;
  icegen_emulator *ice = NULL;
  char path[300], line[512], placement[256] = "";
  if (icegen_open(world, argv[1], &ice, message, sizeof message) != 0) {
    printf("refused: %s\n", message);
    return host_end();
  }
  DIR *threads = opendir("/proc/self/task");
  for (struct dirent *thread; (thread = readdir(threads)) != NULL;) {
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", thread->d_name);
    const int generates = read_line(path, "icegen", line, sizeof line) && line[0] == '\0';
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread->d_name);
    if (!generates) continue;
    read_line(path, "Cpus_allowed_list:\t", line, sizeof line);
    printf("CPUs %s\n", line);
  }
  closedir(threads);
  check(icegen_get_placement(ice, placement, sizeof placement, message, sizeof message) == ICEGEN_SUCCESS, "placement");
  printf("%s\n", placement);
  check(icegen_get_placement(ice, NULL, 0, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "nowhere to write");
  icegen_close(&ice, message, sizeof message);
  return host_end();
}
