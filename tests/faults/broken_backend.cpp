// SPDX-License-Identifier: MIT
// A backend without a model: states are (1000 member + 10 day_of_year + seed) / 10^6. What goes wrong depends on the
// day:
//
//   15 takes half a second
//
// and in batches with an even member, which the second of two generators has in slot 1, on
//
//   101 memory of a GPU is short               102 CUDA fails
//   103 a value is NaN                         104 a value is infinite
//   105 a value is above the bound of sic      106 a value is below it
//   107 takes half a second                    108 NaN, overflow and division by zero on the way, not in the state
//   109 leaves the thread with traps and another rounding
//   111 throws bad_alloc                       112 throws another exception
//   113 throws what is no exception             114 raises SIGSEGV
//
// With 13 threads creation fails on the second device, with 14 it throws there. Destruction always throws.

#include <icegen_backend.h>

#include <algorithm>
#include <cfenv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <limits>
#include <new>
#include <stdexcept>
#include <thread>

namespace {

int refuse(const char *why, char *message, size_t message_size) {
  std::snprintf(message, message_size, "%s", why);
  return 1;
}

void be_slow() { std::this_thread::sleep_for(std::chrono::milliseconds(500)); }

int create(const char *, const char *, int device_index, const char *, int threads, void **model, char *message,
           size_t size) {
  static int nothing;
  if (threads == 13 && device_index == 1) return refuse("no such device", message, size);
  if (threads == 14 && device_index == 1) throw std::runtime_error("no such device");
  *model = &nothing;
  return 0;
}

int generate(void *, int64_t seed, int64_t members, const int64_t *member, int64_t conditions, const int64_t *condition,
             int64_t, int, int64_t, float *state, size_t size, char *message, size_t message_size) {
  const int64_t day = conditions == 2 ? condition[1] : 0;
  const size_t each = size / static_cast<size_t>(members);
  for (size_t i = 0; i < size; ++i)
    state[i] = static_cast<float>(static_cast<double>(1000 * member[i / each] + 10 * day + seed) / 1e6);
  if (day == 15) be_slow();

  const int64_t *even = std::find_if(member, member + members, [](int64_t m) { return m % 2 == 0; });
  if (even == member + members) return 0;
  float &fifth = state[static_cast<size_t>(even - member) * each + 4];
  volatile double zero = 0, large = std::numeric_limits<double>::max(), ignored;
  switch (day) {
    case 101:
      return refuse("CUDA out of memory. Tried to allocate 2.00 GiB", message, message_size);
    case 102:
      return refuse("CUDA error: an illegal memory access was encountered", message, message_size);
    case 103:
      fifth = std::numeric_limits<float>::quiet_NaN();
      break;
    case 104:
      fifth = std::numeric_limits<float>::infinity();
      break;
    case 105:
      fifth = 1.5F;
      break;
    case 106:
      fifth = -0.5F;
      break;
    case 107:
      be_slow();
      break;
    case 108:
      ignored = zero / zero;
      ignored = 1 / zero;
      ignored = large * large;
      break;
    case 109:
      std::fesetround(FE_UPWARD);
#ifdef __GLIBC__
      feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
#endif
      break;
    case 111:
      throw std::bad_alloc();
    case 112:
      throw std::runtime_error("CUDA error: device-side assert triggered");
    case 113:
      throw 113;
    case 114:
      std::raise(SIGSEGV);
  }
  static_cast<void>(ignored);
  return 0;
}

void destroy(void *) { throw std::runtime_error("as planned"); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const icegen_backend *icegen_backend_v2(void) {
  static const icegen_backend backend = {create, generate, destroy, nullptr, nullptr};
  return &backend;
}
