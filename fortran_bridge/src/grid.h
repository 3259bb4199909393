// SPDX-License-Identifier: MIT
// The archive's grid: where a point of the Earth lies on it, and which of its cells are ocean.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace icegen {

// A map projection in the terms of the CF conventions' grid mappings.
struct Projection {
  std::string name;                      // grid_mapping_name
  double latitude_of_origin;             // degrees
  double longitude_of_origin;            // degrees
  double semi_major_axis;                // m
  double inverse_flattening;             // 0 for a sphere
  double false_easting, false_northing;  // m
};

class Grid {
 public:
  Grid() = default;
  // rows, columns: cells along y and x;  x0, y0: centre of the first cell, m;  dx, dy: spacing, m, of either sign;
  // ocean [rows * columns]: 1 on ocean cells. Throws Error(ICEGEN_BAD_ARCHIVE) for what it does not know.
  Grid(const Projection &projection, int rows, int columns, double x0, double dx, double y0, double dy,
       std::vector<unsigned char> ocean);

  int rows() const { return rows_; }
  int columns() const { return columns_; }
  std::size_t cells() const { return ocean_.size(); }
  bool ocean(int row, int column) const { return ocean_[static_cast<std::size_t>(row) * columns_ + column] != 0; }

  // Fractional row and column of a point (degrees), 0 at the centre of the first cell.
  std::pair<double, double> locate(double lon, double lat) const;

 private:
  Projection projection_;
  double eccentricity_ = 0, q_pole_ = 0;
  int rows_ = 0, columns_ = 0;
  double x0_ = 0, dx_ = 1, y0_ = 0, dy_ = 1;
  std::vector<unsigned char> ocean_;

  double authalic_q(double sin_latitude) const;
};

}  // namespace icegen
