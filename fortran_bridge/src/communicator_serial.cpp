// SPDX-License-Identifier: MIT
// The communicator of a host without MPI: one rank, which agrees with itself.
#include <cstring>

#include "communicator.h"

namespace icegen {

Communicator::Communicator(int /* any integer */) {}

Communicator::~Communicator() = default;

void Communicator::settle(const Error &outcome, const std::string *, bool) const {
  if (outcome.status != ICEGEN_SUCCESS) throw outcome;
}

bool Communicator::everywhere(bool here) const { return here; }

void Communicator::broadcast(std::string &, int) const {}

std::vector<int> Communicator::all_gather(int value) const { return {value}; }

std::vector<char> Communicator::gather(const void *records, std::size_t count, int record_size, int,
                                       std::vector<int> &counts) const {
  counts = {static_cast<int>(count)};
  std::vector<char> all(count * record_size);
  if (!all.empty()) std::memcpy(all.data(), records, all.size());
  return all;
}

void Communicator::scatter(const float *values, const std::vector<int> &, const std::vector<int> &, float *mine,
                           int count, int) const {
  if (count > 0) std::memcpy(mine, values, count * sizeof(float));
}

}  // namespace icegen
