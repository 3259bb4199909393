// SPDX-License-Identifier: MIT
#include "node_states.h"

#include <algorithm>

namespace icegen {

void GiveBack::operator()(float *state) const noexcept { states->free_.push_back(state); }

void NodeStates::allocate() {
  const auto next = std::find(memories_.begin(), memories_.end(), std::nullopt);
  const std::size_t states = std::size_t{1} << (next - memories_.begin());
  comm_.agree([&] {
    if (next == memories_.end()) throw std::bad_alloc();
    free_.reserve(2 * states - 1);
  });
  next->emplace(comm_, states * bytes());
  for (std::size_t i = 0; i < states; ++i) free_.push_back(reinterpret_cast<float *>((*next)->data() + i * bytes()));
}

NodeState NodeStates::take() {
  if (free_.empty()) allocate();
  float *state = free_.back();
  free_.pop_back();
  return {state, {this}};
}

void NodeStates::distribute(const NodeState &state, Place writer) const {
  const auto *place = reinterpret_cast<const char *>(state.get());
  for (const auto &memory : memories_) {
    if (!memory || place < memory->data() || place >= memory->data() + memory->size()) continue;
    return memory->distribute(place - memory->data(), bytes(), writer);
  }
}

}  // namespace icegen
