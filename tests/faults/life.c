/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing in every order: with requests in flight, twice, on one rank alone, through copies, and two
 * at once. life FOLDER BACKEND, a folder made by tests/tiny.py.
 */

#include <math.h>
#include <time.h>

#include "host.h"

static const char *folder, *backend;

static int open_one(icegen_emulator **ice, int seed) {
  char entries[2048];
  snprintf(entries, sizeof entries, "generators = 2, seed = %d, backend = '%s'", seed, backend);
  return icegen_open(world, namelist(folder, "life", entries), ice, message, sizeof message);
}

static int add_pole(icegen_emulator *ice) {
  const double lon = 0, lat = 90;
  return icegen_add_target(ice, "pole", 1, &lon, &lat, message, sizeof message);
}

static icegen_emulator *opened(int seed) {
  icegen_emulator *ice = NULL;
  expect(open_one(&ice, seed), ICEGEN_SUCCESS, "", "open");
  expect(add_pole(ice), ICEGEN_SUCCESS, "", "target");
  return ice;
}

static int request(icegen_emulator *ice, int members, int day) {
  return icegen_request(ice, members, 2001, day, message, sizeof message);
}

static int receive(icegen_emulator *ice, int member, double *value) {
  signed char valid;
  return icegen_receive_f64(ice, "pole", "sic", member, 1, value, &valid, message, sizeof message);
}

static int close_one(icegen_emulator **ice) { return icegen_close(ice, message, sizeof message); }

/* 200 half seconds were asked for; one is waited for. */
static void test_close_in_flight(void) {
  icegen_emulator *ice = opened(0);
  expect(request(ice, 200, 15), ICEGEN_SUCCESS, "", "request");
  const time_t begin = time(NULL);
  expect(close_one(&ice), ICEGEN_SUCCESS, "", "close in flight");
  check(time(NULL) - begin < 30, "close gives up what was not begun");
}

static void test_after_close(void) {
  icegen_emulator *ice = opened(0), *copy = ice;
  expect(close_one(&ice), ICEGEN_SUCCESS, "", "close");
  check(ice == NULL, "a closed handle is null");
  expect(close_one(&ice), ICEGEN_SUCCESS, "", "close twice");
  double value = 0;
  int ready = 0;
  char state[ICEGEN_STATE_SIZE] = "";
  const int closed = ICEGEN_BAD_ARGUMENT;
  for (int i = 0; i < 2; ++i) { /* the null handle, then the copy that was left behind */
    expect(add_pole(ice), closed, "the emulator is not open", "add_target after close");
    expect(request(ice, 1, 20), closed, "the emulator is not open", "request after close");
    expect(receive(ice, 1, &value), closed, "the emulator is not open", "receive after close");
    expect(icegen_test(ice, 1, &ready, message, sizeof message), closed, "the emulator is not open", "test");
    expect(icegen_get_state(ice, state, sizeof state, message, sizeof message), closed, "the emulator is not open",
           "get_state after close");
    expect(icegen_set_state(ice, state, message, sizeof message), closed, "the emulator is not open",
           "set_state after close");
    ice = copy;
  }
  expect(close_one(&copy), ICEGEN_SUCCESS, "", "close through the copy");
  expect(icegen_close(NULL, message, sizeof message), ICEGEN_SUCCESS, "", "close nothing");
}

/* A copy of a closed handle stays refused, and closes nobody else's emulator, however many are opened after it. */
static void test_stale_copies(void) {
  enum { openings = 12 };
  icegen_emulator *stale[openings];
  int ready = 0;
  for (int i = 0; i < openings; ++i) {
    icegen_emulator *ice = opened(0);
    for (int j = 0; j < i; ++j) {
      icegen_emulator *copy = stale[j];
      expect(icegen_test(copy, 1, &ready, message, sizeof message), ICEGEN_BAD_ARGUMENT, "the emulator is not open",
             "test of a stale copy");
      expect(close_one(&copy), ICEGEN_SUCCESS, "", "close of a stale copy");
    }
    expect(request(ice, 1, 20), ICEGEN_SUCCESS, "", "request of the open one");
    stale[i] = ice;
    expect(close_one(&ice), ICEGEN_SUCCESS, "", "close of the open one");
  }
}

/* The last rank closes while the others test. */
static void test_close_on_one_rank(void) {
  if (ranks == 1) return;
  icegen_emulator *ice = opened(1);
  double value = 0;
  int ready = 0;
  expect(request(ice, 2, 20), ICEGEN_SUCCESS, "", "request");
  const int status = rank == ranks - 1 ? close_one(&ice) : icegen_test(ice, 1, &ready, message, sizeof message);
  expect(status, ICEGEN_BAD_ARGUMENT, "the ranks do not call with the same arguments", "close on one rank");
  check(ice != NULL, "it stays open");
  expect(receive(ice, 2, &value), ICEGEN_SUCCESS, "", "receive from the one that stays open");
  expect(close_one(&ice), ICEGEN_SUCCESS, "", "close on all ranks");
}

/* Open where it is open already, or where there is no place for a handle, on the last rank alone. */
static void test_open_on_one_rank(void) {
  icegen_emulator *ice = opened(1), *none = NULL;
  const int last = rank == ranks - 1;
  expect(open_one(last ? &ice : &none, 2), ICEGEN_BAD_ARGUMENT, "the emulator is open already; close it first",
         "open twice");
  check(none == NULL && ice != NULL, "what was open stays open, and no other");
  expect(open_one(last ? NULL : &none, 2), ICEGEN_BAD_ARGUMENT, "emulator is a null pointer", "no handle");
  double value = 0;
  expect(request(ice, 2, 20), ICEGEN_SUCCESS, "", "request of the open one");
  expect(receive(ice, 2, &value), ICEGEN_SUCCESS, "", "receive from the open one");
  check(fabs(value - 0.002201) < 1e-7, "its value");
  expect(close_one(&ice), ICEGEN_SUCCESS, "", "close");
}

static void test_two_at_once(void) {
  icegen_emulator *one = opened(1), *two = opened(2);
  double a = 0, b = 0;
  for (int day = 20; day < 40; ++day) {
    expect(request(one, 2, day), ICEGEN_SUCCESS, "", "request of the first");
    expect(request(two, 3, day + 1), ICEGEN_SUCCESS, "", "request of the second");
    expect(receive(two, 3, &b), ICEGEN_SUCCESS, "", "receive from the second");
    expect(receive(one, 2, &a), ICEGEN_SUCCESS, "", "receive from the first");
    check(fabs(a - (2000 + 10 * day + 1) / 1e6) < 1e-8, "each has its own seed and date: the first");
    check(fabs(b - (3000 + 10 * (day + 1) + 2) / 1e6) < 1e-8, "each has its own seed and date: the second");
  }
  expect(close_one(&one), ICEGEN_SUCCESS, "", "close the first");
  expect(receive(two, 1, &b), ICEGEN_SUCCESS, "", "the second goes on");
  expect(close_one(&two), ICEGEN_SUCCESS, "", "close the second");
}

int main(int argc, char **argv) {
  host_begin(&argc, &argv);
  if (argc != 3) return 2;
  folder = argv[1], backend = argv[2];
  test_close_in_flight();
  test_after_close();
  test_stale_copies();
  test_close_on_one_rank();
  test_open_on_one_rank();
  test_two_at_once();
  return host_end();
}
