// SPDX-License-Identifier: MIT
// A grid of the tests, as a projected and as a curvilinear one.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "curvilinear.h"
#include "projected.h"

inline const icegen::Projection kEase2 = {"lambert_azimuthal_equal_area", 90, 0, 6378137, 298.257223563, 0, 0};

// 6 x 8 cells of 100 km around the pole, all ocean but the given cells.
inline const icegen::Projected kPlane(kEase2, 8, {-350e3, 100e3}, {250e3, -100e3});

inline icegen::Mask mask(const std::vector<int> &land = {}) {
  std::string ocean(48, 1);
  for (const int cell : land) ocean[cell] = 0;
  return icegen::Mask(6, 8, ocean);
}

// Points with their search.
struct Searched {
  explicit Searched(std::vector<icegen::Vector> places) : points(std::move(places)), order(points.size()) {
    icegen::sort_for_search(points.data(), order.data(), points.size());
  }
  icegen::NearestSearch search() const { return {points.data(), order.data(), points.size()}; }

  std::vector<icegen::Vector> points;
  std::vector<std::int32_t> order;
};

inline std::vector<icegen::Vector> centres_of(const std::vector<double> &lon, const std::vector<double> &lat) {
  std::vector<icegen::Vector> centres(lon.size());
  icegen::find_centres(static_cast<int>(lon.size()), lon.data(), lat.data(), centres.data());
  return centres;
}

// The same cells told one by one.
inline const Searched &plane_centres() {
  static const Searched centres([] {
    std::vector<double> lon, lat;
    for (int cell = 0; cell < 48; ++cell) {
      const icegen::Point centre = icegen::point_of(kPlane.centre(cell));
      lon.push_back(centre.lon), lat.push_back(centre.lat);
    }
    return centres_of(lon, lat);
  }());
  return centres;
}

inline icegen::Curvilinear curvilinear() {
  return icegen::Curvilinear(6, 8, plane_centres().points.data(), plane_centres().order.data(), false);
}
