/* SPDX-License-Identifier: MIT */
/* A backend without a model: the state of member m is m times the float32 values of the file ARCHIVE.f4. */

#include <icegen_backend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int create(const char *archive, const char *device, int device_index, const char *precision, int threads,
                  void **model, char *message, size_t message_size) {
  (void)device, (void)device_index, (void)precision, (void)threads, (void)message, (void)message_size;
  char *path = malloc(strlen(archive) + 4);
  if (path == NULL) return 1;
  strcat(strcpy(path, archive), ".f4");
  *model = path;
  return 0;
}

static int generate(void *model, int64_t seed, int64_t members, const int64_t *member, int64_t conditions,
                    const int64_t *condition, int64_t time, int history, int64_t steps, float *state, size_t size,
                    char *message, size_t message_size) {
  (void)seed, (void)conditions, (void)condition, (void)time, (void)history, (void)steps;
  const size_t each = size / (size_t)members;
  for (int64_t m = 0; m < members; ++m) {
    FILE *file = fopen(model, "rb");
    const size_t found = file == NULL ? 0 : fread(state + (size_t)m * each, sizeof(float), each, file);
    if (file != NULL) fclose(file);
    if (found != each) {
      snprintf(message, message_size, "%s holds %zu values; wanted %zu", (const char *)model, found, each);
      return 1;
    }
    for (size_t i = 0; i < each; ++i) state[(size_t)m * each + i] *= (float)member[m];
  }
  return 0;
}

static void destroy(void *model) { free(model); }

const icegen_backend *icegen_backend_v2(void) {
  static const icegen_backend backend = {create, generate, destroy, NULL, NULL};
  return &backend;
}
