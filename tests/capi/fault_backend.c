/* SPDX-License-Identifier: MIT */
/* A backend without a model: states are the member's number over 1000 and the day of the year over 100000. Generation
 * fails on 13 January and takes half a second on the 15th. tests/faults/broken_backend.cpp fails in other ways. */

#define _POSIX_C_SOURCE 199309L

#include <icegen_backend.h>
#include <stdio.h>
#include <time.h>

static int create(const char *archive, const char *device, int device_index, const char *precision, int threads,
                  void **model, char *message, size_t message_size) {
  static int nothing;
  (void)archive, (void)device, (void)device_index, (void)precision, (void)threads, (void)message, (void)message_size;
  *model = &nothing;
  return 0;
}

/* Whether generation fails on a day. */
static int fails_or_waits(int64_t day, char *message, size_t message_size) {
  const struct timespec half_a_second = {0, 500000000};
  if (day == 15) nanosleep(&half_a_second, NULL);
  if (day == 13) snprintf(message, message_size, "no ice on the 13th");
  return day == 13;
}

static int generate(void *model, int64_t seed, int64_t members, const int64_t *member, int64_t conditions,
                    const int64_t *condition, int64_t time, int history, int64_t steps, float *state, size_t size,
                    char *message, size_t message_size) {
  (void)model, (void)seed, (void)time, (void)history, (void)steps;
  const int64_t day = conditions == 2 ? condition[1] : 0;
  if (fails_or_waits(day, message, message_size)) return 1;
  for (size_t i = 0; i < size; ++i) state[i] = (float)(100 * member[i / (size / (size_t)members)] + day) / 1e5f;
  return 0;
}

/* States near a given one: less of everything by a thousandth of level times the member's number; 0 where nothing was
 * given. */
static int perturb(void *model, const float *given, const float *weight, size_t given_size, double level, int64_t seed,
                   int64_t members, const int64_t *member, int64_t conditions, const int64_t *condition, int64_t time,
                   int history, int64_t steps, float *state, size_t size, char *message, size_t message_size) {
  (void)model, (void)seed, (void)time, (void)history, (void)steps;
  if (fails_or_waits(conditions == 2 ? condition[1] : 0, message, message_size)) return 1;
  if (given_size * (size_t)members != size) {
    snprintf(message, message_size, "%zu values are given for %zu", given_size, size);
    return 1;
  }
  for (size_t i = 0; i < size; ++i) {
    const size_t cell = i % given_size;
    const double less = level * (double)member[i / given_size] / 1000;
    state[i] = weight[cell] > 0 ? (float)((1 - less) * given[cell]) : 0;
  }
  return 0;
}

/* States of the mean of all observations, less a thousandth of it times the member's number. */
static int analyse(void *model, const float *observed, const float *weight, size_t observed_size, int64_t seed,
                   int64_t members, const int64_t *member, int64_t conditions, const int64_t *condition, int64_t time,
                   int history, int64_t steps, float *state, size_t size, char *message, size_t message_size) {
  (void)model, (void)seed, (void)time, (void)history, (void)steps;
  if (fails_or_waits(conditions == 2 ? condition[1] : 0, message, message_size)) return 1;
  double values = 0, weights = 0;
  for (size_t cell = 0; cell < observed_size; ++cell) {
    values += (double)weight[cell] * observed[cell];
    weights += weight[cell];
  }
  if (observed_size * (size_t)members != size || weights <= 0) {
    snprintf(message, message_size, "%zu values of weight %g are observed for %zu", observed_size, weights, size);
    return 1;
  }
  for (size_t i = 0; i < size; ++i)
    state[i] = (float)(values / weights * (1 - (double)member[i / observed_size] / 1000));
  return 0;
}

static void destroy(void *model) { (void)model; }

const icegen_backend *icegen_backend_v2(void) {
  static const icegen_backend backend = {create, generate, destroy, perturb, analyse};
  return &backend;
}
