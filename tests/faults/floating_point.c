/* SPDX-License-Identifier: MIT */
/*
 * The floating-point state of a host: traps, rounding, flags and the treatment of denormal numbers are after every
 * call, good or failing, what they were before, in the thread that calls and in others; none of them makes a difference
 * to a field; and a model that divides by zero kills no host that traps. floating_point FOLDER BACKEND.
 */

#define _GNU_SOURCE

#include <fenv.h>
#include <math.h>
#include <pthread.h>

#include "host.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

enum { all_traps = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW };

struct state {
  int rounding, flags, traps;
  unsigned control; /* of the processor, where we know how to read it */
};

static struct state current(void) {
  struct state now = {fegetround(), fetestexcept(FE_ALL_EXCEPT), fegetexcept(), 0};
#if defined(__x86_64__)
  now.control = _mm_getcsr();
#endif
  return now;
}

static int same(struct state a, struct state b) {
  return a.rounding == b.rounding && a.flags == b.flags && a.traps == b.traps && a.control == b.control;
}

/* What hosts set. */
static void plain(void) {}
static void traps(void) { feenableexcept(all_traps); }
static void upward(void) { fesetround(FE_UPWARD); }
static void downward_with_traps(void) {
  fesetround(FE_DOWNWARD);
  traps();
}
static void flags(void) { feraiseexcept(FE_INEXACT | FE_UNDERFLOW); }
static void flags_then_traps(void) {
  feraiseexcept(FE_DIVBYZERO | FE_INVALID);
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() & ~((unsigned)all_traps << 7)); /* not of the x87 part, which would trap at once */
#endif
}
static void denormals_are_zero(void) {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
}

static const struct {
  const char *name;
  void (*set)(void);
} settings[] = {{"default", plain},
                {"traps", traps},
                {"upward", upward},
                {"downward with traps", downward_with_traps},
                {"flags", flags},
                {"flags, then traps", flags_then_traps},
                {"denormals are zero", denormals_are_zero}};

static struct state before;

/* The state as the host set it, and the wanted status of the last call. */
static void expect_same(int status, int wanted, const char *what) {
  const struct state after = current();
  fesetenv(FE_DFL_ENV);
  check(same(before, after), what);
  check(status == wanted, what);
}

enum { points = 4, categories = 3 };
static const double lon[points] = {0.1, 200.3, 77.7, -33.3}, lat[points] = {89.3, 85.7, 80.1, -60};
static char path[1024];

struct fields {
  double f64[points], area[categories * points], volume[categories * points];
  float f32[points];
};

