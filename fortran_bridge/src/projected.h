// SPDX-License-Identifier: MIT
// Coordinates of a regular grid in a map projection: polar Lambert azimuthal equal-area, on a sphere or an ellipsoid.
#pragma once

#include <string>

#include "grid.h"

namespace icegen {

// A map projection, in the terms of grid mappings in the CF conventions.
struct Projection {
  std::string name;                      // grid_mapping_name
  double latitude_of_origin;             // degrees
  double longitude_of_origin;            // degrees
  double semi_major_axis;                // m
  double inverse_flattening;             // 0 for a sphere
  double false_easting, false_northing;  // m
};

// Centres of the cells along one axis.
struct Axis {
  double first, spacing;  // m; spacing of either sign
};

class Projected : public Coordinates {
 public:
  static bool knows(const Projection &projection);

  // Throws Error(ICEGEN_BAD_ARCHIVE) if the numbers describe no grid.
  Projected(const Projection &projection, int columns, Axis x, Axis y);

  bool locate(const Point &point, double &row, double &column) const override;
  Vector centre(int cell) const override;
  // The rotation at the point, for any cell: vectors are interpolated along the axes of the map.
  Turn turn(int cell, const Point &point) const override;

 private:
  Projection projection_;
  int columns_;
  Axis x_, y_;
  double pole_;  // 1 north, -1 south
  double eccentricity_, q_pole_;

  double authalic_q(double sin_latitude) const;
};

}  // namespace icegen
