// SPDX-License-Identifier: MIT
#include "grid.h"

#include <algorithm>
#include <cmath>

#include "error.h"

namespace icegen {

Grid::Grid(const Projection &projection, int rows, int columns, double x0, double dx, double y0, double dy,
           std::vector<unsigned char> ocean)
    : projection_(projection),
      rows_(rows),
      columns_(columns),
      x0_(x0),
      dx_(dx),
      y0_(y0),
      dy_(dy),
      ocean_(std::move(ocean)) {
  if (projection.name != "lambert_azimuthal_equal_area" || std::abs(projection.latitude_of_origin) != 90.0)
    fail(ICEGEN_BAD_ARCHIVE, "the archive's grid mapping is ", projection.name, " at latitude ",
         projection.latitude_of_origin, "; wanted lambert_azimuthal_equal_area at a pole");
  if (rows < 1 || columns < 1 || dx == 0 || dy == 0 || ocean_.size() != static_cast<std::size_t>(rows) * columns)
    fail(ICEGEN_BAD_ARCHIVE, "the archive's grid of ", rows, " x ", columns, " cells has a mask of ", ocean_.size());
  const double inverse = projection.inverse_flattening;
  if (!(projection.semi_major_axis > 0) || !(inverse == 0 || inverse > 1))
    fail(ICEGEN_BAD_ARCHIVE, "the archive's ellipsoid has a semi-major axis of ", projection.semi_major_axis,
         " m and an inverse flattening of ", inverse);
  const double flattening = projection.inverse_flattening > 0 ? 1.0 / projection.inverse_flattening : 0.0;
  eccentricity_ = std::sqrt(flattening * (2.0 - flattening));
  q_pole_ = authalic_q(1.0);
}

// Snyder 1987, Map Projections - A Working Manual, eq. 3-12.
double Grid::authalic_q(double sin_latitude) const {
  const double e = eccentricity_;
  if (e == 0) return 2.0 * sin_latitude;
  const double es = e * sin_latitude;
  return (1.0 - e * e) * (sin_latitude / (1.0 - es * es) + std::atanh(es) / e);
}

// Snyder 1987, eqs. 24-23 to 24-25 (polar aspects).
std::pair<double, double> Grid::locate(double lon, double lat) const {
  constexpr double radian = 3.14159265358979323846 / 180.0;
  const double pole = projection_.latitude_of_origin > 0 ? 1.0 : -1.0;
  const double q = authalic_q(std::sin(lat * radian));
  const double rho = projection_.semi_major_axis * std::sqrt(std::max(0.0, q_pole_ - pole * q));
  const double angle = (lon - projection_.longitude_of_origin) * radian;
  const double x = projection_.false_easting + rho * std::sin(angle);
  const double y = projection_.false_northing - pole * rho * std::cos(angle);
  return {(y - y0_) / dy_, (x - x0_) / dx_};
}

}  // namespace icegen
