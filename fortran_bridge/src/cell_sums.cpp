// SPDX-License-Identifier: MIT
#include "cell_sums.h"

#include <algorithm>
#include <cmath>

#include "error.h"

namespace icegen {
namespace {

constexpr double kRounding = 1e-6;  // beyond the bounds, as in a host's sum over categories
constexpr double kLeastError = 0.001, kLargestError = 10;

// Bounds of a variable's values, of which none is larger than `largest`.
Bounds bounds_of(const Archive &archive, std::size_t variable, double largest) {
  return {std::max(archive.bounds[variable].lower, -largest), std::min(archive.bounds[variable].upper, largest)};
}

bool left_out(const PointValues &points, std::size_t point) {
  return points.valid != nullptr && points.valid[point] == 0;
}

}  // namespace

std::int64_t CellSums::count(const Archive &archive, const PointValues &points) const {
  const Bounds bounds = bounds_of(archive, points.variable(), largest_);
  const std::string &name = points.name;
  std::int64_t counted = 0;
  for (std::size_t point = 0; point < points.target->valid.size(); ++point) {
    if (left_out(points, point)) continue;
    const auto i = static_cast<std::int64_t>(point);
    if (const double value = points.values[i];
        !(value >= bounds.lower - kRounding && value <= bounds.upper + kRounding))
      fail(ICEGEN_BAD_ARGUMENT, name, " of point ", point + 1, " is ", value, "; wanted ", bounds.lower, " to ",
           bounds.upper);
    if (!points.errors.missing())
      if (const double error = points.errors[i]; !(error >= kLeastError && error <= kLargestError))
        fail(ICEGEN_BAD_ARGUMENT, "the error of ", name, " of point ", point + 1, " is ", error, "; wanted ",
             kLeastError, " to ", kLargestError);
    counted += points.target->valid[point];
  }
  return counted;
}

CellSums::ByVariable CellSums::with(const Archive &archive, const PointValues &points) const {
  const Bounds bounds = bounds_of(archive, points.variable(), largest_);
  const auto cells = static_cast<std::size_t>(archive.mask.ocean_cells());
  const Field &field = points.field;
  ByVariable made;
  for (const std::size_t variable : {field.first, field.second}) {
    const auto before = sums_.find(variable);
    made[variable] = before == sums_.end() ? Sums(2 * cells) : before->second;
  }
  Sums &first = made[field.first], &second = made[field.second], &own = made[points.variable()];
  const auto fixed_point = [this](double number) { return std::llrint(number * unit_); };
  auto link = points.target->links.begin();
  for (std::size_t point = 0; point < points.target->valid.size(); ++point) {
    if (!points.target->valid[point]) continue;
    const bool counts = !left_out(points, point);
    const auto i = static_cast<std::int64_t>(point);
    const double value = counts ? std::clamp(points.values[i], bounds.lower, bounds.upper) : 0;
    const double error = counts && !points.errors.missing() ? points.errors[i] : 1;
    const double precision = 1 / (error * error);
    for (bool more = true; more; ++link) {
      more = link->more != 0;
      if (!counts) continue;
      const double weight = std::clamp(link->weight, 0.0, 1.0) * precision;  // a file may have others
      own[cells + link->cell] += fixed_point(weight);
      if (field.kind == Field::variable) {
        own[link->cell] += fixed_point(weight * value);
        continue;
      }
      const Turn &turn = points.target->turns[link - points.target->links.begin()];
      const bool east = field.kind == Field::eastward;
      first[link->cell] += fixed_point(weight * value * (east ? turn.cosine : turn.sine));
      second[link->cell] += fixed_point(weight * value * (east ? -turn.sine : turn.cosine));
    }
  }
  return made;
}

void CellSums::put(ByVariable &&sums) noexcept {
  sums.merge(sums_);  // which keeps those of the same variables
  sums_.swap(sums);
}

CellSums::Sums CellSums::total(const Communicator &comm, const Archive &archive) const {
  const std::size_t size = 2 * static_cast<std::size_t>(archive.mask.ocean_cells());
  Sums total;
  comm.agree([&] {
    total.resize(archive.variables.size() * size);
    for (const auto &[variable, sums] : sums_) std::copy(sums.begin(), sums.end(), total.begin() + variable * size);
  });
  comm.sum(total);
  return total;
}

GridFields CellSums::fields(const Archive &archive, const Sums &total) const {
  GridFields fields;
  fields.values.resize(archive.state_size()), fields.weights.resize(archive.state_size());
  const auto ocean_cells = static_cast<std::size_t>(archive.mask.ocean_cells());
  const auto cells = static_cast<std::size_t>(archive.mask.cells());
  for (std::size_t variable = 0; variable < archive.variables.size(); ++variable) {
    const std::int64_t *sums = total.data() + 2 * variable * ocean_cells, *weights = sums + ocean_cells;
    std::size_t number = 0;  // among the ocean cells
    for (std::size_t cell = 0; cell < cells; ++cell) {
      if (!archive.mask.ocean(static_cast<int>(cell))) continue;
      if (const auto weight = static_cast<double>(weights[number]); weight >= least_ * unit_) {
        fields.values[variable * cells + cell] = static_cast<float>(static_cast<double>(sums[number]) / weight);
        fields.weights[variable * cells + cell] = static_cast<float>(weight / unit_);
      }
      ++number;
    }
  }
  return fields;
}

}  // namespace icegen
