// SPDX-License-Identifier: MIT
#include "target.h"

#include <algorithm>
#include <climits>
#include <cmath>

#include "error.h"

namespace icegen {
std::vector<Point> checked_points(const std::string &target, const HostPoints &points) {
  if (points.n < 0 || points.n > INT_MAX)
    fail(ICEGEN_BAD_ARGUMENT, "target '", target, "' has ", points.n, " points; wanted 0 to ", INT_MAX,
         ", the same number in all its arrays");
  if (points.n > 0 && points.lon.missing()) fail(ICEGEN_BAD_ARGUMENT, "lon is a null pointer");
  if (points.n > 0 && points.lat.missing()) fail(ICEGEN_BAD_ARGUMENT, "lat is a null pointer");
  if (points.units == nullptr) fail(ICEGEN_BAD_ARGUMENT, "units is a null pointer");
  const std::string units = points.units;
  if (units != "degrees" && units != "radians")
    fail(ICEGEN_BAD_ARGUMENT, "units is '", units, "'; wanted 'degrees' or 'radians'");
  const double to_degrees = units == "radians" ? 1 / kRadian : 1;
  constexpr double rounding = 2e-5;  // degrees; pi / 2 in single precision lies beyond the pole
  const auto refuse = [&](const char *name, std::int64_t i, double seen, double limit) {
    fail(ICEGEN_BAD_ARGUMENT, "target '", target, "': ", name, " of point ", i + 1, " is ", seen, "; wanted ",
         -limit / to_degrees, " to ", limit / to_degrees, " ", units);
  };
  std::vector<Point> checked;
  checked.reserve(points.n);
  for (std::int64_t i = 0; i < points.n; ++i) {
    const Point p = {points.lon[i] * to_degrees, points.lat[i] * to_degrees};
    if (!(std::abs(p.lon) <= 1080)) refuse("lon", i, points.lon[i], 1080);
    if (!(std::abs(p.lat) <= 90 + rounding)) refuse("lat", i, points.lat[i], 90);
    checked.push_back({p.lon, std::clamp(p.lat, -90.0, 90.0)});
  }
  return checked;
}

void Target::add_point(const Point &point, const Mask &mask, const Coordinates *turning) {
  valid.push_back(links.size() > linked_);
  for (; linked_ < links.size(); ++linked_) {
    std::int32_t &cell = links[linked_].cell;
    if (turning != nullptr) turns.push_back(turning->turn(cell, point));
    cell = mask.ocean_number(cell);
  }
}

}  // namespace icegen
