/* SPDX-License-Identifier: MIT */
/*
 * What a backend offers the bridge: it loads a model from an archive and runs it. A backend is a shared library that
 * exports icegen_backend_v2; the bridge loads it with dlopen, on generator ranks alone, and calls it from one thread
 * of its own, whose floating-point traps are masked. Functions return 0, or fill `message`, one line, and return
 * another value; after that the model is still called. What a backend in C++ throws is taken as such a failure.
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
   * Load the model. archive: path of a file that the bridge has verified.  device: "cpu" or "cuda".
   * device_index: which of the devices that this rank sees, or the first later one that no other model has.
   * precision: of the products in the model's networks, "float32" or "bfloat16".
   * threads: CPU threads of the model, at least 1.
   */
  int (*create)(const char *archive, const char *device, int device_index, const char *precision, int threads,
                void **model, char *message, size_t message_size);
  /*
   * Generate states. member [members]: their numbers.  condition [conditions]: the same for all members.
   * time, history: of the noise, as torchscript/README.md says; archives of contract 1 know neither.
   * state: float32 [members, variable, y, x], of `size` elements in all; finite, within the archive's bounds and of
   * the consistency that it states, or the bridge refuses it.
   */
  int (*generate)(void *model, int64_t seed, int64_t members, const int64_t *member, int64_t conditions,
                  const int64_t *condition, int64_t time, int history, int64_t steps, float *state, size_t size,
                  char *message, size_t message_size);
  void (*destroy)(void *model);
} icegen_backend;

typedef const icegen_backend *(*icegen_backend_entry)(void);

#ifdef __cplusplus
}
#endif
#endif
