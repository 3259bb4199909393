/* SPDX-License-Identifier: MIT */
/*
 * A model that fails on one generator of several, in every way that it can: all ranks hear the same, and the next
 * request works. faults FOLDER BACKEND: a folder made by tests/tiny.py, the library of broken_backend.cpp.
 */

#include <math.h>

#include "host.h"

static const char *folder, *backend;

static icegen_emulator *opened(const char *more) {
  char entries[2048];
  snprintf(entries, sizeof entries, "generators = 2, backend = '%s'%s", backend, more);
  icegen_emulator *ice = NULL;
  expect(icegen_open(world, namelist(folder, "faults", entries), &ice, message, sizeof message), ICEGEN_SUCCESS, "",
         "open");
  const double lon = 0, lat = 90;
  expect(icegen_add_target(ice, "pole", 1, &lon, &lat, message, sizeof message), ICEGEN_SUCCESS, "", "target");
  return ice;
}

static int receive(icegen_emulator *ice, int member, double *value) {
  signed char valid;
  *value = -7;
  return icegen_receive_f64(ice, "pole", "sic", member, 1, value, &valid, message, sizeof message);
}

static void request(icegen_emulator *ice, int day) {
  expect(icegen_request(ice, 2, 2001, day, message, sizeof message), ICEGEN_SUCCESS, "", "request");
}

/* Member 2 of this day fails, with these words, as often as it is received; member 1 and other days do not. */
static void fails(icegen_emulator *ice, int day, int status, const char *words) {
  double value;
  request(ice, day);
  expect(receive(ice, 2, &value), status, words, "a fault");
  check(value == -7, "nothing is received from a fault");
  expect(receive(ice, 1, &value), ICEGEN_SUCCESS, "", "the member of another generator");
  check(value >= 0, "its value");
  expect(receive(ice, 2, &value), status, words, "the same fault again");
  int ready = 0;
  while (!ready) expect(icegen_test(ice, 1, &ready, message, sizeof message), ICEGEN_SUCCESS, "", "test");
  request(ice, 20);
  expect(receive(ice, 2, &value), ICEGEN_SUCCESS, "", "the next request");
  check(value > 0, "its value");
}

static void test_errors(void) {
  icegen_emulator *ice = opened("");
  fails(ice, 101, ICEGEN_BACKEND_ERROR, "generation failed: CUDA out of memory. Tried to allocate 2.00 GiB");
  fails(ice, 102, ICEGEN_BACKEND_ERROR, "generation failed: CUDA error: an illegal memory access was encountered");
  fails(ice, 103, ICEGEN_BACKEND_ERROR, "generation failed: sic of member 2 is nan in cell 5; wanted a finite number");
  fails(ice, 104, ICEGEN_BACKEND_ERROR, "generation failed: sic of member 2 is inf in cell 5; wanted a finite number");
  fails(ice, 105, ICEGEN_BACKEND_ERROR, "generation failed: sic of member 2 is 1.5 in cell 5; wanted 0 to 1");
  fails(ice, 106, ICEGEN_BACKEND_ERROR, "generation failed: sic of member 2 is -0.5 in cell 5; wanted 0 to 1");
  double value;
  request(ice, 103);
  request(ice, 103); /* a fault that nobody received goes with its slot */
  request(ice, 21);
  expect(receive(ice, 2, &value), ICEGEN_SUCCESS, "", "after faults that nobody received");
  expect(icegen_close(&ice, message, sizeof message), ICEGEN_SUCCESS, "", "close");
  ice = opened(", batch = 2");
  request(ice, 103);
  expect(receive(ice, 2, &value), ICEGEN_BACKEND_ERROR, "sic of member 2 is nan", "a batch of which a member fails");
  expect(icegen_close(&ice, message, sizeof message), ICEGEN_SUCCESS, "", "close with a fault");
}

