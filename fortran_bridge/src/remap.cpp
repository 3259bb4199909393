// SPDX-License-Identifier: MIT
#include "remap.h"

#include <algorithm>
#include <cmath>

namespace icegen {
namespace {

// A point within a millimetre or so of a cell's centre is meant to be there, and gets the cell's very bits.
double snap(double position) {
  const double nearest = std::round(position);
  return std::abs(position - nearest) < 1e-7 ? nearest : position;
}

}  // namespace

bool bilinear(const Grid &grid, double lon, double lat, Stencil &stencil) {
  auto [row, column] = grid.locate(lon, lat);
  const int last_row = grid.rows() - 1, last_column = grid.columns() - 1;
  if (!(row >= -0.5 && row <= last_row + 0.5 && column >= -0.5 && column <= last_column + 0.5)) return false;
  row = std::clamp(snap(row), 0.0, double(last_row));  // the outer half of a border cell has its centre's value
  column = std::clamp(snap(column), 0.0, double(last_column));
  const int r0 = static_cast<int>(row), c0 = static_cast<int>(column);
  const int r1 = std::min(r0 + 1, last_row), c1 = std::min(c0 + 1, last_column);
  const double fr = row - r0, fc = column - c0;
  const int rows[4] = {r0, r0, r1, r1}, columns[4] = {c0, c1, c0, c1};
  const double weights[4] = {(1 - fr) * (1 - fc), (1 - fr) * fc, fr * (1 - fc), fr * fc};
  double total = 0;
  for (int i = 0; i < 4; ++i) total += grid.ocean(rows[i], columns[i]) ? weights[i] : 0.0;
  if (total < 0.5) return false;
  for (int i = 0; i < 4; ++i) {
    stencil.cell[i] = rows[i] * grid.columns() + columns[i];
    stencil.weight[i] = grid.ocean(rows[i], columns[i]) ? weights[i] / total : 0.0;
  }
  return true;
}

void apply(const std::vector<Stencil> &stencils, const float *field, float *values) {
  for (std::size_t p = 0; p < stencils.size(); ++p) {
    const Stencil &s = stencils[p];
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += s.weight[i] * static_cast<double>(field[s.cell[i]]);
    values[p] = static_cast<float>(sum);
  }
}

}  // namespace icegen
