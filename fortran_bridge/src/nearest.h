// SPDX-License-Identifier: MIT
// The nearest of many points of the Earth: a k-d tree over unit vectors, in flat arrays that ranks can share.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sphere.h"

namespace icegen {

class NearestSearch {
 public:
  // points [count] and order [count], as sort_for_search left it, are kept elsewhere and outlive the search.
  NearestSearch(const Vector *points, const std::int32_t *order, std::size_t count)
      : points_(points), order_(order), count_(count) {}

  // Index of the point nearest to `p`, -1 if there are none; of equally near ones the first. Points further than
  // `within_km`, but for rounding, are not looked at: from far away all are nearly as near, and the tree helps little.
  std::int32_t find(const Vector &p, double within_km = 2e5) const;
  const Vector &point(std::int32_t index) const { return points_[index]; }

 private:
  void search(std::size_t begin, std::size_t end, int axis, const Vector &p, double &best, std::int32_t &found) const;

  const Vector *points_;
  const std::int32_t *order_;  // of a subtree the middle one parts the others along its axis
  std::size_t count_;
};

// Fill order [count] with the indices of the points in the order of the tree.
void sort_for_search(const Vector *points, std::int32_t *order, std::size_t count);

}  // namespace icegen
