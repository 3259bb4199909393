/* SPDX-License-Identifier: MIT */
/* The caller's thread beside those that generate, for ThreadSanitizer: test_worker FOLDER BACKEND, a folder made by
 * tests/tiny.py, in which this program may write, and the library of tests/capi/fault_backend.c. */

#include <icegen.h>
#include <math.h>
#include <stdio.h>

enum { points = 2, emulators = 2, rounds = 12, members = 7 };

static int failures = 0;
static char message[512];

static void check(int fine, const char *what) {
  if (fine) return;
  ++failures;
  fprintf(stderr, "FAILED: %s (message: %s)\n", what, message);
}

/* The failing backend fails on the 13th; else a state is the member over 1000 and the day over 100000. */
static void receive(icegen_emulator *ice, int slot, int member, int day) {
  double values[points] = {-1, -1};
  signed char valid[points];
  const int status =
      icegen_receive_slot_f64(ice, slot, "T", "sic", member, points, values, valid, message, sizeof message);
  check(status == (day == 13 ? ICEGEN_BACKEND_ERROR : ICEGEN_SUCCESS), "receive");
  if (day == 13) return;
  check(valid[0] == 1 && valid[1] == 0 && fabs(values[0] - (100 * member + day) / 1e5) < 1e-6, "values");
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  char path[1024];
  snprintf(path, sizeof path, "%s/worker.nml", argv[1]);
  FILE *file = fopen(path, "w");
  if (file == NULL) return 2;
  fprintf(file, "&icegen_nml archive = '%s/tiny.pt', backend = '%s', batch = 2 /\n", argv[1], argv[2]);
  fclose(file);

  const double lon[points] = {0, 0}, lat[points] = {90, -60};
  for (int round = 0; round < rounds; ++round) {
    icegen_emulator *ice[emulators] = {NULL, NULL};
    for (int e = 0; e < emulators; ++e) {
      check(icegen_open(0, path, &ice[e], message, sizeof message) == ICEGEN_SUCCESS, "open");
      check(icegen_add_target(ice[e], "T", points, lon, lat, message, sizeof message) == ICEGEN_SUCCESS, "target");
    }
    for (int day = 12; day <= 14; ++day) {
      for (int slot = 1; slot <= 3; ++slot) {
        for (int e = 0; e < emulators; ++e)
          check(icegen_request_slot(ice[e], slot, 1, members, 2001, day, message, sizeof message) == ICEGEN_SUCCESS,
                "request, in the place of the one before");
      }
      int ready = 0;
      check(icegen_test(ice[0], 3, &ready, message, sizeof message) == ICEGEN_SUCCESS, "test");
      for (int e = 0; e < emulators; ++e) receive(ice[e], 1 + round % 3, 1 + round % members, day);
    }
    while (round % 4 == 0) { /* until all is generated; else closed in flight */
      int ready = 0;
      check(icegen_test(ice[1], 3, &ready, message, sizeof message) == ICEGEN_SUCCESS, "test");
      if (ready) break;
    }
    for (int e = 0; e < emulators; ++e)
      check(icegen_close(&ice[e], message, sizeof message) == ICEGEN_SUCCESS && ice[e] == NULL, "close");
  }
  return failures != 0;
}
