// SPDX-License-Identifier: MIT
// Points of the Earth as unit vectors, so that neither the poles nor the date line are special.
#pragma once

#include <algorithm>
#include <cmath>

namespace icegen {

constexpr double kRadian = 3.14159265358979323846 / 180.0;  // one degree
constexpr double kEarthRadiusKm = 6371.0088;                // mean

struct Point {
  double lon, lat;  // degrees
};

struct Vector {
  double x, y, z;
};

inline Vector operator-(const Vector &a, const Vector &b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline double dot(const Vector &a, const Vector &b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline double length(const Vector &a) { return std::sqrt(dot(a, a)); }

inline Vector unit_vector(const Point &p) {
  const double lon = p.lon * kRadian, lat = p.lat * kRadian;
  return {std::cos(lat) * std::cos(lon), std::cos(lat) * std::sin(lon), std::sin(lat)};
}

// The point in the direction of a vector of any length.
inline Point point_of(const Vector &v) {
  return {std::atan2(v.y, v.x) / kRadian, std::atan2(v.z, std::hypot(v.x, v.y)) / kRadian};
}

// Along the great circle.
inline double distance_km(const Vector &a, const Vector &b) {
  return 2 * kEarthRadiusKm * std::asin(std::min(1.0, length(a - b) / 2));
}

// Unit vectors to the east and to the north at a point. At a pole, its longitude gives them a direction.
inline Vector east_of(const Point &p) {
  const double lon = p.lon * kRadian;
  return {-std::sin(lon), std::cos(lon), 0};
}
inline Vector north_of(const Point &p) {
  const double lon = p.lon * kRadian, lat = p.lat * kRadian;
  return {-std::sin(lat) * std::cos(lon), -std::sin(lat) * std::sin(lon), std::cos(lat)};
}

// A rotation by the angle of the grid's x axis from east, counterclockwise.
struct Turn {
  double cosine, sine;
};

}  // namespace icegen
