// SPDX-License-Identifier: MIT
// The C interface: no exception leaves it, and the caller's floating-point environment does not change.

#include <icegen.h>

#include <cctype>
#include <cfenv>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "categories.h"
#include "emulator.h"
#include "error.h"

namespace {

// The open emulators, by serial number. A handle is a serial number and no address. No number is used twice, so that a
// copy of a closed handle is always refused. Never destroyed, because a host may close as late as it likes.
class Emulators {
 public:
  using Entries = std::map<std::uintptr_t, std::optional<icegen::Emulator>>;

  // An entry to be filled and given to `add`.
  Entries reserve() {
    Entries entry;
    const std::lock_guard lock(mutex_);
    entry[++last_];
    return entry;
  }
  icegen_emulator *add(Entries entry) {
    const std::uintptr_t serial = entry.begin()->first;
    const std::lock_guard lock(mutex_);
    open_.merge(entry);
    return reinterpret_cast<icegen_emulator *>(serial);
  }
  // Null if the handle is not open.
  icegen::Emulator *find(const icegen_emulator *handle) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(reinterpret_cast<std::uintptr_t>(handle));
    return found == open_.end() ? nullptr : &*found->second;
  }
  // Why the last failed open failed: the message about a null handle contains it.
  void keep_failure(const icegen::Error &failure) {
    const std::lock_guard lock(mutex_);
    failure_ = failure;
  }
  icegen::Error failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  void remove(const icegen_emulator *handle) {
    Entries::node_type removed;  // destroyed after the lock is released, because this waits for the model
    const std::lock_guard lock(mutex_);
    removed = open_.extract(reinterpret_cast<std::uintptr_t>(handle));
  }

 private:
  std::mutex mutex_;
  Entries open_;
  std::uintptr_t last_ = 0;
  icegen::Error failure_ = {ICEGEN_SUCCESS, ""};
};

Emulators &emulators = *new Emulators;

// While it exists, the floating-point environment is the default one. The caller's traps are masked, and its rounding
// mode and its treatment of denormal numbers do not change a field.
class FloatingPointGuard {
 public:
  FloatingPointGuard() {
    std::fegetenv(&environment_);
    std::fesetenv(FE_DFL_ENV);
  }
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
  for (char *c = message; *c != '\0'; ++c)  // one line, whatever a file contained
    if (std::iscntrl(static_cast<unsigned char>(*c)) != 0) *c = ' ';
}

template <class Body>
int guarded(char *message, size_t size, Body body) {
  const FloatingPointGuard guard;
  const icegen::Error outcome = icegen::outcome_of(body);
  fill(message, size, outcome.what());
  return outcome.status;
}

icegen::Emulator &checked(const icegen_emulator *handle) {
  icegen::Emulator *emulator = emulators.find(handle);
  if (emulator != nullptr) return *emulator;
  const icegen::Error failure = emulators.failure();
  if (handle != nullptr || failure.status == ICEGEN_SUCCESS)
    icegen::fail(ICEGEN_BAD_ARGUMENT, "the emulator is not open");
  icegen::fail(ICEGEN_BAD_ARGUMENT, "the emulator is not open; the last open that failed: ", failure.what());
}

void open_emulator(int comm, const char *namelist, icegen_emulator **emulator) {
  if (emulator != nullptr && emulators.find(*emulator) == nullptr) *emulator = nullptr;
  icegen::Communicator own(comm);
  Emulators::Entries entry;
  own.agree([&] {
    if (emulator == nullptr) icegen::fail(ICEGEN_BAD_ARGUMENT, "emulator is a null pointer");
    if (*emulator != nullptr) icegen::fail(ICEGEN_BAD_ARGUMENT, "the emulator is open already; close it first");
    entry = emulators.reserve();
  });
  entry.begin()->second.emplace(std::move(own), namelist);
  *emulator = emulators.add(std::move(entry));
}

}  // namespace

const char *icegen_version(void) { return ICEGEN_VERSION; }

