// SPDX-License-Identifier: MIT
#include "edge.h"

#include <algorithm>

namespace icegen {

DomainEdge::DomainEdge(const Mask &mask, const Coordinates &coordinates) {
  const int rows = mask.rows(), columns = mask.columns();
  // A grid that closes on itself goes on where its rows or columns end.
  const auto ends = [&](int cell, int inner) {
    const Vector here = coordinates.centre(cell), inside = coordinates.centre(inner);
    const Point beyond = point_of({2 * here.x - inside.x, 2 * here.y - inside.y, 2 * here.z - inside.z});
    double row, column;
    return !coordinates.locate(beyond, row, column) || row < -0.5 || row > rows - 0.5 || column < -0.5 ||
           column > columns - 0.5;
  };
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      const int cell = row * columns + column;
      if (!mask.ocean(cell)) continue;
      const bool at_edge = (row == 0 && rows > 1 && ends(cell, cell + columns)) ||
                           (row == rows - 1 && rows > 1 && ends(cell, cell - columns)) ||
                           (column == 0 && columns > 1 && ends(cell, cell + 1)) ||
                           (column == columns - 1 && columns > 1 && ends(cell, cell - 1));
      if (at_edge) cells_.push_back(coordinates.centre(cell));
    }
  }
  order_.resize(cells_.size());
  sort_for_search(cells_.data(), order_.data(), cells_.size());
}

double DomainEdge::blend(const Point &point, double width_km) const {
  if (cells_.empty() || width_km <= 0) return 1;
  const Vector p = unit_vector(point);
  const std::int32_t nearest = NearestSearch(cells_.data(), order_.data(), cells_.size()).find(p);
  return std::min(1.0, distance_km(p, cells_[nearest]) / width_km);
}

}  // namespace icegen
