// SPDX-License-Identifier: MIT
// Coordinates of a grid of any shape, from the longitude and latitude of each cell's centre.
#pragma once

#include <vector>

#include "grid.h"
#include "nearest.h"

namespace icegen {

class Curvilinear : public Coordinates {
 public:
  // lon, lat: degrees [rows * columns]. mirrored: x decreases with the column. Throws Error(ICEGEN_BAD_ARCHIVE).
  Curvilinear(int rows, int columns, const double *lon, const double *lat, bool mirrored);

  // Between four centres: inverse bilinear interpolation where great circles are straight.
  bool locate(const Point &point, double &row, double &column) const override;
  Vector centre(int cell) const override { return centres_.point(cell); }
  // x is the direction of increasing columns, y at right angles to its left.
  Turn turn(int cell, const Point &point) const override;

 private:
  int rows_, columns_;
  bool mirrored_;
  NearestSearch centres_;
};

}  // namespace icegen
