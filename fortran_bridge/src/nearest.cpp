// SPDX-License-Identifier: MIT
#include "nearest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace icegen {
namespace {

double along(const Vector &v, int axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }

void sort_subtree(const Vector *points, std::int32_t *begin, std::int32_t *end, int axis) {
  if (end - begin < 2) return;
  std::int32_t *middle = begin + (end - begin) / 2;
  std::nth_element(begin, middle, end, [&](auto a, auto b) { return along(points[a], axis) < along(points[b], axis); });
  sort_subtree(points, begin, middle, (axis + 1) % 3);
  sort_subtree(points, middle + 1, end, (axis + 1) % 3);
}

}  // namespace

void sort_for_search(const Vector *points, std::int32_t *order, std::size_t count) {
  std::iota(order, order + count, 0);
  sort_subtree(points, order, order + count, 0);
}

std::int32_t NearestSearch::find(const Vector &p, double within_km) const {
  const double angle = within_km / kEarthRadiusKm, chord = 2 * std::sin(angle / 2);
  double best = angle < 3 ? chord * chord * (1 + 1e-9) : std::numeric_limits<double>::infinity();
  std::int32_t found = -1;
  search(0, count_, 0, p, best, found);
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
