// SPDX-License-Identifier: MIT
// The nearest of many points of the Earth: a k-d tree over unit vectors, in flat arrays that ranks can share.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sphere.h"

namespace icegen {

class NearestSearch {
 public:
  // points [count], and order [count] from sort_for_search, have to outlive the search.
  NearestSearch(const Vector *points, const std::int32_t *order, std::size_t count)
      : points_(points), order_(order), count_(count) {}

  // Index of the point nearest to `p`, the first of several that are equally near; -1 if there are no points. Points
  // further than `within_km`, except for rounding, are not searched: far away, all points are almost equally near, and
  // the tree helps little.
  std::int32_t find(const Vector &p, double within_km = 2e5) const;
  const Vector &point(std::int32_t index) const { return points_[index]; }

 private:
  void search(std::size_t begin, std::size_t end, int axis, const Vector &p, double &best, std::int32_t &found) const;

  const Vector *points_;
  const std::int32_t *order_;  // the middle point of a subtree divides the others along an axis
  std::size_t count_;
};

// Fill order [count] with the indices of the points in the order of the tree.
void sort_for_search(const Vector *points, std::int32_t *order, std::size_t count);

}  // namespace icegen
