// SPDX-License-Identifier: MIT
#include "categories.h"

#include <cmath>
#include <vector>

#include "error.h"

namespace icegen {
namespace {

// The density of thickness over the ice is g(h) = h^2 exp(-h / H) / (2 H^3), of mean 3 H: the form h^q exp(-h / H) of
// Toppaladoddi and Wettlaufer (2015, Phys. Rev. Lett. 115, 148501) with q = 2. Ice of less than `x` times H:
struct Below {
  double area;    // as part of all
  double volume;  // as part of all
};

Below below(double x) {
  if (x > 700) return {1, 1};
  // Near 0 the closed forms cancel; the series of the incomplete gamma function do not.
  if (x < 1) {
    double term = x * x * x / 6, area = 0, volume = 0;  // x^k / k!
    for (int k = 3; k < 24; ++k) {
      area += term;
      volume += k > 3 ? term : 0;
      term *= x / (k + 1);
    }
    return {area * std::exp(-x), volume * std::exp(-x)};
  }
  const double tail = std::exp(-x);
  return {1 - tail * (1 + x + x * x / 2), 1 - tail * (1 + x + x * x / 2 + x * x * x / 6)};
}

template <class Real>
void require_amounts(const char *name, std::int64_t n, const Real *values) {
  for (std::int64_t i = 0; i < n; ++i)
    if (!(values[i] >= 0 && std::isfinite(values[i])))
      fail(ICEGEN_BAD_ARGUMENT, name, " of point ", i + 1, " is ", values[i], "; wanted 0 or more");
}

}  // namespace

template <class Real>
void fill_categories(std::int64_t n, const Real *area, const Real *volume, int categories, const Real *bounds,
                     Real *category_area, Real *category_volume) {
  if (n < 0) fail(ICEGEN_BAD_ARGUMENT, "n is ", n, "; wanted 0 or more");
  if (categories < 1) fail(ICEGEN_BAD_ARGUMENT, "there are ", categories, " categories; wanted at least 1");
  if (bounds == nullptr || (n > 0 && (!area || !volume || !category_area || !category_volume)))
    fail(ICEGEN_BAD_ARGUMENT, "an array of the categories is a null pointer");
  if (bounds[0] != 0) fail(ICEGEN_BAD_ARGUMENT, "the first bound is ", bounds[0], " m; wanted 0");
  for (int k = 1; k < categories; ++k)  // the last bound is not looked at
    if (!(bounds[k] > bounds[k - 1]))
      fail(ICEGEN_BAD_ARGUMENT, "bound ", k + 1, " of the categories is ", bounds[k], " m; wanted more than ",
           bounds[k - 1]);
  require_amounts("area", n, area);
  require_amounts("volume", n, volume);

  constexpr double negligible = 1e-10;  // part of a point's area or volume
  std::vector<double> a(categories), v(categories);
  for (std::int64_t i = 0; i < n; ++i) {
    const double scale = area[i] > 0 ? static_cast<double>(volume[i]) / area[i] / 3 : 0;  // H
    Below lower = {0, 0};
    int most = 0;  // the category with most ice
    for (int k = 0; k < categories; ++k) {
      const bool last = k == categories - 1;
      const Below upper = last || scale == 0 ? Below{1, 1} : below(bounds[k + 1] / scale);
      a[k] = upper.area - lower.area, v[k] = upper.volume - lower.volume;
      if (a[k] < negligible || v[k] < negligible) a[k] = v[k] = 0;
      if (a[k] > a[most]) most = k;
      lower = upper;
    }
    // The category with most ice takes what is left by rounding and by those that are negligible.
    Real rest_area = area[i], rest_volume = area[i] > 0 ? volume[i] : 0;
    for (int k = 0; k < categories; ++k) {
      if (k == most) continue;
      category_area[k * n + i] = static_cast<Real>(a[k] * area[i]);
      category_volume[k * n + i] = static_cast<Real>(v[k] * volume[i]);
      rest_area -= category_area[k * n + i], rest_volume -= category_volume[k * n + i];
    }
    category_area[most * n + i] = rest_area, category_volume[most * n + i] = rest_volume;
  }
}

template void fill_categories(std::int64_t, const double *, const double *, int, const double *, double *, double *);
template void fill_categories(std::int64_t, const float *, const float *, int, const float *, float *, float *);

}  // namespace icegen
