// SPDX-License-Identifier: MIT
// Memory that runs short on one rank: each allocation of C++ in each call fails once. No rank waits for ever, all hear
// the same, and the same call works the next time. starved FOLDER BACKEND, a folder made by tests/tiny.py.

#include <atomic>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>

#include "host.h"

namespace {

constexpr long never = -1;
std::atomic<long> until_failure{never};
std::atomic<bool> failed{false};
std::atomic<bool> spare_json{false};

// nlohmann::json allocates multiples of 16 bytes in destructors, which cannot throw.
bool fails(std::size_t size) {
  if (until_failure == never || (spare_json && size % 16 == 0)) return false;
  if (until_failure-- > 0) return false;
  until_failure = never;
  failed = true;
  return true;
}

icegen_emulator *ice = nullptr;
std::string path;

// Make each allocation of `call` fail, then call again. undo: what takes back a call that worked.
void starve(const char *name, const std::function<int()> &call, const std::function<void()> &undo) {
  int swallowed = 0, told = 0;
  for (long n = 0; n < 100000; n += 1 + n / 24) {
    for (int hungry = 0; hungry < ranks; ++hungry) {
      failed = false;
      if (rank == hungry) until_failure = n;
      const int status = call();
      until_failure = never;
      check(agreed(status), name);
      const bool hit = largest(failed) != 0;
      check(hit || status == ICEGEN_SUCCESS, name);
      if (status == ICEGEN_SUCCESS) {
        undo();
        swallowed += hit;
      } else {
        ++told;
        expect(call(), ICEGEN_SUCCESS, "", name);
        undo();
      }
      if (hungry == ranks - 1 && !hit) {
        if (rank == 0) printf("%s: %d failures told, %d of no consequence\n", name, told, swallowed);
        check(told > 0, name);
        return;
      }
    }
  }
  check(0, name);
}

}  // namespace

void *operator new(std::size_t size) {
  if (fails(size)) throw std::bad_alloc();
  if (void *memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

int main(int argc, char **argv) {
  host_begin(&argc, &argv);
  if (argc != 3) return 2;
  path = namelist(argv[1], "starved", ("generators = 2, backend = '" + std::string(argv[2]) + "'").c_str());
  const auto nothing = [] {};
  const double lon = 0, lat = 90;
  double value = 0;
  signed char valid = 0;
  char state[ICEGEN_STATE_SIZE];
  const auto close = [] { icegen_close(&ice, message, sizeof message); };
  const auto open = [] { return icegen_open(world, path.c_str(), &ice, message, sizeof message); };

  spare_json = true;
  starve("open", open, close);
  spare_json = false;
  expect(open(), ICEGEN_SUCCESS, "", "open");
  int targets = 0;
  std::string target = "a target of a name that no short string holds";
  starve(
      "add_target", [&] { return icegen_add_target(ice, target.c_str(), 1, &lon, &lat, message, sizeof message); },
      [&] { target += std::to_string(++targets); });
  expect(icegen_add_target(ice, "pole", 1, &lon, &lat, message, sizeof message), ICEGEN_SUCCESS, "", "target");
  starve(
      "request", [&] { return icegen_request(ice, 3, 2001, 20, message, sizeof message); }, nothing);
  const auto receive = [&] {
    return icegen_receive_f64(ice, "pole", "sic", 2, 1, &value, &valid, message, sizeof message);
  };
  expect(icegen_request(ice, 3, 2001, 20, message, sizeof message), ICEGEN_SUCCESS, "", "request");
  expect(receive(), ICEGEN_SUCCESS, "", "receive");
  starve("receive", receive, nothing);
  starve(
      "request and receive",
      [&] {
        const int status = icegen_request(ice, 3, 2001, 20, message, sizeof message);
        return status == ICEGEN_SUCCESS ? receive() : status;
      },
      nothing);
  starve(
      "get_state", [&] { return icegen_get_state(ice, state, sizeof state, message, sizeof message); }, nothing);
  starve(
      "set_state", [&] { return icegen_set_state(ice, state, message, sizeof message); }, nothing);
  expect(receive(), ICEGEN_SUCCESS, "", "receive in the end");
  check(value > 0.00219 && value < 0.00221, "its value");
  close();
  return host_end();
}
