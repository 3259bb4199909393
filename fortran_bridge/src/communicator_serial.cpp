// SPDX-License-Identifier: MIT
// The communicator of a host without MPI: one rank, which agrees with itself.
#include <cstring>

#include "communicator.h"

namespace icegen {

Communicator::Communicator(int /* any integer */) { node_size_ = 1; }

Communicator::~Communicator() = default;

void Communicator::settle(const std::string &, const std::function<void()> &local, bool) { local(); }

bool Communicator::everywhere(bool here) { return here; }

void Communicator::broadcast(std::string &, int) {}

std::vector<int> Communicator::all_gather(int value) { return {value}; }

std::vector<char> Communicator::gather(const void *records, int count, int record_size, int, std::vector<int> &counts) {
  counts = {count};
  std::vector<char> all(static_cast<std::size_t>(count) * record_size);
  if (!all.empty()) std::memcpy(all.data(), records, all.size());
  return all;
}

void Communicator::scatter(const float *values, const std::vector<int> &, float *mine, int count, int) {
  if (count > 0) std::memcpy(mine, values, count * sizeof(float));
}

}  // namespace icegen