int icegen_open(int comm, const char *namelist, icegen_emulator **emulator, char *message, size_t message_size) {
  return guarded(message, message_size, [&] {
    const icegen::Error outcome = icegen::outcome_of([&] { open_emulator(comm, namelist, emulator); });
    if (outcome.status == ICEGEN_SUCCESS) return;
    if (emulator != nullptr && *emulator == nullptr) emulators.keep_failure(outcome);
    throw outcome;
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

int icegen_remove_target(icegen_emulator *emulator, const char *target, char *message, size_t message_size) {
  return guarded(message, message_size, [&] { checked(emulator).remove_target(target); });
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

int icegen_give_f64(icegen_emulator *emulator, const char *target, const char *variable, int64_t n,
                    const double *values, const signed char *valid, char *message, size_t message_size) {
  return guarded(message, message_size, [&] { checked(emulator).give(target, variable, n, values, valid); });
}

int icegen_give_f32(icegen_emulator *emulator, const char *target, const char *variable, int64_t n, const float *values,
                    const signed char *valid, char *message, size_t message_size) {
  return guarded(message, message_size, [&] { checked(emulator).give(target, variable, n, values, valid); });
}

int icegen_perturb(icegen_emulator *emulator, int slot, int first_member, int members, double level, int year,
                   int day_of_year, char *message, size_t message_size) {
  return guarded(message, message_size,
                 [&] { checked(emulator).perturb(slot, first_member, members, level, year, day_of_year); });
}

int icegen_observe_f64(icegen_emulator *emulator, const char *target, const char *variable, int64_t n,
                       const double *values, const double *errors, const signed char *valid, char *message,
                       size_t message_size) {
  return guarded(message, message_size, [&] { checked(emulator).observe(target, variable, n, values, errors, valid); });
}

int icegen_observe_f32(icegen_emulator *emulator, const char *target, const char *variable, int64_t n,
                       const float *values, const float *errors, const signed char *valid, char *message,
                       size_t message_size) {
  return guarded(message, message_size, [&] { checked(emulator).observe(target, variable, n, values, errors, valid); });
}

int icegen_analyse(icegen_emulator *emulator, int slot, int first_member, int members, int year, int day_of_year,
                   char *message, size_t message_size) {
  return guarded(message, message_size,
                 [&] { checked(emulator).analyse(slot, first_member, members, year, day_of_year); });
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

int icegen_get_placement(icegen_emulator *emulator, char *placement, size_t placement_size, char *message,
                         size_t message_size) {
  return guarded(message, message_size, [&] {
    const std::string &text = checked(emulator).placement();
    if (placement == nullptr) icegen::fail(ICEGEN_BAD_ARGUMENT, "placement is a null pointer");
    fill(placement, placement_size, text.c_str());
  });
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

// Functions that only the Fortran module calls: icegen.f90 declares them, and icegen.map hides them.
extern "C" {

// The same as icegen_add_target_by and icegen_add_target_weights. bytes: of each coordinate, 4 or 8.
int icegen_fortran_add_target_by(icegen_emulator *emulator, const char *target, int64_t n, int bytes, const void *lon,
                                 const void *lat, const char *units, const char *method, double distance, char *message,
                                 size_t message_size) {
  return guarded(message, message_size, [&] {
    checked(emulator).add_target(target, {n, {lon, bytes}, {lat, bytes}, units}, method, distance);
  });
}

int icegen_fortran_add_target_weights(icegen_emulator *emulator, const char *target, int64_t n, int bytes,
                                      const void *lon, const void *lat, const char *units, const char *weights,
                                      const int *cells, char *message, size_t message_size) {
  return guarded(message, message_size, [&] {
    checked(emulator).add_target(target, {n, {lon, bytes}, {lat, bytes}, units}, weights, cells);
  });
}

// A rank that has no memory for the arguments of a collective function calls this in its place. The function then fails
// on all ranks.
int icegen_fortran_no_memory(icegen_emulator *emulator, char *message, size_t message_size) {
  return guarded(message, message_size, [&] { checked(emulator).fail_without_memory(); });
}

// The same number in double precision. The host does not convert it itself, because a signalling NaN would trap.
double icegen_fortran_widened(float value) {
  const volatile float narrow = value;  // volatile: compilers would move the conversion out of the guard
  const FloatingPointGuard guard;
  const volatile double wide = static_cast<double>(narrow);
  return wide;
}

}  // extern "C"

int icegen_close(icegen_emulator **emulator, char *message, size_t message_size) {
  return guarded(message, message_size, [&] {
    if (emulator == nullptr) return;
    if (icegen::Emulator *open = emulators.find(*emulator)) {
      open->close();
      emulators.remove(*emulator);
    }
    *emulator = nullptr;
  });
}
