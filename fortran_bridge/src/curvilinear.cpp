// SPDX-License-Identifier: MIT
#include "curvilinear.h"

#include <algorithm>
#include <cmath>

#include "error.h"

namespace icegen {
namespace {

struct Plane {
  double x, y;
};

// The position of the origin in a quadrilateral: s from side (0, 1) to side (2, 3), t from side (0, 2) to side (1, 3).
// Inverts the bilinear map by Newton's method. Returns false if that does not converge.
bool invert_bilinear(const Plane (&corner)[4], double &s, double &t) {
  s = t = 0.5;
  bool arrived = false;
  for (int iteration = 0; iteration < 25; ++iteration) {
    const auto at = [&](auto part) {
      return (1 - s) * ((1 - t) * part(corner[0]) + t * part(corner[1])) +
             s * ((1 - t) * part(corner[2]) + t * part(corner[3]));
    };
    const auto along_s = [&](auto part) {
      return (1 - t) * (part(corner[2]) - part(corner[0])) + t * (part(corner[3]) - part(corner[1]));
    };
    const auto along_t = [&](auto part) {
      return (1 - s) * (part(corner[1]) - part(corner[0])) + s * (part(corner[3]) - part(corner[2]));
    };
    const auto x = [](const Plane &p) { return p.x; };
    const auto y = [](const Plane &p) { return p.y; };
    const double determinant = along_s(x) * along_t(y) - along_t(x) * along_s(y);
    if (determinant == 0) return false;
    const double ds = (at(x) * along_t(y) - at(y) * along_t(x)) / determinant;
    const double dt = (at(y) * along_s(x) - at(x) * along_s(y)) / determinant;
    s -= ds, t -= dt;
    if (!(std::abs(s) < 1e6 && std::abs(t) < 1e6)) return false;
    if (std::abs(ds) + std::abs(dt) < 1e-13) return true;
    arrived = std::abs(ds) + std::abs(dt) < 1e-6;
  }
  return arrived;
}

int towards(double fraction) { return fraction < -1e-12 ? -1 : fraction > 1 + 1e-12 ? 1 : 0; }

}  // namespace

void find_centres(int cells, const double *lon, const double *lat, Vector *centres) {
  for (int cell = 0; cell < cells; ++cell) {
    if (!std::isfinite(lon[cell]) || !(std::abs(lat[cell]) <= 90))
      fail(ICEGEN_BAD_ARCHIVE, "the archive's cell ", cell, " is at longitude ", lon[cell], ", latitude ", lat[cell]);
    centres[cell] = unit_vector({lon[cell], lat[cell]});
  }
}

Curvilinear::Curvilinear(int rows, int columns, const Vector *centres, const std::int32_t *order, bool mirrored)
    : rows_(rows),
      columns_(columns),
      mirrored_(mirrored),
      centres_(centres, order, static_cast<std::size_t>(rows) * columns) {
  if (rows < 2 || columns < 2)
    fail(ICEGEN_BAD_ARCHIVE, "the archive's grid has ", rows, " x ", columns, " cells; wanted at least 2 x 2");
}

bool Curvilinear::locate(const Point &point, double &row, double &column) const {
  const Vector p = unit_vector(point), east = east_of(point), north = north_of(point);
  const int nearest = centres_.find(p);
  const int near_row = nearest / columns_, near_column = nearest % columns_;

  // A point farther from the nearest centre than all of that cell's neighbours lies outside of the grid.
  double reach = 0;
  for (int r = std::max(0, near_row - 1); r <= std::min(rows_ - 1, near_row + 1); ++r)
    for (int c = std::max(0, near_column - 1); c <= std::min(columns_ - 1, near_column + 1); ++c)
      reach = std::max(reach, length(centre(r * columns_ + c) - centre(nearest)));
  if (length(p - centre(nearest)) > reach) return false;
  const auto at_nearest = [&] {
    row = near_row, column = near_column;
    return true;
  };

  // From the nearest centre, walk to the quadrilateral of centres that holds the point, or to the grid's border. If
  // there is none, as at a pole where all columns meet, the point is moved to the nearest centre.
  int r = std::min(near_row, rows_ - 2), c = std::min(near_column, columns_ - 2);
  for (int walked = 0; walked < 16; ++walked) {
    Plane corner[4];  // gnomonic projection about the point
    for (int i = 0; i < 4; ++i) {
      const Vector v = centre((r + i / 2) * columns_ + c + i % 2);
      const double depth = dot(v, p);
      if (depth <= 0) return at_nearest();
      corner[i] = {dot(v, east) / depth, dot(v, north) / depth};
    }
    double s, t;
    if (!invert_bilinear(corner, s, t)) return at_nearest();
    const int next_r = std::clamp(r + towards(s), 0, rows_ - 2), next_c = std::clamp(c + towards(t), 0, columns_ - 2);
    row = r + s, column = c + t;
    if (next_r == r && next_c == c) return true;
    r = next_r, c = next_c;
  }
  return at_nearest();
}

Turn Curvilinear::turn(int cell, const Point &point) const {
  const int column = cell % columns_;
  const int before = column > 0 ? cell - 1 : cell, after = column < columns_ - 1 ? cell + 1 : cell;
  const Vector x_axis = centre(after) - centre(before);
  const double sign = mirrored_ ? -1 : 1;
  const double to_east = sign * dot(x_axis, east_of(point)), to_north = sign * dot(x_axis, north_of(point));
  const double size = std::hypot(to_east, to_north);
  constexpr double none = 1e-12;  // of the Earth's radius, some micrometres: columns that meet have no direction
  return size > none ? Turn{to_east / size, to_north / size} : Turn{1, 0};
}

}  // namespace icegen
