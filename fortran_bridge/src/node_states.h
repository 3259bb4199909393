// SPDX-License-Identifier: MIT
// Generated states that were brought to the node, where all its ranks read them.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "node_memory.h"

namespace icegen {

class NodeStates;

// A state's memory; it goes back to the others when it is destroyed.
struct GiveBack {
  NodeStates *states;
  void operator()(float *state) const noexcept;
};
using NodeState = std::unique_ptr<float, GiveBack>;

class NodeStates {
 public:
  // values: float32 numbers of a state. comm: outlives it, as it does what it hands out.
  NodeStates(const Communicator &comm, std::size_t values) : comm_(comm), values_(values) {}

  // Memory for a state, allocated if none is free. All ranks take and give back in the same order. Collective; throws
  // the same Error on all ranks.
  NodeState take();

  // Bring a state from the rank that wrote it to all nodes. Collective; throws Error.
  void distribute(const NodeState &state, Place writer) const;

 private:
  friend struct GiveBack;
  std::size_t bytes() const { return values_ * sizeof(float); }
  void allocate();

  const Communicator &comm_;
  std::size_t values_;
  std::array<std::optional<NodeMemory>, 31> memories_;  // the i-th, where it is there, holds 2^i states
  std::vector<float *> free_;                           // its capacity suffices for all states
};

}  // namespace icegen
