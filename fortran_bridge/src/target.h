// SPDX-License-Identifier: MIT
// A set of points at which the ranks of a host want fields.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "communicator.h"
#include "remap.h"

namespace icegen {

// Points as a host gives them, in the terms of icegen.h.
struct HostPoints {
  std::int64_t n;
  const double *lon, *lat;
  const char *units;
};

// The same, checked. Throws Error(ICEGEN_BAD_ARGUMENT) that names the target.
std::vector<Point> checked_points(const std::string &target, const HostPoints &points);

// Only points on the archive's ocean ("valid" ones) take part in the exchange.
struct Target {
  std::vector<signed char> valid;  // of this rank's points
  int valid_count = 0;
  std::vector<int> counts;   // on generators: how many valid points each rank has
  std::vector<int> offsets;  // on generators: how many the ranks before it have
  std::vector<Link> links;   // on generators: of all ranks' valid points, in the order of ranks
  std::vector<Turn> turns;   // on generators: of each link, if the archive has velocities

  // Take a point whose links were appended to `links`, none if it is not valid. turning: null without velocities.
  void add_point(const Point &point, const Coordinates *turning);

  // Until the links of this rank's valid points, with their turns, are sent to the generators, it holds those.
  // Collective; throws Error.
  void send_to(const std::vector<int> &generators, const Communicator &comm);

 private:
  std::size_t linked_ = 0;  // links of the points that were added
};

}  // namespace icegen
