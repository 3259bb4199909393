// SPDX-License-Identifier: MIT
// Remapping from the archive's cells to the host's points.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grid.h"
#include "nearest.h"

namespace icegen {

// A point's value is the sum over its links of weight times cell.
struct Link {
  std::int32_t cell;
  std::int32_t more;  // 1 if the next link belongs to the same point, 0 on its last one
  double weight;
};

enum class Method {
  bilinear,  // weights of ocean cells, renormalised; valid where at least half of the weight is on ocean
  nearest    // the cell in which the point lies; valid where that is ocean
};

Method method_named(const std::string &name);  // throws Error(ICEGEN_BAD_ARGUMENT)

// A search among the ocean cells. The i-th point of the search is the centre of cells[i].
struct OceanSearch {
  const std::int32_t *cells;  // not owned
  NearestSearch nearest;
};

class Remapping {
 public:
  // distance_km: a point that is not valid by `method` takes the nearest ocean cell within this distance. With 0,
  // `ocean` may be null. All arguments have to outlive this.
  Remapping(const Mask &mask, const Coordinates &coordinates, const OceanSearch *ocean, Method method,
            double distance_km);

  // Append the links of a point, whose weights sum to 1. Returns false, and appends none, where it is not valid.
  bool operator()(const Point &point, std::vector<Link> &links) const;

 private:
  bool nearest_ocean(const Point &point, std::vector<Link> &links) const;

  const Mask &mask_;
  const Coordinates &coordinates_;
  const OceanSearch *ocean_;
  Method method_;
  double distance_km_;
};

// Throws Error(ICEGEN_BAD_ARGUMENT) for a distance, in km, that is negative or not a number.
void require_distance(double distance_km);

}  // namespace icegen
