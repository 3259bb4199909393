// SPDX-License-Identifier: MIT
// The edge of the archive's grid in ocean. A host that relaxes to the archive's fields would have a jump there.
#pragma once

#include <cstdint>
#include <vector>

#include "grid.h"
#include "nearest.h"

namespace icegen {

class DomainEdge {
 public:
  DomainEdge(const Mask &mask, const Coordinates &coordinates);

  // The distance from the edge divided by `width_km`, at most 1. With a width of 0 it is 1 everywhere.
  double blend(const Point &point, double width_km) const;

 private:
  // Centres of the ocean cells in the outermost rows and columns, except where the grid closes on itself.
  std::vector<Vector> cells_;
  std::vector<std::int32_t> order_;
};

}  // namespace icegen
