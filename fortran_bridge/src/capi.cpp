// SPDX-License-Identifier: MIT
// The border to C: nothing is thrown across it, and the caller's floating-point environment stays as it was.

#include <icegen.h>

#include <cfenv>
#include <cstring>
#include <new>

#include "categories.h"
#include "emulator.h"
#include "error.h"

struct icegen_emulator {
  icegen::Emulator emulator;
};

namespace {

// Masks the traps of the caller while it lives.
class FloatingPointGuard {
 public:
  FloatingPointGuard() { std::feholdexcept(&environment_); }
  ~FloatingPointGuard() { std::fesetenv(&environment_); }
  FloatingPointGuard(const FloatingPointGuard &) = delete;
  FloatingPointGuard &operator=(const FloatingPointGuard &) = delete;

 private:
  std::fenv_t environment_;
};

void fill(char *message, size_t size, const char *text) {
  if (message == nullptr || size == 0) return;
  std::strncpy(message, text, size - 1);
  message[size - 1] = '\0';
}

template <class Body>
int guarded(char *message, size_t size, Body body) {
  const FloatingPointGuard guard;
  fill(message, size, "");
  try {
    body();
    return ICEGEN_SUCCESS;
  } catch (const icegen::Error &error) {
    fill(message, size, error.what());
    return error.status;
  } catch (const std::bad_alloc &) {
    fill(message, size, "out of memory");
    return ICEGEN_OUT_OF_MEMORY;
  } catch (const std::exception &error) {
    fill(message, size, error.what());
  } catch (...) {
    fill(message, size, "unknown exception");
  }
  return ICEGEN_INTERNAL_ERROR;
}

icegen::Emulator &checked(icegen_emulator *handle) {
  if (handle == nullptr) icegen::fail(ICEGEN_BAD_ARGUMENT, "the emulator is not open");
  return handle->emulator;
}

}  // namespace

const char *icegen_version(void) { return ICEGEN_VERSION; }

int icegen_open(int comm, const char *namelist, icegen_emulator **emulator, char *message, size_t message_size) {
  return guarded(message, message_size, [&] {
    if (emulator == nullptr) icegen::fail(ICEGEN_BAD_ARGUMENT, "emulator is a null pointer");
    *emulator = nullptr;
    *emulator = new icegen_emulator{{comm, namelist}};
  });
}

int icegen_add_target(icegen_emulator *emulator, const char *target, int64_t n, const double *lon, const double *lat,
                      char *message, size_t message_size) {
  return icegen_add_target_by(emulator, target, n, lon, lat, "degrees", "bilinear", 0, message, message_size);
}

int icegen_add_target_by(icegen_emulator *emulator, const char *target, int64_t n, const double *lon, const double *lat,
                         const char *units, const char *method, double distance, char *message, size_t message_size) {
  return guarded(message, message_size, [&] {
    checked(emulator).add_target(target, {n, lon, lat, units}, method, distance);
  });
}

int icegen_add_target_weights(icegen_emulator *emulator, const char *target, int64_t n, const double *lon,
                              const double *lat, const char *units, const char *weights, const int *cells,
                              char *message, size_t message_size) {
  return guarded(message, message_size, [&] {
    checked(emulator).add_target(target, {n, lon, lat, units}, weights, cells);
  });
}

int icegen_request(icegen_emulator *emulator, int members, int year, int day_of_year, char *message,
                   size_t message_size) {
  return icegen_request_slot(emulator, 1, 1, members, year, day_of_year, message, message_size);
}

int icegen_request_slot(icegen_emulator *emulator, int slot, int first_member, int members, int year, int day_of_year,
                        char *message, size_t message_size) {
  return guarded(message, message_size,
                 [&] { checked(emulator).request(slot, first_member, members, year, day_of_year); });
}

int icegen_test(icegen_emulator *emulator, int slot, int *ready, char *message, size_t message_size) {
  return guarded(message, message_size, [&] { checked(emulator).test(slot, ready); });
}

int icegen_receive_f64(icegen_emulator *emulator, const char *target, const char *variable, int member, int64_t n,
                       double *values, signed char *valid, char *message, size_t message_size) {
  return icegen_receive_slot_f64(emulator, 1, target, variable, member, n, values, valid, message, message_size);
}

int icegen_receive_f32(icegen_emulator *emulator, const char *target, const char *variable, int member, int64_t n,
                       float *values, signed char *valid, char *message, size_t message_size) {
  return icegen_receive_slot_f32(emulator, 1, target, variable, member, n, values, valid, message, message_size);
}

int icegen_receive_slot_f64(icegen_emulator *emulator, int slot, const char *target, const char *variable, int member,
                            int64_t n, double *values, signed char *valid, char *message, size_t message_size) {
  return guarded(message, message_size,
                 [&] { checked(emulator).receive(slot, target, variable, member, n, values, valid); });
}

int icegen_receive_slot_f32(icegen_emulator *emulator, int slot, const char *target, const char *variable, int member,
                            int64_t n, float *values, signed char *valid, char *message, size_t message_size) {
  return guarded(message, message_size,
                 [&] { checked(emulator).receive(slot, target, variable, member, n, values, valid); });
}

int icegen_get_state(icegen_emulator *emulator, char *state, size_t state_size, char *message, size_t message_size) {
  return guarded(message, message_size, [&] {
    const std::string text = checked(emulator).get_state(state, state_size);
    fill(state, state_size, text.c_str());
  });
}

int icegen_set_state(icegen_emulator *emulator, const char *state, char *message, size_t message_size) {
  return guarded(message, message_size, [&] { checked(emulator).set_state(state); });
}

int icegen_fill_categories_f64(int64_t n, const double *area, const double *volume, int categories,
                               const double *bounds, double *category_area, double *category_volume, char *message,
                               size_t message_size) {
  return guarded(message, message_size,
                 [&] { icegen::fill_categories(n, area, volume, categories, bounds, category_area, category_volume); });
}

int icegen_fill_categories_f32(int64_t n, const float *area, const float *volume, int categories, const float *bounds,
                               float *category_area, float *category_volume, char *message, size_t message_size) {
  return guarded(message, message_size,
                 [&] { icegen::fill_categories(n, area, volume, categories, bounds, category_area, category_volume); });
}

int icegen_close(icegen_emulator **emulator, char *message, size_t message_size) {
  return guarded(message, message_size, [&] {
    if (emulator == nullptr) return;
    delete *emulator;
    *emulator = nullptr;
  });
}
