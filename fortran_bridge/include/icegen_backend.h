/* SPDX-License-Identifier: MIT */
/*
 * The interface between the bridge and a backend, which loads a model from an archive and runs it.
 * A backend is a shared library that exports icegen_backend_v2. The bridge loads it with dlopen, on generator ranks
 * only, and calls it from one thread of its own, in which floating-point traps are masked.
 * Functions return 0 on success. On failure they fill `message` with one line and return another value; the bridge may
 * call the model again after that. An exception of a backend in C++ counts as a failure.
 */
#ifndef ICEGEN_BACKEND_H
#define ICEGEN_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct icegen_backend {
  /*
   * Load the model.
   * archive: path of a file that the bridge has verified.
   * device: "cpu" or "cuda".
   * device_index: number of the device among those that this rank sees. If another model has it, the backend takes
   * the first later device that no model has.
   * precision: of the products in the model's networks, "float32" or "bfloat16".
   * threads: CPU threads of the model, at least 1.
   */
  int (*create)(const char *archive, const char *device, int device_index, const char *precision, int threads,
                void **model, char *message, size_t message_size);
  /*
   * Generate states.
   * member [members]: the numbers of the members.
   * condition [conditions]: the same for all members.
   * time, history: arguments of the noise, see torchscript/README.md. Archives of contract 1 have neither.
   * state: float32 [members, variable, y, x], of `size` elements in all. The bridge refuses values that are not
   * finite, not within the archive's bounds, or not consistent in the way that the archive states.
   */
  int (*generate)(void *model, int64_t seed, int64_t members, const int64_t *member, int64_t conditions,
                  const int64_t *condition, int64_t time, int history, int64_t steps, float *state, size_t size,
                  char *message, size_t message_size);
  void (*destroy)(void *model);
  /*
   * Generate states near a given one. NULL if the backend has no such function.
   * given, weight: float32 [variable, y, x], of `given_size` elements in all. The values of the host, used where the
   * weight is above 0; the model fills the rest.
   * level: 0 to 1, the spread of the states over that of generate. Member 0 is the given state itself, completed.
   * The other arguments are those of generate.
   */
  int (*perturb)(void *model, const float *given, const float *weight, size_t given_size, double level, int64_t seed,
                 int64_t members, const int64_t *member, int64_t conditions, const int64_t *condition, int64_t time,
                 int history, int64_t steps, float *state, size_t size, char *message, size_t message_size);
  /*
   * Generate states that agree with observations. NULL if the backend has no such function.
   * observed, weight: float32 [variable, y, x], of `observed_size` elements in all. The mean of what was observed in a
   * cell, and one over the variance of its error, 0 where nothing was observed. Some weight is above 0.
   * The other arguments are those of generate.
   */
  int (*analyse)(void *model, const float *observed, const float *weight, size_t observed_size, int64_t seed,
                 int64_t members, const int64_t *member, int64_t conditions, const int64_t *condition, int64_t time,
                 int history, int64_t steps, float *state, size_t size, char *message, size_t message_size);
} icegen_backend;

typedef const icegen_backend *(*icegen_backend_entry)(void);

#ifdef __cplusplus
}
#endif
#endif