/* Every function, once as it should be and once as it should not, under one setting. */
static void call_all(const char *name, void (*set)(void), struct fields *got) {
  icegen_emulator *ice = NULL;
  double bad_lat[points] = {89, 85, 80, NAN}, bounds[categories + 1] = {0, 1, 2, 3};
  const int cells[points] = {1, 2, 3, 0};
  signed char valid[points];
  char state[ICEGEN_STATE_SIZE], what[64];
  int ready = 0;
  memset(got, 0, sizeof *got);
  fesetenv(FE_DFL_ENV);
  set();
  before = current();
  fesetenv(FE_DFL_ENV);

#define CALL(wanted, call)                                    \
  do {                                                        \
    snprintf(what, sizeof what, "%.20s: %.40s", name, #call); \
    set();                                                    \
    const int status = (call);                                \
    expect_same(status, wanted, what);                        \
  } while (0)
#define TEXT message, sizeof message

  CALL(0, icegen_version() == NULL);
  CALL(ICEGEN_BAD_NAMELIST, icegen_open(world, "nowhere.nml", &ice, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_open(world, path, NULL, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_open(world, path, &ice, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_add_target(ice, "T", points, lon, lat, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_add_target(ice, "U", points, lon, bad_lat, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_add_target_by(ice, "N", points, lon, lat, "degrees", "nearest", 1e4, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_add_target_by(ice, "U", points, lon, lat, "degrees", "nearest", NAN, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT,
       icegen_add_target_weights(ice, "W", points, lon, lat, "degrees", "nowhere.nc", cells, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_request(ice, 2, 2001, 400, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_request(ice, 2, 2001, 103, TEXT)); /* NaN */
  CALL(ICEGEN_BACKEND_ERROR, icegen_receive_f64(ice, "T", "sic", 2, points, got->f64, valid, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_request_slot(ice, 3, 1, 2, 2001, 109, TEXT)); /* traps and rounding of its own thread */
  CALL(ICEGEN_SUCCESS, icegen_receive_slot_f64(ice, 3, "T", "sic", 2, points, got->f64, valid, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_request_slot(ice, 3, 1, 2, 2001, 108, TEXT)); /* NaN, overflow, division by zero inside */
  CALL(ICEGEN_SUCCESS, icegen_receive_slot_f64(ice, 3, "T", "sic", 2, points, got->f64, valid, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_receive_slot_f64(ice, 4, "T", "sic", 2, points, got->f64, valid, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_receive_slot_f32(ice, 3, "T", "sit_ice", 2, points, got->f32, valid, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_receive_slot_f32(ice, 3, "T", "snow", 2, points, got->f32, valid, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_request(ice, 1, 2001, 20, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_receive_f64(ice, "T", "sit", 1, points, got->f64, valid, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_receive_f32(ice, "T", "sit", 1, points, got->f32, valid, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_receive_f32(ice, "X", "sit", 1, points, got->f32, valid, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_test(ice, 1, &ready, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_test(ice, 9, &ready, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_get_state(ice, state, 3, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_get_state(ice, state, sizeof state, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_set_state(ice, "nonsense", TEXT));
  CALL(ICEGEN_SUCCESS, icegen_set_state(ice, state, TEXT));
  CALL(ICEGEN_SUCCESS, icegen_close(&ice, TEXT));
  CALL(ICEGEN_BAD_ARGUMENT, icegen_request(ice, 1, 2001, 20, TEXT));

  const double area[points] = {0, 0.3, 0.9, 1}, volume[points] = {0, 0.1, 2, 0.7};
  const float area32[points] = {0, 0.3f, 0.9f, 1}, volume32[points] = {0, 0.1f, 2, 0.7f}, bounds32[] = {0, 1, 2, 3};
  float area_out[categories * points], volume_out[categories * points];
  CALL(ICEGEN_SUCCESS,
       icegen_fill_categories_f64(points, area, volume, categories, bounds, got->area, got->volume, TEXT));
  CALL(ICEGEN_SUCCESS,
       icegen_fill_categories_f32(points, area32, volume32, categories, bounds32, area_out, volume_out, TEXT));
  bounds[1] = NAN;
  CALL(ICEGEN_BAD_ARGUMENT, icegen_fill_categories_f64(points, area, volume, categories, bounds,
                                                       area_out == NULL ? NULL : got->area, got->volume, TEXT));
}

static void under_all_settings(void) {
  struct fields first, other;
  for (size_t i = 0; i < sizeof settings / sizeof *settings; ++i) {
    call_all(settings[i].name, settings[i].set, i == 0 ? &first : &other);
    check(i == 0 || memcmp(&first, &other, sizeof first) == 0, settings[i].name);
  }
}

/* A thread of the host, which keeps a state of its own while others call. */
static pthread_barrier_t barrier;
static void *bystander(void *unused) {
  fesetround(FE_TOWARDZERO);
  feraiseexcept(FE_UNDERFLOW);
  feenableexcept(all_traps);
  const struct state mine = current();
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  const struct state after = current();
  fesetenv(FE_DFL_ENV);
  check(same(mine, after), "a bystander's state");
  return unused;
}

/* Not collective, so that a host's threads call it side by side. */
static void *fill_often(void *setting) {
  const double area[points] = {0, 0.3, 0.9, 1}, volume[points] = {0, 0.1, 2, 0.7}, bounds[] = {0, 1, 2, 3};
  double area_out[categories * points], volume_out[categories * points];
  (*(void (**)(void))setting)();
  const struct state mine = current();
  int fine = 1;
  for (int i = 0; i < 1000; ++i) {
    fine &= icegen_fill_categories_f64(points, area, volume, categories, bounds, area_out, volume_out, NULL, 0) == 0;
    fine &= same(mine, current());
  }
  fesetenv(FE_DFL_ENV);
  return fine ? setting : NULL;
}

static void *caller(void *unused) {
  under_all_settings();
  return unused;
}

int main(int argc, char **argv) {
  host_begin(&argc, &argv);
  if (argc != 3) return 2;
  char entries[2048];
  snprintf(entries, sizeof entries, "generators = 2, backend = '%s'", argv[2]);
  snprintf(path, sizeof path, "%s", namelist(argv[1], "floating_point", entries));

  pthread_t beside, other;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&beside, NULL, bystander, NULL);
  pthread_barrier_wait(&barrier);
  under_all_settings();
  pthread_create(&other, NULL, caller, NULL); /* the same from another thread than main's */
  pthread_join(other, NULL);
  pthread_barrier_wait(&barrier);
  pthread_join(beside, NULL);

  static void (*set[])(void) = {traps, upward, denormals_are_zero};
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, fill_often, &set[i]);
  for (int i = 0; i < 3; ++i) {
    void *fine;
    pthread_join(threads[i], &fine);
    check(fine != NULL, "categories filled by threads");
  }
  return host_end();
}
