// SPDX-License-Identifier: MIT
#include "remap.h"

#include <algorithm>
#include <cmath>

#include "error.h"

namespace icegen {
namespace {

// A point within about a millimetre of a cell's centre is meant to be the centre, and gets the bits of the cell.
double snap(double position) {
  const double nearest = std::round(position);
  return std::abs(position - nearest) < 1e-7 ? nearest : position;
}

bool bilinear(const Mask &mask, double row, double column, std::vector<Link> &links) {
  const int r0 = static_cast<int>(row), c0 = static_cast<int>(column);
  const int r1 = std::min(r0 + 1, mask.rows() - 1), c1 = std::min(c0 + 1, mask.columns() - 1);
  const double fr = row - r0, fc = column - c0;
  const int cells[4] = {r0 * mask.columns() + c0, r0 * mask.columns() + c1, r1 * mask.columns() + c0,
                        r1 * mask.columns() + c1};
  const double weights[4] = {(1 - fr) * (1 - fc), (1 - fr) * fc, fr * (1 - fc), fr * fc};
  double total = 0;
  for (int i = 0; i < 4; ++i) total += mask.ocean(cells[i]) ? weights[i] : 0.0;
  if (total < 0.5) return false;
  for (int i = 0; i < 4; ++i)
    if (mask.ocean(cells[i]) && weights[i] > 0) links.push_back({cells[i], 1, weights[i] / total});
  links.back().more = 0;
  return true;
}

bool nearest(const Mask &mask, double row, double column, std::vector<Link> &links) {
  const int cell = static_cast<int>(std::lround(row)) * mask.columns() + static_cast<int>(std::lround(column));
  if (!mask.ocean(cell)) return false;
  links.push_back({cell, 0, 1.0});
  return true;
}

}  // namespace

Method method_named(const std::string &name) {
  if (name == "bilinear") return Method::bilinear;
  if (name == "nearest") return Method::nearest;
  fail(ICEGEN_BAD_ARGUMENT, "method is '", name, "'; wanted 'bilinear' or 'nearest'");
}

void require_distance(double distance_km) {
  if (!(distance_km >= 0)) fail(ICEGEN_BAD_ARGUMENT, "distance is ", distance_km, " km; wanted 0 or more");
}

Remapping::Remapping(const Mask &mask, const Coordinates &coordinates, const OceanSearch *ocean, Method method,
                     double distance_km)
    : mask_(mask), coordinates_(coordinates), ocean_(ocean), method_(method), distance_km_(distance_km) {}

bool Remapping::operator()(const Point &point, std::vector<Link> &links) const {
  const int last_row = mask_.rows() - 1, last_column = mask_.columns() - 1;
  double row, column;
  if (coordinates_.locate(point, row, column) && row >= -0.5 && row <= last_row + 0.5 && column >= -0.5 &&
      column <= last_column + 0.5) {
    row = std::clamp(snap(row), 0.0, double(last_row));  // the outer half of a border cell has its centre's value
    column = std::clamp(snap(column), 0.0, double(last_column));
    if (method_ == Method::bilinear ? bilinear(mask_, row, column, links) : nearest(mask_, row, column, links))
      return true;
  }
  return distance_km_ > 0 && nearest_ocean(point, links);
}

bool Remapping::nearest_ocean(const Point &point, std::vector<Link> &links) const {
  const Vector p = unit_vector(point);
  const std::int32_t found = ocean_->nearest.find(p, distance_km_);
  if (found < 0) return false;
  if (distance_km(p, ocean_->nearest.point(found)) > distance_km_) return false;
  links.push_back({ocean_->cells[found], 0, 1.0});
  return true;
}

}  // namespace icegen