/* A rank is named if others are fine. */
static void test_rank_is_named(void) {
  icegen_emulator *ice = opened("");
  double value;
  request(ice, 102);
  expect(receive(ice, 2, &value), ICEGEN_BACKEND_ERROR,
         ranks == 1   ? "generation failed"
         : ranks == 2 ? "on rank 1: generation failed"
                      : "on rank ",
         "which rank");
  icegen_close(&ice, message, sizeof message);
}

static void test_slow(void) {
  icegen_emulator *ice = opened("");
  double value;
  int ready = 1;
  request(ice, 107);
  expect(receive(ice, 1, &value), ICEGEN_SUCCESS, "", "the member of the quick generator");
  expect(icegen_test(ice, 1, &ready, message, sizeof message), ICEGEN_SUCCESS, "", "test");
  check(!ready, "a slow generator keeps nobody from the others' members");
  expect(receive(ice, 2, &value), ICEGEN_SUCCESS, "", "the member of the slow generator");
  check(fabs(value - 0.00307) < 1e-6, "its value");
  icegen_close(&ice, message, sizeof message);
}

static void test_exceptions(void) {
  icegen_emulator *ice = opened("");
  fails(ice, 111, ICEGEN_OUT_OF_MEMORY, "generation failed: out of memory");
  fails(ice, 112, ICEGEN_BACKEND_ERROR, "generation failed: CUDA error: device-side assert triggered");
  fails(ice, 113, ICEGEN_BACKEND_ERROR, "generation failed: unknown exception");
  expect(icegen_close(&ice, message, sizeof message), ICEGEN_SUCCESS, "", "close, which throws in the backend");
}

/* The backend generates, but has no function that perturbs or takes observations. */
static void test_no_perturbation(void) {
  icegen_emulator *ice = opened("");
  const double given = 0.5, error = 0.1;
  const signed char first = rank == 0;
  double value;
  expect(icegen_give_f64(ice, "pole", "sic", 1, &given, &first, message, sizeof message), ICEGEN_SUCCESS, "", "give");
  expect(icegen_perturb(ice, 1, 1, 2, 0.5, 2001, 20, message, sizeof message), ICEGEN_SUCCESS, "", "perturb");
  expect(receive(ice, 1, &value), ICEGEN_BACKEND_ERROR, "this backend cannot perturb", "no perturbation");
  expect(icegen_observe_f64(ice, "pole", "sic", 1, &given, &error, &first, message, sizeof message), ICEGEN_SUCCESS, "",
         "observe");
  expect(icegen_analyse(ice, 1, 1, 2, 2001, 20, message, sizeof message), ICEGEN_SUCCESS, "", "analyse");
  expect(receive(ice, 1, &value), ICEGEN_BACKEND_ERROR, "this backend takes no observations", "no analysis");
  request(ice, 20);
  expect(receive(ice, 2, &value), ICEGEN_SUCCESS, "", "the next request");
  icegen_close(&ice, message, sizeof message);
}

/* The second of two models cannot be made; without its device, the next open works. */
static void test_create(int threads) {
  char entries[2048];
  icegen_emulator *ice = NULL;
  if (ranks > 1) {
    snprintf(entries, sizeof entries, "generators = 2, threads = %d, backend = '%s'", threads, backend);
    expect(icegen_open(world, namelist(folder, "faults", entries), &ice, message, sizeof message), ICEGEN_BACKEND_ERROR,
           "tiny.pt: no such device", "a model that cannot be made");
    check(ice == NULL, "no handle");
  }
  ice = opened("");
  double value;
  request(ice, 20);
  expect(receive(ice, 2, &value), ICEGEN_SUCCESS, "", "after a model that could not be made");
  icegen_close(&ice, message, sizeof message);
}

int main(int argc, char **argv) {
  host_begin(&argc, &argv);
  if (argc != 3) return 2;
  folder = argv[1], backend = argv[2];
  test_errors();
  test_rank_is_named();
  if (ranks > 1) test_slow();
  test_exceptions();
  test_no_perturbation();
  test_create(13);
  test_create(14);
  return host_end();
}
