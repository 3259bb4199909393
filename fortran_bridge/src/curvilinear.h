// SPDX-License-Identifier: MIT
// Coordinates of a grid of any shape, from the longitude and latitude of each cell's centre.
#pragma once

#include "grid.h"
#include "nearest.h"

namespace icegen {

class Curvilinear : public Coordinates {
 public:
  // centres [rows * columns], of the cells, and order [rows * columns], as sort_for_search left it, are kept elsewhere.
  // mirrored: x decreases with the column. Throws Error(ICEGEN_BAD_ARCHIVE) for less than 2 rows or columns.
  Curvilinear(int rows, int columns, const Vector *centres, const std::int32_t *order, bool mirrored);

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

// lon, lat [cells]: degrees;  centres [cells]: receives their places. Throws Error(ICEGEN_BAD_ARCHIVE) for what is
// none.
void find_centres(int cells, const double *lon, const double *lat, Vector *centres);

}  // namespace icegen
