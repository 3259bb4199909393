// SPDX-License-Identifier: MIT
// The archive's grid: which of its cells are ocean, and where a point of the Earth lies on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sphere.h"

namespace icegen {

// Cells in rows and columns, numbered row by row. The ocean cells among them have numbers of their own, in the same
// order.
class Mask {
 public:
  Mask() = default;
  // ocean [rows * columns]: not 0 on ocean cells. Throws Error(ICEGEN_BAD_ARCHIVE) if the sizes disagree.
  Mask(int rows, int columns, const std::string &ocean);

  int rows() const { return rows_; }
  int columns() const { return columns_; }
  int cells() const { return rows_ * columns_; }
  int ocean_cells() const { return ocean_cells_; }
  bool ocean(int cell) const { return words_[cell / 64].bits >> cell % 64 & 1; }
  std::int32_t ocean_number(int cell) const;  // of an ocean cell, among the ocean cells

  // Copy the ocean cells of `cells` to `ocean`, which may be the same memory.
  void pack(const float *cells, float *ocean) const;

 private:
  struct Word {
    std::uint64_t bits = 0;   // one for each cell: 1 on ocean
    std::int32_t before = 0;  // number of ocean cells in the words before
  };
  int rows_ = 0, columns_ = 0, ocean_cells_ = 0;
  std::vector<Word> words_;
};

// Positions and directions on a grid; one class for each kind of grid.
class Coordinates {
 public:
  virtual ~Coordinates() = default;

  // Fractional row and column of a point, 0 at the centre of the first cell. If the point is on no cell, returns false,
  // or a position outside the cells.
  virtual bool locate(const Point &point, double &row, double &column) const = 0;

  // Centre of a cell.
  virtual Vector centre(int cell) const = 0;

  // Rotation from the grid's x and y axes at a cell to east and north at a point nearby.
  virtual Turn turn(int cell, const Point &point) const = 0;
};

}  // namespace icegen
