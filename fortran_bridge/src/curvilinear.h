// SPDX-License-Identifier: MIT
// Coordinates of a grid of any shape, from the longitude and latitude of each cell's centre.
#pragma once

#include "grid.h"
#include "nearest.h"

namespace icegen {

class Curvilinear : public Coordinates {
 public:
  // centres [rows * columns]: of the cells.  order [rows * columns]: from sort_for_search. Both have to outlive this.
  // mirrored: x decreases with the column. Throws Error(ICEGEN_BAD_ARCHIVE) for less than 2 rows or columns.
  Curvilinear(int rows, int columns, const Vector *centres, const std::int32_t *order, bool mirrored);

  // Inverse bilinear interpolation between four centres, in a projection in which great circles are straight.
  bool locate(const Point &point, double &row, double &column) const override;
  Vector centre(int cell) const override { return centres_.point(cell); }
  // x is the direction of increasing columns. y is perpendicular to it, on its left.
  Turn turn(int cell, const Point &point) const override;

 private:
  int rows_, columns_;
  bool mirrored_;
  NearestSearch centres_;
};

// lon, lat [cells]: degrees.  centres [cells]: receives unit vectors. Throws Error(ICEGEN_BAD_ARCHIVE) if there
// is no such place.
void find_centres(int cells, const double *lon, const double *lat, Vector *centres);

}  // namespace icegen
