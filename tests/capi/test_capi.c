/* SPDX-License-Identifier: MIT */
/* Null pointers, wrong files and single precision through icegen.h: test_capi FOLDER, a folder made by tests/tiny.py.
 */

#include <icegen.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

static void check(int fine, const char *what, const char *message) {
  if (fine) return;
  ++failures;
  fprintf(stderr, "FAILED: %s (message: %s)\n", what, message);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  if (argc < 2) return 2;
  const int world = MPI_Comm_c2f(MPI_COMM_WORLD);
  char message[512] = "", path[1024], tiny[8];
  icegen_emulator *ice = NULL;

  check(strlen(icegen_version()) >= 5, "version", "");
  check(icegen_open(world, NULL, &ice, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null namelist", message);
  check(icegen_open(world, "x.nml", NULL, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null handle", message);
  check(icegen_open(world, "x.nml", &ice, NULL, 0) == ICEGEN_BAD_NAMELIST && ice == NULL, "no namelist file", "");
  check(icegen_open(world, "x.nml", &ice, tiny, sizeof tiny) == ICEGEN_BAD_NAMELIST && strlen(tiny) == 7,
        "message cut to its buffer", tiny);
  check(icegen_request(NULL, 1, 2001, 1, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "closed", message);
  check(icegen_close(&ice, message, sizeof message) == ICEGEN_SUCCESS, "close a null handle", message);

  snprintf(path, sizeof path, "%s/icegen.nml", argv[1]);
  check(icegen_open(world, path, &ice, message, sizeof message) == ICEGEN_SUCCESS, "open", message);
  const double lon[] = {0.0, 0.0, 180.0}, lat[] = {89.0, -45.0, 88.0};
  check(icegen_add_target(ice, "T", 3, NULL, lat, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null lon", message);
  check(icegen_add_target(ice, NULL, 3, lon, lat, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "no name", message);
  check(icegen_add_target(ice, "T", -3, lon, lat, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "n < 0", message);
  check(icegen_add_target(ice, "T", 3, lon, lat, message, sizeof message) == ICEGEN_SUCCESS, "target", message);
  check(icegen_request(ice, 2, 2001, 60, message, sizeof message) == ICEGEN_SUCCESS, "request", message);

  double values[3] = {-1, -1, -1};
  float singles[3] = {-1, -1, -1};
  signed char valid[3];
  check(icegen_receive_f64(ice, "T", "sic", 2, 3, NULL, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT,
        "null values", message);
  check(icegen_receive_f64(ice, "T", "sic", 2, 3, values, valid, message, sizeof message) == ICEGEN_SUCCESS &&
            icegen_receive_f32(ice, "T", "sic", 2, 3, singles, valid, message, sizeof message) == ICEGEN_SUCCESS,
        "receive", message);
  check(valid[0] == 1 && valid[1] == 0 && valid[2] == 1, "valid in the Arctic alone", message);
  check(values[0] >= 0 && values[0] <= 1 && values[1] == -1, "within bounds, untouched where not valid", message);
  check((double)singles[0] == values[0] && (double)singles[2] == values[2], "real32 and real64 agree", message);
  int ready = -1;
  check(icegen_request_slot(ice, 5, 2, 1, 2001, 60, message, sizeof message) == ICEGEN_SUCCESS, "slot 5", message);
  check(icegen_test(ice, 5, NULL, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null ready", message);
  check(icegen_test(ice, 5, &ready, message, sizeof message) == ICEGEN_SUCCESS && (ready == 0 || ready == 1), "test",
        message);
  double again[3] = {-1, -1, -1};
  check(
      icegen_receive_slot_f64(ice, 5, "T", "sic", 2, 3, again, valid, message, sizeof message) == ICEGEN_SUCCESS &&
          icegen_receive_slot_f32(ice, 5, "T", "sic", 2, 3, singles, valid, message, sizeof message) == ICEGEN_SUCCESS,
      "receive from a slot", message);
  check(again[0] == values[0] && (double)singles[2] == values[2], "a member alone has its own bits", message);
  check(icegen_test(ice, 5, &ready, message, sizeof message) == ICEGEN_SUCCESS && ready == 1, "ready", message);
  check(icegen_close(&ice, message, sizeof message) == ICEGEN_SUCCESS && ice == NULL, "close", message);

  MPI_Finalize();
  printf("%s\n", failures == 0 ? "all checks passed" : "some checks failed");
  return failures != 0;
}
