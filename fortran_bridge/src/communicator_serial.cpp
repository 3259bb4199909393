// SPDX-License-Identifier: MIT
// The communicator of a host without MPI: one rank, which agrees with itself and has its memory for itself.
#include "communicator.h"
#include "node_memory.h"

namespace icegen {

Communicator::Communicator(int /* any integer */) {}

Communicator::~Communicator() = default;

bool Communicator::conclude(const Conclusion &here, bool) const {
  if (here.outcome.status != ICEGEN_SUCCESS) throw here.outcome;
  return here.holds;
}

void Communicator::broadcast(std::string &) const {}

std::vector<int> Communicator::node_sizes() const { return {1}; }

NodeMemory::NodeMemory(const Communicator &comm, std::size_t bytes) : comm_(comm), size_(bytes), own_(new char[bytes]) {
  data_ = own_.get();
}

NodeMemory::~NodeMemory() = default;

void NodeMemory::distribute(std::size_t, std::size_t, Place) const {}

}  // namespace icegen
