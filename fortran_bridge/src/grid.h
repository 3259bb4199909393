// SPDX-License-Identifier: MIT
// The archive's grid: which of its cells are ocean, and where a point of the Earth lies on it.
#pragma once

#include <vector>

#include "sphere.h"

namespace icegen {

// Cells in rows and columns.
class Mask {
 public:
  Mask() = default;
  // ocean [rows * columns]: 1 on ocean cells. Throws Error(ICEGEN_BAD_ARCHIVE) if the sizes disagree.
  Mask(int rows, int columns, std::vector<unsigned char> ocean);

  int rows() const { return rows_; }
  int columns() const { return columns_; }
  int cells() const { return rows_ * columns_; }
  bool ocean(int cell) const { return ocean_[cell] != 0; }

 private:
  int rows_ = 0, columns_ = 0;
  std::vector<unsigned char> ocean_;
};

// Where things are; one class for each kind of grid.
class Coordinates {
 public:
  virtual ~Coordinates() = default;

  // Fractional row and column of a point, 0 at the centre of the first cell. Returns false, or a place outside of the
  // cells, where the point lies on none.
  virtual bool locate(const Point &point, double &row, double &column) const = 0;

  // Centre of a cell.
  virtual Vector centre(int cell) const = 0;

  // From the grid's x and y axes at a cell to the east and north of a point nearby.
  virtual Turn turn(int cell, const Point &point) const = 0;
};

}  // namespace icegen
