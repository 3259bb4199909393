// SPDX-License-Identifier: MIT
// A set of points at which the ranks of a host want fields.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "remap.h"

namespace icegen {

// An array of a host, in either precision.
class HostReals {
 public:
  HostReals(const double *values) : double_(values) {}
  HostReals(const float *values) : float_(values) {}
  // bytes: 8 or 4, of each value.
  HostReals(const void *values, int bytes)
      : double_(bytes == sizeof(double) ? static_cast<const double *>(values) : nullptr),
        float_(bytes == sizeof(float) ? static_cast<const float *>(values) : nullptr) {}

  bool missing() const { return double_ == nullptr && float_ == nullptr; }
  double operator[](std::int64_t i) const { return double_ != nullptr ? double_[i] : float_[i]; }

 private:
  const double *double_ = nullptr;
  const float *float_ = nullptr;
};

// Points as a host passes them; see icegen.h.
struct HostPoints {
  std::int64_t n;
  HostReals lon, lat;
  const char *units;
};

// The same, checked. Throws Error(ICEGEN_BAD_ARGUMENT) that names the target.
std::vector<Point> checked_points(const std::string &target, const HostPoints &points);

// This rank's points: those on the archive's ocean are "valid" and have links.
struct Target {
  std::vector<signed char> valid;
  std::vector<Link> links;   // of the valid points; their cells are numbers among the ocean cells
  std::vector<Turn> turns;   // of each link, if the archive has velocities
  std::vector<float> blend;  // DomainEdge::blend of each point; 0 where it is not valid

  // Add a point. Its links, to cells of the whole grid, are at the end of `links` already; a point without links is not
  // valid. turning: null if the archive has no velocities.
  void add_point(const Point &point, const Mask &mask, const Coordinates *turning);

 private:
  std::size_t linked_ = 0;  // links of the points that were added
};

}  // namespace icegen
