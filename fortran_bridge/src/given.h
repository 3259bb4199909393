// SPDX-License-Identifier: MIT
// The host's own fields, brought from its points to the archive's grid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "archive.h"
#include "communicator.h"
#include "target.h"

namespace icegen {

// Fields on the whole grid, in the order of the archive's variables.
struct GivenState {
  std::vector<float> values;   // [variable, y, x], 0 where the weight is 0
  std::vector<float> weights;  // [variable, y, x], of the host's points that reach the cell
};

// What the ranks gave. A cell takes the mean of the points that are interpolated from it, with the weights of the
// interpolation. The sums are of fixed-point numbers, so that they do not depend on the decomposition of the host.
class GivenFields {
 public:
  // This rank's points of one variable: [2, ocean cell], sums of weight times value, and of weights.
  using Sums = std::vector<std::int64_t>;

  // Sums of a field. values [n], valid [n]: points with 0 are left out; null: none is. Throws
  // Error(ICEGEN_BAD_ARGUMENT) for a value that is not finite or not within the archive's bounds, beyond rounding.
  static Sums sums(const Archive &archive, std::size_t variable, const Target &target, const HostReals &values,
                   const signed char *valid);

  // Sums of a variable that was not given before.
  void add(std::size_t variable, Sums &&sums);
  bool has(std::size_t variable) const { return variable < fields_.size() && !fields_[variable].empty(); }
  bool empty() const { return fields_.empty(); }
  void clear() { fields_.clear(); }

  // The sums over all ranks, [variable, 2, ocean cell]; 0 for a variable that was not given. Collective; throws the
  // same Error on all ranks.
  Sums total(const Communicator &comm, const Archive &archive) const;

 private:
  std::vector<Sums> fields_;  // by variable
};

GivenState given_state(const Archive &archive, const GivenFields::Sums &total);

}  // namespace icegen
