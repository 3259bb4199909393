// SPDX-License-Identifier: MIT
#include "categories.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "error.h"

namespace icegen {
namespace {

// Limits of the mean thickness of a point's ice, m: models keep no thinner ice, and there is no thicker ice.
constexpr double kThinnest = 0.01, kThickest = 20;

// The density of thickness over the ice is g(h) = h^2 exp(-h / H) / (2 H^3), of mean 3 H: the form h^q exp(-h / H) of
// Toppaladoddi and Wettlaufer (2015, Phys. Rev. Lett. 115, 148501) with q = 2. The ice below `x` times H:
struct Below {
  double area;    // fraction of the total
  double volume;  // fraction of the total
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

// Ice of one point or category.
template <class Real>
struct Amount {
  Real area, volume;

  Real thickness() const { return volume / area; }
  bool within(Real thinnest, Real thickest) const {
    if (!(area > 0)) return volume == 0;
    return thickness() >= thinnest && thickness() <= thickest;
  }
};

// The same volume, with the nearest area for which the thickness is possible.
template <class Real>
Amount<Real> possible(Amount<Real> ice, Real thinnest, Real thickest) {
  constexpr Real endless = std::numeric_limits<Real>::infinity();
  if (!(ice.volume > 0)) return {0, 0};
  if (!(ice.thickness() <= thickest)) {
    ice.area = ice.volume / thickest;
    while (!(ice.thickness() <= thickest)) ice.area = std::nextafter(ice.area, endless);  // correct the rounding
  } else if (!(ice.thickness() >= thinnest)) {
    ice.area = ice.volume / thinnest;
    while (!(ice.thickness() >= thinnest)) ice.area = std::nextafter(ice.area, Real(0));
  }
  return ice;
}

// Distribute the ice of a point. Its thickness lies between the first bound and the last.
template <class Real>
void spread(const Amount<Real> &ice, const std::vector<Real> &bounds, std::vector<Amount<Real>> &filled) {
  constexpr double negligible = 1e-10;  // part of a point's area or volume
  const std::size_t categories = filled.size();
  const double scale = static_cast<double>(ice.volume) / ice.area / 3;  // H
  Below lower = {0, 0};
  std::size_t most = 0;  // the category with most ice also takes the rounding error and the negligible ice
  double most_area = 0;
  for (std::size_t k = 0; k < categories; ++k) {
    const Below upper = k + 1 == categories ? Below{1, 1} : below(bounds[k + 1] / scale);
    const double area = upper.area - lower.area, volume = upper.volume - lower.volume;
    filled[k] = {static_cast<Real>(area * ice.area), static_cast<Real>(volume * ice.volume)};
    const bool there = area >= negligible && volume >= negligible;
    if (!there || !filled[k].within(bounds[k], bounds[k + 1])) filled[k] = {0, 0};
    if (area > most_area) most_area = area, most = k;
    lower = upper;
  }
  Amount<Real> rest = ice;
  for (std::size_t k = 0; k < categories; ++k)
    if (k != most) rest.area -= filled[k].area, rest.volume -= filled[k].volume;
  if (rest.area > 0 && rest.within(bounds[most], bounds[most + 1])) {
    filled[most] = rest;
    return;
  }
  // The bounds do not fit the distribution: all ice goes to the category of the mean thickness.
  std::fill(filled.begin(), filled.end(), Amount<Real>{0, 0});
  std::size_t of_mean = 0;
  while (of_mean + 1 < categories && ice.thickness() > bounds[of_mean + 1]) ++of_mean;
  filled[of_mean] = ice;
}

}  // namespace

template <class Real>
void fill_categories(std::int64_t n, const Real *area, const Real *volume, int categories, const Real *bounds,
                     Real *category_area, Real *category_volume) {
  if (n < 0) fail(ICEGEN_BAD_ARGUMENT, "n is ", n, "; wanted 0 or more");
  if (categories < 1) fail(ICEGEN_BAD_ARGUMENT, "there are ", categories, " categories; wanted at least 1");
  if (bounds == nullptr || (n > 0 && (!area || !volume || !category_area || !category_volume)))
    fail(ICEGEN_BAD_ARGUMENT, "an array of the categories is a null pointer");
  const std::vector<Real> edges(bounds, bounds + categories + 1);
  if (!(edges[0] >= 0 && edges[0] < kThickest))
    fail(ICEGEN_BAD_ARGUMENT, "the first bound is ", edges[0], " m; wanted 0 to less than ", kThickest);
  for (int k = 1; k <= categories; ++k)
    if (!(edges[k] > edges[k - 1]))
      fail(ICEGEN_BAD_ARGUMENT, "bound ", k + 1, " of the categories is ", edges[k], " m; wanted more than ",
           edges[k - 1]);
  require_amounts("area", n, area);
  require_amounts("volume", n, volume);
  const Real thickest = std::min(edges.back(), static_cast<Real>(kThickest));
  const Real thinnest = std::min(std::max(edges[0], static_cast<Real>(kThinnest)), thickest);
  for (std::int64_t i = 0; i < n; ++i)
    if (volume[i] > thickest * std::max(area[i], Real(1)))
      fail(ICEGEN_BAD_ARGUMENT, "volume of point ", i + 1, " is ", volume[i], " m; wanted at most ", thickest);

  std::vector<Amount<Real>> filled(categories);
  for (std::int64_t i = 0; i < n; ++i) {
    const Amount<Real> ice = possible<Real>({area[i], volume[i]}, thinnest, thickest);
    if (ice.area > 0)
      spread(ice, edges, filled);
    else
      std::fill(filled.begin(), filled.end(), Amount<Real>{0, 0});
    for (int k = 0; k < categories; ++k)
      category_area[k * n + i] = filled[k].area, category_volume[k * n + i] = filled[k].volume;
  }
}

template void fill_categories(std::int64_t, const double *, const double *, int, const double *, double *, double *);
template void fill_categories(std::int64_t, const float *, const float *, int, const float *, float *, float *);

}  // namespace icegen
