// SPDX-License-Identifier: MIT
#include "given.h"

#include <algorithm>
#include <cmath>

#include "error.h"

namespace icegen {
namespace {

constexpr double kUnit = 1 << 30;   // of the fixed-point numbers
constexpr double kLargest = 1024;   // absolute value; eight million points with it have a sum in 64 bits
constexpr double kLeast = 1e-6;     // weight that reaches a cell; of less, the fixed-point numbers would tell little
constexpr double kRounding = 1e-6;  // beyond the bounds, as in a host's sum over categories

std::int64_t fixed_point(double value) { return std::llround(value * kUnit); }

}  // namespace

GivenFields::Sums GivenFields::sums(const Archive &archive, std::size_t variable, const Target &target,
                                    const HostReals &values, const signed char *valid) {
  const double lower = std::max(archive.bounds[variable].lower, -kLargest);
  const double upper = std::min(archive.bounds[variable].upper, kLargest);
  const auto cells = static_cast<std::size_t>(archive.mask.ocean_cells());
  Sums sums(2 * cells);
  auto link = target.links.begin();
  for (std::size_t point = 0; point < target.valid.size(); ++point) {
    const bool given = valid == nullptr || valid[point] != 0;
    const double value = given ? values[static_cast<std::int64_t>(point)] : 0;
    if (!(value >= lower - kRounding && value <= upper + kRounding) && given)
      fail(ICEGEN_BAD_ARGUMENT, archive.variables[variable], " of point ", point + 1, " is ", value, "; wanted ", lower,
           " to ", upper);
    if (!target.valid[point]) continue;
    const double within = std::clamp(value, lower, upper);
    for (bool more = true; more; ++link) {
      more = link->more != 0;
      if (!given) continue;
      sums[link->cell] += fixed_point(link->weight * within);
      sums[cells + link->cell] += fixed_point(link->weight);
    }
  }
  return sums;
}

void GivenFields::add(std::size_t variable, Sums &&sums) {
  if (fields_.size() <= variable) fields_.resize(variable + 1);
  fields_[variable] = std::move(sums);
}

GivenFields::Sums GivenFields::total(const Communicator &comm, const Archive &archive) const {
  const std::size_t size = 2 * static_cast<std::size_t>(archive.mask.ocean_cells());
  Sums total;
  comm.agree([&] {
    total.resize(archive.variables.size() * size);
    for (std::size_t variable = 0; variable < fields_.size(); ++variable)
      std::copy(fields_[variable].begin(), fields_[variable].end(), total.begin() + variable * size);
  });
  comm.sum(total);
  return total;
}

GivenState given_state(const Archive &archive, const GivenFields::Sums &total) {
  GivenState state;
  state.values.resize(archive.state_size()), state.weights.resize(archive.state_size());
  const auto ocean_cells = static_cast<std::size_t>(archive.mask.ocean_cells());
  const auto cells = static_cast<std::size_t>(archive.mask.cells());
  for (std::size_t variable = 0; variable < archive.variables.size(); ++variable) {
    const std::int64_t *sums = total.data() + 2 * variable * ocean_cells, *weights = sums + ocean_cells;
    std::size_t number = 0;  // among the ocean cells
    for (std::size_t cell = 0; cell < cells; ++cell) {
      if (!archive.mask.ocean(static_cast<int>(cell))) continue;
      if (const auto weight = static_cast<double>(weights[number]); weight >= kLeast * kUnit) {
        state.values[variable * cells + cell] = static_cast<float>(static_cast<double>(sums[number]) / weight);
        state.weights[variable * cells + cell] = static_cast<float>(weight / kUnit);
      }
      ++number;
    }
  }
  return state;
}

}  // namespace icegen
