// SPDX-License-Identifier: MIT
// From the archive's cells to the host's points.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "grid.h"

namespace icegen {

// A point's value is the weighted sum of four cells; weights sum to 1, those of land cells are 0.
struct Stencil {
  std::array<std::int32_t, 4> cell;
  std::array<double, 4> weight;
};

// Masked bilinear interpolation: weights of ocean cells, renormalised. Returns false, and leaves `stencil`, where the
// point lies outside the grid's cells or less than half of the weight is on ocean.
bool bilinear(const Grid &grid, double lon, double lat, Stencil &stencil);

// Values at points of one field [rows * columns]; each point's arithmetic is the same whatever its companions.
void apply(const std::vector<Stencil> &stencils, const float *field, float *values);

}  // namespace icegen
