// SPDX-License-Identifier: MIT
// The nearest of many points of the Earth: a k-d tree over unit vectors.
#pragma once

#include <cstdint>
#include <vector>

#include "sphere.h"

namespace icegen {

class NearestSearch {
 public:
  explicit NearestSearch(std::vector<Vector> points);

  // Index of the point nearest to `p`, -1 if there are none; of equally near ones the first.
  std::int32_t find(const Vector &p) const;
  const Vector &point(std::int32_t index) const { return points_[index]; }

 private:
  void build(std::size_t begin, std::size_t end, int axis);
  void search(std::size_t begin, std::size_t end, int axis, const Vector &p, double &best, std::int32_t &found) const;

  std::vector<Vector> points_;
  std::vector<std::int32_t> order_;  // of a subtree the middle one parts the others along its axis
};

}  // namespace icegen
