// SPDX-License-Identifier: MIT
// The host's own values, such as its ice or observations, brought from its points to the archive's grid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "archive.h"
#include "communicator.h"
#include "fields.h"
#include "target.h"

namespace icegen {

// Fields on the whole grid, in the order of the archive's variables.
struct GridFields {
  std::vector<float> values;   // [variable, y, x], 0 where the weight is 0
  std::vector<float> weights;  // [variable, y, x], of the points that reach the cell
};

// A host's values of a field at the points of a target.
struct PointValues {
  std::string name;
  Field field;  // a variable, or the part of a vector to the east or to the north
  const Target *target;
  HostReals values;
  HostReals errors;          // standard deviations; missing if all points weigh the same
  const signed char *valid;  // 0 where a point is left out; null: none is

  std::size_t variable() const { return field.kind == Field::northward ? field.second : field.first; }
};

// What the ranks passed. A cell takes the mean of the points that are interpolated from it. The weight of a point is
// that of the interpolation, over the square of its error if it has one. Vectors are turned to the grid's axes, of
// which each takes its share of the part to the east and of that to the north; the sums hold only where both have the
// same weight. The sums are of fixed-point numbers, so that they depend neither on the decomposition of the host nor on
// the order of its calls.
class CellSums {
 public:
  // Sums of a variable, [2, ocean cell]: of weight times value, and of weight. Those of all follow one another.
  using Sums = std::vector<std::int64_t>;
  using ByVariable = std::map<std::size_t, Sums>;

  // unit: of the fixed-point numbers, as 1 over it;  largest: absolute value;  least: weight that reaches a cell.
  CellSums(double unit, double largest, double least) : unit_(unit), largest_(largest), least_(least) {}

  // The number of points that count: those that are not left out and reach a cell. Throws Error(ICEGEN_BAD_ARGUMENT)
  // for a value that is not finite or not within the archive's bounds, beyond rounding, and for an error out of range.
  std::int64_t count(const Archive &archive, const PointValues &points) const;

  // The sums of the variables with points added that were counted; `put` keeps them.
  ByVariable with(const Archive &archive, const PointValues &points) const;
  void put(ByVariable &&sums) noexcept;

  bool has(std::size_t variable) const { return sums_.count(variable) != 0; }
  bool empty() const { return sums_.empty(); }
  void clear() { sums_.clear(); }

  // The sums of all variables over all ranks; 0 for a variable of which there is nothing. Collective; throws the same
  // Error on all ranks.
  Sums total(const Communicator &comm, const Archive &archive) const;

  // The fields of a total.
  GridFields fields(const Archive &archive, const Sums &total) const;

 private:
  double unit_, largest_, least_;
  ByVariable sums_;
};

}  // namespace icegen
