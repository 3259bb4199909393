// SPDX-License-Identifier: MIT
// Copies of generated states on the node, which all its ranks read.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "node_memory.h"

namespace icegen {

class NodeStates;

// Memory of a state. Its destruction makes the memory free for other states.
struct GiveBack {
  NodeStates *states;
  void operator()(float *state) const noexcept;
};
using NodeState = std::unique_ptr<float, GiveBack>;

class NodeStates {
 public:
  // values: number of float32 values of a state. comm: outlives this, which outlives the states that it hands out.
  NodeStates(const Communicator &comm, std::size_t values) : comm_(comm), values_(values) {}

  // Memory for a state, allocated if none is free. All ranks take and give back in the same order. Collective; throws
  // the same Error on all ranks.
  NodeState take();

  // Copy a state from the rank that wrote it to all nodes. Collective; throws Error.
  void distribute(const NodeState &state, Place writer) const;

 private:
  friend struct GiveBack;
  std::size_t bytes() const { return values_ * sizeof(float); }
  void allocate();

  const Communicator &comm_;
  std::size_t values_;
  std::array<std::optional<NodeMemory>, 31> memories_;  // the i-th, if it exists, holds 2^i states
  std::vector<float *> free_;                           // has capacity for all states
};

}  // namespace icegen
