// SPDX-License-Identifier: MIT
// Where the archive's grid ends in ocean: a host that is drawn to its fields would see a front there.
#pragma once

#include <cstdint>
#include <vector>

#include "grid.h"
#include "nearest.h"

namespace icegen {

class DomainEdge {
 public:
  DomainEdge(const Mask &mask, const Coordinates &coordinates);

  // 1 far from the edge, falling to 0 in proportion to the distance where that is less than `width_km`; 0: it is 1 at
  // the edge too.
  double blend(const Point &point, double width_km) const;

 private:
  std::vector<Vector>
      cells_;  // centres of the ocean cells in the outermost rows and columns, beyond which there is none
  std::vector<std::int32_t> order_;
};

}  // namespace icegen
