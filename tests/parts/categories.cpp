// SPDX-License-Identifier: MIT
// Thickness categories.

#include "categories.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "error.h"
#include "parts.h"

namespace {

// What a host can rely on, for any amounts; area, volume: as the categories have them in all.
template <class Real>
void check_categories(std::vector<Real> bounds, const std::vector<Real> &area, const std::vector<Real> &volume) {
  const std::size_t n = area.size(), categories = bounds.size() - 1;
  constexpr Real rounding = 2 * std::numeric_limits<Real>::epsilon();
  const Real thickest = std::min(bounds.back(), Real(20)), thinnest = std::max(bounds[0], Real(0.01));
  std::vector<Real> a(n * categories), v(n * categories);
  icegen::fill_categories<Real>(n, area.data(), volume.data(), categories, bounds.data(), a.data(), v.data());
  for (std::size_t i = 0; i < n; ++i) {
    Real total_area = 0, total_volume = 0;
    for (std::size_t k = 0; k < categories; ++k) {
      const Real some_area = a[k * n + i], some_volume = v[k * n + i];
      total_area += some_area, total_volume += some_volume;
      check(some_area >= 0 && some_volume >= 0 && (some_area > 0) == (some_volume > 0), "area and volume, or neither");
      if (some_area > 0)
        check(some_volume / some_area >= bounds[k] && some_volume / some_area <= bounds[k + 1],
              "thickness within the category");
    }
    check(std::abs(total_volume - volume[i]) <= rounding * volume[i], "volume is conserved");
    const Real thickness = volume[i] / area[i];
    Real wanted = area[i];  // unless thickness is that of no ice
    if (volume[i] == 0)
      wanted = 0;
    else if (!(thickness <= thickest))
      wanted = volume[i] / thickest;
    else if (!(thickness >= thinnest))
      wanted = volume[i] / thinnest;
    check(std::abs(total_area - wanted) <= rounding * wanted, "area is conserved, or is the nearest that is possible");
  }
}

template <class Real>
void check_categories() {
  std::vector<Real> area = {0, 0.5, 0, Real(1e-12), Real(0.9), 1, Real(1e-6), Real(1e-30)};
  std::vector<Real> volume = {0, 0, 0.5, Real(1e-12), Real(1e-9), 20, 0.5, Real(1e-3)};
  for (int exponent = 1; exponent < 20; ++exponent) {  // thickness from .01 m to 20 m on any area
    for (const Real thickness : {0.01, 0.0100001, 0.011, 0.05, 0.3, 0.644, 0.6445072, 1.3914, 4.6, 9.33, 13.0, 19.99}) {
      area.push_back(std::pow(Real(10), Real(1 - exponent))), volume.push_back(area.back() * thickness);
      area.push_back(std::pow(Real(0.97), Real(exponent))), volume.push_back(area.back() * thickness);
    }
  }
  const std::vector<std::vector<Real>> bounds = {
      {0, Real(0.6445072), Real(1.391433), Real(2.470179), Real(4.567288), Real(999.9)},           // CICE's five
      {Real(0.01), Real(0.6445072), Real(1.391433), Real(2.470179), Real(4.567288), Real(999.9)},  // with kitd = 0
      {Real(0.01), Real(0.0101), Real(0.6), Real(0.60001), Real(19.5), Real(30)},  // that hardly leave room
      {0, Real(1e8)},
      {0, 1, Real(1e30)}};
  for (const auto &some : bounds) check_categories<Real>(some, area, volume);
}

}  // namespace

void test_categories() {
  check_categories<double>();
  check_categories<float>();
  const double bounds[] = {0, 0.6445072, 1.391433, 2.470179, 4.567288, 999.9};
  const double area[] = {0.97}, volume[] = {2.1};
  double a[5], v[5];
  icegen::fill_categories(1, area, volume, 5, bounds, a, v);
  // 2.1 m on 0.97: H = 0.7216 m; of the density h^2 exp(-h / H) / (2 H^3), by numerical integration.
  double expected = 0;
  const double scale = 2.1 / 0.97 / 3;
  for (int i = 0; i < 100000; ++i) {
    const double h = bounds[2] + (i + 0.5) * (bounds[3] - bounds[2]) / 100000;
    expected += 0.97 * h * h * std::exp(-h / scale) / (2 * scale * scale * scale) * (bounds[3] - bounds[2]) / 100000;
  }
  check(std::abs(a[2] - expected) < 1e-9, "the stated distribution");

  const float bounds4[] = {0, 1, 2}, area4[] = {0.7f}, volume4[] = {1.3f};
  float a4[2], v4[2];
  icegen::fill_categories(1, area4, volume4, 2, bounds4, a4, v4);
  check(std::abs(a4[0] + a4[1] - 0.7f) < 1e-7f && std::abs(v4[0] + v4[1] - 1.3f) < 2e-7f, "in single precision");

  const auto refused = [](const double *area, const double *bounds, int categories, const std::string &words) {
    const double volume[] = {1};
    double a[3] = {-7, -7, -7}, v[3];
    try {
      icegen::fill_categories(1, area, volume, categories, bounds, a, v);
    } catch (const icegen::Error &error) {
      return a[0] == -7 && std::string(error.what()).find(words) != std::string::npos;
    }
    return false;
  };
  const double good[] = {0.5}, bad[] = {-0.5}, nan[] = {std::nan("")}, up[] = {0, 1, 2, 3}, down[] = {0, 2, 1, 3},
               late[] = {30, 31, 32, 33}, level[] = {0, 1, 2, 2};
  check(refused(bad, up, 3, "area of point 1 is -0.5; wanted 0 or more"), "negative area");
  check(refused(nan, up, 3, "area of point 1 is nan"), "area NaN");
  check(refused(good, down, 3, "bound 3 of the categories is 1 m; wanted more than 2"), "bounds that decrease");
  check(refused(good, late, 3, "the first bound is 30 m; wanted 0 to less than 20"), "bounds that begin too late");
  check(refused(good, level, 3, "bound 4 of the categories is 2 m; wanted more than 2"), "no room in the last");
  const double low[] = {0, 0.1, 0.2, 0.5};
  check(refused(good, low, 3, "volume of point 1 is 1 m; wanted at most 0.5"), "a volume that fits nowhere");
  check(refused(good, up, 0, "0 categories"), "no category");
}
