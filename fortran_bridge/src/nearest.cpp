// SPDX-License-Identifier: MIT
#include "nearest.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace icegen {
namespace {

double along(const Vector &v, int axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }

}  // namespace

NearestSearch::NearestSearch(std::vector<Vector> points) : points_(std::move(points)), order_(points_.size()) {
  std::iota(order_.begin(), order_.end(), 0);
  build(0, order_.size(), 0);
}

void NearestSearch::build(std::size_t begin, std::size_t end, int axis) {
  if (end - begin < 2) return;
  const std::size_t middle = begin + (end - begin) / 2;
  std::nth_element(order_.begin() + begin, order_.begin() + middle, order_.begin() + end,
                   [&](auto a, auto b) { return along(points_[a], axis) < along(points_[b], axis); });
  build(begin, middle, (axis + 1) % 3);
  build(middle + 1, end, (axis + 1) % 3);
}

std::int32_t NearestSearch::find(const Vector &p) const {
  double best = std::numeric_limits<double>::infinity();
  std::int32_t found = -1;
  search(0, order_.size(), 0, p, best, found);
  return found;
}

void NearestSearch::search(std::size_t begin, std::size_t end, int axis, const Vector &p, double &best,
                           std::int32_t &found) const {
  if (begin >= end) return;
  const std::size_t middle = begin + (end - begin) / 2;
  const std::int32_t here = order_[middle];
  const Vector offset = points_[here] - p;
  const double square = dot(offset, offset), beyond = along(p, axis) - along(points_[here], axis);
  if (square < best || (square == best && here < found)) best = square, found = here;
  const int next = (axis + 1) % 3;
  const auto visit = [&](bool lower) {
    lower ? search(begin, middle, next, p, best, found) : search(middle + 1, end, next, p, best, found);
  };
  visit(beyond < 0);
  if (beyond * beyond <= best) visit(beyond >= 0);
}

}  // namespace icegen
