// SPDX-License-Identifier: MIT
// Masks, and grids of either kind: where cells are, and the edge of the domain.

#include "grids.h"

#include <cmath>
#include <string>
#include <vector>

#include "edge.h"
#include "error.h"
#include "parts.h"

namespace {

// The ocean cells among all cells.
void test_mask() {
  std::string ocean(3 * 67, 0);
  std::vector<float> cells, ocean_values;
  for (std::size_t cell = 0; cell < ocean.size(); ++cell) {
    ocean[cell] = cell % 3 == 0 || cell % 7 == 2;
    cells.push_back(static_cast<float>(cell));
    if (ocean[cell] != 0) ocean_values.push_back(static_cast<float>(cell));
  }
  const icegen::Mask mask(3, 67, ocean);
  check(mask.ocean_cells() == static_cast<int>(ocean_values.size()), "their number");
  int next = 0;
  for (int cell = 0; cell < mask.cells(); ++cell) {
    check(mask.ocean(cell) == (ocean[cell] != 0), "which they are");
    if (mask.ocean(cell)) check(mask.ocean_number(cell) == next++, "their own numbers");
  }
  mask.pack(cells.data(), cells.data());
  cells.resize(ocean_values.size());
  check(cells == ocean_values, "their values, packed in place");
}

void test_locate() {
  // PROJ 9, EPSG:6931: lon -60.3, lat 71.25 is x -1810399.6626575 m, y -1032633.7362637 m.
  double row, column, row2, column2;
  kPlane.locate({-60.3, 71.25}, row, column);
  check(std::abs(-350e3 + 100e3 * column - -1810399.6626575) < 1e-3, "x as PROJ has it");
  check(std::abs(250e3 - 100e3 * row - -1032633.7362637) < 1e-3, "y as PROJ has it");
  kPlane.locate({299.7, 71.25}, row2, column2);
  check(std::abs(row - row2) < 1e-9 && std::abs(column - column2) < 1e-9, "longitude conventions agree");
  const icegen::Projected far(kEase2, 1, {-1810399.6626575, 1}, {-1032633.7362637, 1});
  const icegen::Point back = icegen::point_of(far.centre(0));
  check(std::abs(back.lon - -60.3) < 1e-9 && std::abs(back.lat - 71.25) < 1e-9, "and back");
}

void test_curvilinear() {
  const icegen::Curvilinear cells = curvilinear();
  double row, column, row2, column2;
  for (int cell = 0; cell < 48; ++cell) {
    check(cells.locate(icegen::point_of(cells.centre(cell)), row, column), "a centre is found");
    check(std::abs(row - cell / 8) < 1e-9 && std::abs(column - cell % 8) < 1e-9, "in its place");
  }
  for (double lon = -180; lon <= 540; lon += 7.7) {
    for (const double lat : {87.3, 88.2, 89.1, 89.99, 90.0}) {
      kPlane.locate({lon, lat}, row, column);
      const bool inside = row > -0.4 && row < 5.4 && column > -0.4 && column < 7.4;
      const bool found = cells.locate({lon, lat}, row2, column2);
      if (inside)
        check(found && std::abs(row - row2) < 2e-3 && std::abs(column - column2) < 2e-3, "as the projection has it");
    }
  }
  check(!cells.locate({10, 80}, row, column), "far outside");
  check(!cells.locate({10, -90}, row, column), "the other side of the Earth");
  for (const icegen::Point &point : {icegen::Point{-100, 88.5}, icegen::Point{179, 89}, icegen::Point{30, 90}}) {
    kPlane.locate(point, row, column);
    const int cell = static_cast<int>(std::lround(row)) * 8 + static_cast<int>(std::lround(column));
    const icegen::Turn a = kPlane.turn(cell, point), b = cells.turn(cell, point);
    check(std::abs(a.cosine - b.cosine) < 0.01 && std::abs(a.sine - b.sine) < 0.01, "axes point the same way");
  }
}

// Longitudes and latitudes as a global model's: all columns meet at the pole, or end half a cell before it.
void test_pole_of_a_lonlat_grid() {
  for (const double last : {90.0, 89.5}) {
    std::vector<double> lon, lat;
    for (int r = 0; r < 11; ++r)
      for (int c = 0; c < 360; ++c) lon.push_back(c), lat.push_back(last - 10 + r);
    const Searched centres(centres_of(lon, lat));
    const icegen::Curvilinear cells(11, 360, centres.points.data(), centres.order.data(), false);
    double row, column;
    for (const icegen::Point &point : {icegen::Point{0, 90}, {123.4, 90}, {123.4, 89.99}, {-77.7, 89.8}}) {
      if (last < 90 && point.lat > last) continue;  // beyond the grid's last row of centres
      check(cells.locate(point, row, column), "near the pole");
      check(row > 9.4 && row < 10.6, "in the last rows");
    }
    check(cells.locate({123.4, 86.25}, row, column), "farther away");
    check(std::abs(row - (86.25 - last + 10)) < 1e-3 && std::abs(column - 123.4) < 1e-3, "in its place");
  }
}

void test_edge() {
  // 6 x 8 cells of 100 km; no ocean in the first column, so none beyond it either.
  std::vector<int> first_column;
  for (int row = 0; row < 6; ++row) first_column.push_back(8 * row);
  const icegen::DomainEdge edge(mask(first_column), kPlane), told(mask(first_column), curvilinear());
  const auto blend = [&](int cell, double width) { return edge.blend(icegen::point_of(kPlane.centre(cell)), width); };
  check(blend(7, 200) == 0 && blend(1, 200) == 0 && blend(47, 200) == 0, "0 at the edge");
  check(blend(16 + 1, 200) > 0.99 && blend(16 + 6, 200) > 0.49 && blend(16 + 6, 200) < 0.51, "100 km to the east");
  check(std::abs(blend(8 + 2, 300) - 1. / 3) < 0.01 && blend(16 + 3, 150) == 1, "in proportion to the distance");
  check(blend(7, 0) == 1, "no width");
  for (int cell = 0; cell < 48; ++cell)
    check(std::abs(told.blend(icegen::point_of(kPlane.centre(cell)), 200) - blend(cell, 200)) < 1e-6,
          "whatever tells where cells are");

  // All columns of a global grid meet again: its edge is the last row in the south.
  std::vector<double> lon, lat;
  for (const double some_lat : {85.0, 75.0, 65.0})
    for (int column = 0; column < 36; ++column) lon.push_back(10 * column), lat.push_back(some_lat);
  const Searched centres(centres_of(lon, lat));
  const icegen::Curvilinear global(3, 36, centres.points.data(), centres.order.data(), false);
  const icegen::DomainEdge south(icegen::Mask(3, 36, std::string(108, 1)), global);
  check(south.blend({355, 65}, 1e4) < 0.03 && south.blend({355, 85}, 1000) == 1, "a grid that closes on itself");
}

void test_refusal() {
  icegen::Projection other = kEase2;
  other.name = "mercator";
  check(!icegen::Projected::knows(other), "an unknown projection");
  const auto refused = [](auto make) {
    try {
      make();
    } catch (const icegen::Error &error) {
      return error.status == ICEGEN_BAD_ARCHIVE;
    }
    return false;
  };
  other = kEase2;
  other.semi_major_axis = 0;
  check(refused([&] { icegen::Projected(other, 8, {0, 1}, {0, 1}); }), "an ellipsoid without a size");
  check(refused([&] { icegen::Projected(kEase2, 8, {0, 0}, {0, 1}); }), "cells without a size");
  check(refused([&] { icegen::Mask(6, 8, std::string(47, 1)); }), "a mask of another size");
  const std::vector<double> lon(4, 0.0), lat = {80, 80, 81, 99};
  check(refused([&] { centres_of(lon, lat); }), "a latitude of 99");
  const Searched centres(centres_of(lon, lon));
  check(refused([&] { icegen::Curvilinear(1, 4, centres.points.data(), centres.order.data(), false); }),
        "a single row");
}

}  // namespace

void test_grids() {
  test_mask();
  test_locate();
  test_curvilinear();
  test_pole_of_a_lonlat_grid();
  test_edge();
  test_refusal();
}
