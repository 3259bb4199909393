// SPDX-License-Identifier: MIT
// Formulas: Snyder 1987, Map Projections - A Working Manual, USGS Professional Paper 1395.
#include "projected.h"

#include <algorithm>
#include <cmath>

#include "error.h"

namespace icegen {

bool Projected::knows(const Projection &projection) {
  return projection.name == "lambert_azimuthal_equal_area" && std::abs(projection.latitude_of_origin) == 90.0;
}

Projected::Projected(const Projection &projection, int columns, Axis x, Axis y)
    : projection_(projection), columns_(columns), x_(x), y_(y), pole_(projection.latitude_of_origin > 0 ? 1 : -1) {
  const double inverse = projection.inverse_flattening;
  if (!(projection.semi_major_axis > 0) || !(inverse == 0 || inverse > 1))
    fail(ICEGEN_BAD_ARCHIVE, "the archive's ellipsoid has a semi-major axis of ", projection.semi_major_axis,
         " m and an inverse flattening of ", inverse, "; wanted more than 0 m, and 0 or more than 1");
  if (x.spacing == 0 || y.spacing == 0)
    fail(ICEGEN_BAD_ARCHIVE, "the archive's cells are 0 m apart; wanted any other distance");
  const double flattening = inverse > 0 ? 1.0 / inverse : 0.0;
  eccentricity_ = std::sqrt(flattening * (2.0 - flattening));
  q_pole_ = authalic_q(1.0);
}

// Eq. 3-12.
double Projected::authalic_q(double sin_latitude) const {
  const double e = eccentricity_;
  if (e == 0) return 2.0 * sin_latitude;
  const double es = e * sin_latitude;
  return (1.0 - e * e) * (sin_latitude / (1.0 - es * es) + std::atanh(es) / e);
}

// Eqs. 24-23 to 24-25 (polar aspects).
bool Projected::locate(const Point &point, double &row, double &column) const {
  const double q = authalic_q(std::sin(point.lat * kRadian));
  const double rho = projection_.semi_major_axis * std::sqrt(std::max(0.0, q_pole_ - pole_ * q));
  const double angle = (point.lon - projection_.longitude_of_origin) * kRadian;
  column = (projection_.false_easting + rho * std::sin(angle) - x_.first) / x_.spacing;
  row = (projection_.false_northing - pole_ * rho * std::cos(angle) - y_.first) / y_.spacing;
  return true;
}

// Eqs. 24-26 and 3-18, the authalic latitude by its distance from the pole.
Vector Projected::centre(int cell) const {
  const int row = cell / columns_, column = cell % columns_;
  const double x = x_.first + x_.spacing * column - projection_.false_easting;
  const double y = y_.first + y_.spacing * row - projection_.false_northing;
  const double rho = std::hypot(x, y) / projection_.semi_major_axis;
  const double authalic = 90 * kRadian - 2 * std::asin(std::min(1.0, rho / std::sqrt(2 * q_pole_)));
  const double e2 = eccentricity_ * eccentricity_, e4 = e2 * e2, e6 = e4 * e2;
  const double latitude = authalic + (e2 / 3 + 31 * e4 / 180 + 517 * e6 / 5040) * std::sin(2 * authalic) +
                          (23 * e4 / 360 + 251 * e6 / 3780) * std::sin(4 * authalic) +
                          761 * e6 / 45360 * std::sin(6 * authalic);
  return unit_vector(
      {projection_.longitude_of_origin + std::atan2(x, -pole_ * y) / kRadian, pole_ * latitude / kRadian});
}

Turn Projected::turn(int, const Point &point) const {
  const double angle = (point.lon - projection_.longitude_of_origin) * kRadian;
  return {std::cos(angle), -pole_ * std::sin(angle)};
}

}  // namespace icegen
