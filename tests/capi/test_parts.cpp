// SPDX-License-Identifier: MIT
// The bridge's parts that need no MPI: checksum, dates, grids, remapping, fields, categories, worker.

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "categories.h"
#include "curvilinear.h"
#include "dates.h"
#include "device_claim.h"
#include "edge.h"
#include "error.h"
#include "fields.h"
#include "placement.h"
#include "projected.h"
#include "recent.h"
#include "remap.h"
#include "sha256.h"
#include "worker.h"

namespace {

int failures = 0;

void check(bool fine, const std::string &what) {
  if (fine) return;
  ++failures;
  std::cerr << "FAILED: " << what << '\n';
}

const icegen::Projection kEase2 = {"lambert_azimuthal_equal_area", 90, 0, 6378137, 298.257223563, 0, 0};

// 6 x 8 cells of 100 km around the pole, all ocean but the given cells.
const icegen::Projected kPlane(kEase2, 8, {-350e3, 100e3}, {250e3, -100e3});

icegen::Mask mask(const std::vector<int> &land = {}) {
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

std::vector<icegen::Vector> centres_of(const std::vector<double> &lon, const std::vector<double> &lat) {
  std::vector<icegen::Vector> centres(lon.size());
  icegen::find_centres(static_cast<int>(lon.size()), lon.data(), lat.data(), centres.data());
  return centres;
}

// The same cells told one by one.
const Searched &plane_centres() {
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
icegen::Curvilinear curvilinear() {
  return icegen::Curvilinear(6, 8, plane_centres().points.data(), plane_centres().order.data(), false);
}

bool links_of(const icegen::Mask &mask, const icegen::Point &point, std::vector<icegen::Link> &links,
              icegen::Method method = icegen::Method::bilinear, double distance = 0) {
  std::vector<icegen::Vector> centres;
  std::vector<std::int32_t> cells;
  for (int cell = 0; cell < mask.cells(); ++cell)
    if (mask.ocean(cell)) centres.push_back(kPlane.centre(cell)), cells.push_back(cell);
  const Searched searched(std::move(centres));
  const icegen::OceanSearch ocean = {cells.data(), searched.search()};
  links.clear();
  return icegen::Remapping(mask, kPlane, &ocean, method, distance)(point, links);
}

// A field at points that all are valid.
std::vector<float> computed(const icegen::Field &field, const std::vector<float> &state, std::size_t cells,
                            std::vector<icegen::Link> links, std::vector<icegen::Turn> turns = {}) {
  icegen::Target target;
  for (const icegen::Link &link : links)
    if (link.more == 0) target.valid.push_back(1);
  target.links = std::move(links), target.turns = std::move(turns);
  std::vector<float> values(target.valid.size());
  icegen::compute(field, state.data(), cells, target, values.data());
  return values;
}

std::string sha256(const std::string &text, std::size_t piece = 1000) {
  icegen::Sha256 hash;
  for (std::size_t at = 0; at < text.size(); at += piece) hash.add(text.data() + at, std::min(piece, text.size() - at));
  return hash.digest();
}

const icegen::Field kFirst = {icegen::Field::variable, 0, 0};

void test_sha256() {  // FIPS 180-4 examples
  check(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "empty");
  check(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc");
  const std::string two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  check(sha256(two_blocks) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "two blocks");
  const std::string million(1000000, 'a');
  for (const std::size_t piece : {1, 55, 63, 64, 65, 1000, 1000000})
    check(sha256(million, piece) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
          "the same in pieces of any size");
}

icegen::Moment moment(int year, int day, const std::string &calendar, bool history = true,
                      const std::string &years = "given") {
  return icegen::moment_of(year, day, {true, history, years, calendar}, {{"year", 1, 9999}, {"day_of_year", 1, 366}});
}

void test_dates() {
  // datetime.date.toordinal, which icegen.archive.dates uses.
  struct Ordinal {
    int year, day;
    std::int64_t ordinal;
  };
  for (const auto &[year, day, ordinal] : {Ordinal{1, 1, 1},
                                           {4, 366, 1461},
                                           {1900, 365, 693960},
                                           {2000, 60, 730179},
                                           {2000, 366, 730485},
                                           {2001, 1, 730486},
                                           {9999, 365, 3652059}})
    check(moment(year, day, "standard").time == ordinal, "days without gaps");
  check(moment(2001, 75, "standard", false).time == 1024 * 2001 + 75, "a key for each date");

  for (const auto &[calendar, length] :
       {std::pair<std::string, int>{"360_day", 360}, {"365_day", 365}, {"366_day", 366}}) {
    check(moment(1, 1, calendar).time == 1 && moment(3, 2, calendar).time == 2 * length + 2, calendar + ": its days");
    for (int day = 1; day <= length; ++day) {
      const double standard = std::floor((day - 0.5) * 365.25 / length) + 1;
      check(moment(2001, day, calendar).condition == std::vector<std::int64_t>{2001, std::int64_t(standard)},
            calendar + ": the day of the standard year");
    }
    const auto beyond = icegen::outcome_of([&, day = length + 1, name = calendar] { moment(2000, day, name); });
    check(beyond.status == ICEGEN_BAD_ARGUMENT, calendar + ": a day too many");
  }
  for (int day = 1; day <= 365; ++day)
    check(moment(1850, day, "365_day").condition[1] == day, "365 days are those of the standard year");

  const std::vector<icegen::Condition> record = {{"year", 1978, 2017}, {"day_of_year", 1, 366}};
  const auto seen = [&](int year, const std::string &years) {
    return icegen::moment_of(year, 60, {true, false, years, "standard"}, record);
  };
  check(seen(1850, "held").condition[0] == 1978 && seen(2050, "held").condition[0] == 2017, "held at the ends");
  check(seen(1990, "held").condition[0] == 1990 && seen(1990, "2007").condition[0] == 2007, "as given, and fixed");
  check(seen(2050, "held").time == 1024 * 2050 + 60, "the noise goes on where the year is held");
  check(icegen::outcome_of([&] { seen(2050, "given"); }).status == ICEGEN_BAD_ARGUMENT, "beyond the record");
  const icegen::Moment without = icegen::moment_of(2050, 60, {false, true, "given", "standard"}, {});
  check(without.condition.empty() && without.time == 748442, "without condition the date still has its time");
}

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

void test_nearest_search() {
  std::vector<icegen::Vector> points;
  for (int i = 0; i < 500; ++i)
    points.push_back(icegen::unit_vector({i * 137.5, std::asin(i / 250.0 - 1) / icegen::kRadian}));
  const Searched searched(points);
  const icegen::NearestSearch search = searched.search();
  for (int i = 0; i < 200; ++i) {
    const icegen::Vector p = icegen::unit_vector({i * 71.3, std::sin(i) * 90});
    int nearest = 0;
    for (int j = 1; j < 500; ++j)
      if (length(points[j] - p) < length(points[nearest] - p)) nearest = j;
    check(search.find(p) == nearest, "the tree finds what looking at all of them finds");
    for (const double within : {50., 300., 3000.}) {
      const bool near = icegen::distance_km(points[nearest], p) <= within;
      check(search.find(p, within) == (near ? nearest : -1), "and nothing further than wanted");
    }
  }
  check(Searched({}).search().find({1, 0, 0}) == -1, "none of no points");
}

void test_bilinear() {
  std::vector<float> field(48);
  for (int row = 0; row < 6; ++row)
    for (int column = 0; column < 8; ++column) field[row * 8 + column] = 2.0f + 3.0f * row - 0.5f * column;
  std::vector<icegen::Link> links;
  for (const double lon : {-170.0, -33.0, 0.0, 80.0, 359.0}) {
    for (const double lat : {88.5, 89.3, 90.0}) {
      check(links_of(mask(), {lon, lat}, links), "inside");
      const float value = computed(kFirst, field, 48, links)[0];
      double row, column;
      kPlane.locate({lon, lat}, row, column);
      check(std::abs(value - (2.0 + 3.0 * row - 0.5 * column)) < 1e-5, "a linear field is remapped exactly");
    }
  }
  check(!links_of(mask(), {0, 80}, links), "outside of the grid");
  check(!links_of(mask(), {0, -90}, links), "the other pole");
  check(links_of(mask(), icegen::point_of(kPlane.centre(13)), links) && links.size() == 1 && links[0].cell == 13 &&
            links[0].weight == 1,
        "the centre of a cell is that cell alone");
}

void test_coast() {
  // The pole lies between cells (2, 3), (2, 4), (3, 3), (3, 4).
  std::vector<icegen::Link> links;
  check(links_of(mask({19, 20}), {0, 90}, links), "half ocean is valid");
  double total = 0;
  for (const icegen::Link &link : links) {
    total += link.weight;
    check(link.cell != 19 && link.cell != 20, "land has no weight");
  }
  check(std::abs(total - 1) < 1e-15 && links.back().more == 0, "weights sum to one");
  check(!links_of(mask({19, 20, 27}), {0, 90}, links), "a quarter of ocean is not valid");
}

void test_nearest() {
  using icegen::Method;
  const icegen::Point centre = icegen::point_of(kPlane.centre(19)), near = {centre.lon + 10, centre.lat};
  std::vector<icegen::Link> links;
  check(links_of(mask(), near, links, Method::nearest) && links.size() == 1 && links[0].cell == 19, "its own cell");
  check(!links_of(mask({19}), near, links, Method::nearest), "which is land");
  check(!links_of(mask({19}), near, links, Method::nearest, 20), "no ocean within 20 km");
  check(links_of(mask({19}), near, links, Method::nearest, 120) && links[0].cell != 19, "ocean within 120 km");
  check(links_of(mask({19, 20, 27}), {0, 90}, links, Method::bilinear, 80) && links[0].cell == 28,
        "the nearest ocean cell, 71 km from the pole, where bilinear interpolation finds too little");
  // The border's outer centres lie 250 km from the pole and more; a point 100 km beyond takes the nearest of them.
  check(!links_of(mask(), {0, 84}, links, Method::bilinear, 100), "nothing within 100 km");
  check(links_of(mask(), {0, 86}, links, Method::bilinear, 250), "something within 250 km");
  try {
    icegen::require_distance(-1);
    check(false, "a negative distance is refused");
  } catch (const icegen::Error &error) {
    check(error.status == ICEGEN_BAD_ARGUMENT, "status of a negative distance");
  }
}

// A turning of the Earth about an axis, as a vector field whose value anywhere we know.
void test_rotation(const icegen::Coordinates &where, double tolerance) {
  const icegen::Vector spin = {0.3, -0.5, 0.8};
  const auto speed = [&](const icegen::Vector &at, const icegen::Vector &direction) {
    const icegen::Vector v = {spin.y * at.z - spin.z * at.y, spin.z * at.x - spin.x * at.z,
                              spin.x * at.y - spin.y * at.x};
    return dot(v, direction);
  };
  std::vector<float> state(96);  // x and y components at the centres
  for (int cell = 0; cell < 48; ++cell) {
    const icegen::Vector at = where.centre(cell);
    const icegen::Point centre = icegen::point_of(at);
    const icegen::Turn turn = where.turn(cell, centre);
    const double east = speed(at, east_of(centre)), north = speed(at, north_of(centre));
    state[cell] = static_cast<float>(turn.cosine * east + turn.sine * north);
    state[48 + cell] = static_cast<float>(turn.cosine * north - turn.sine * east);
  }
  const icegen::Mask ocean = mask();
  const icegen::Remapping remapping(ocean, where, nullptr, icegen::Method::bilinear, 0);
  for (const double lat : {88.3, 89.2, 89.999, 90.0}) {
    for (const double lon : {-180.0, -179.9, -90.0, 0.0, 33.0, 179.9, 180.0, 200.0, 359.0}) {
      const icegen::Point point = {lon, lat};
      std::vector<icegen::Link> links;
      check(remapping(point, links), "inside");
      std::vector<icegen::Turn> turns;
      for (const icegen::Link &link : links) turns.push_back(where.turn(link.cell, point));
      const float east = computed({icegen::Field::eastward, 0, 1}, state, 48, links, turns)[0];
      const float north = computed({icegen::Field::northward, 0, 1}, state, 48, links, turns)[0];
      const icegen::Vector at = unit_vector(point);
      check(std::abs(east - speed(at, east_of(point))) < tolerance, "the rotation's east");
      check(std::abs(north - speed(at, north_of(point))) < tolerance, "the rotation's north");
    }
  }
}

void test_fields() {
  const std::vector<std::string> all = {"sit", "siv", "sic", "siu"};
  const icegen::Field quotient = icegen::field_named("sit_ice", all);
  check(quotient.kind == icegen::Field::quotient && quotient.first == 0 && quotient.second == 2, "sit over sic");
  const icegen::Field east = icegen::field_named("siu_east", all);
  check(east.kind == icegen::Field::eastward && east.first == 3 && east.second == 1, "east of siu and siv");
  const std::vector<float> state = {1.0f, 3.0f, 0.0f, 0.5f, 0.25f, 0.0f};  // sit, sic of three cells
  const std::vector<float> values =
      computed({icegen::Field::quotient, 0, 1}, state, 3, {{0, 1, 0.5}, {1, 0, 0.5}, {2, 0, 1.0}});
  check(values[0] == 2.0f / 0.375f, "mean thickness over the ice of two cells, not the mean of their thicknesses");
  check(values[1] == 0, "0 without ice");
  const icegen::Field increment = icegen::field_named("siu_east_increment", all);
  check(increment.increment && increment.kind == icegen::Field::eastward, "an increment of what is east");
  check(!east.increment && icegen::field_named("sic_increment", all).first == 2, "an increment of a variable");
  for (const std::string name : {"siu_east", "blend_increment", "sic_increment_increment", "_increment"}) {
    try {
      icegen::field_named(name, {"sic", "sit"});
      check(false, "no such field in this archive");
    } catch (const icegen::Error &error) {
      check(error.what() == "unknown variable '" + name + "'; this archive has sic, sit, sit_ice, blend",
            "the message lists what there is");
    }
  }
}

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

void test_worker() {
  std::feclearexcept(FE_ALL_EXCEPT);
  icegen::Worker worker;
  std::vector<int> order;
  auto first = worker.run([&] { order.push_back(1); });
  auto second = worker.run([&] { throw icegen::Error(ICEGEN_BACKEND_ERROR, "as planned"); });
  auto third = worker.run([&] { order.push_back(3); });
  third.get();
  first.get();
  check(order == std::vector<int>{1, 3}, "tasks run in order, and one that throws stops no other");
  std::promise<void> gate;
  worker.run([&] { gate.get_future().wait(); });
  order.clear();
  for (const int group : {1, 2, 1, 2, 3}) worker.run([&order, group] { order.push_back(group); }, group);
  worker.advance(2);
  gate.set_value();
  worker.run([] {}, 3).get();
  check(order == std::vector<int>{2, 2, 1, 1, 3}, "a group that is advanced passes the others");
  try {
    second.get();
    check(false, "get() throws what the task threw");
  } catch (const icegen::Error &error) {
    check(std::string(error.what()) == "as planned", "the message comes through");
  }
}

// What was used last stays.
void test_recent() {
  Recent<int, int, 2> values;
  values[1] = 10;
  values[2] = 20;
  check(values[1] == 10, "a value that is kept");
  values[3] = 30;
  check(values[1] == 10 && values[3] == 30, "the two that were used last");
  check(values[2] == 0, "the one that was used longest ago is made anew");
}

void test_placement() {
  using icegen::choose_cpus, icegen::cpus_from, icegen::list_of;
  check(list_of(cpus_from("9,0-2,1,3")) == "0-3,9", "a list of CPUs");
  const icegen::NodeCpus bound = {{0}, cpus_from("0-15"), cpus_from("8-15")};
  check(list_of(choose_cpus(bound, "", 1, 0, 1).cpus) == "8-15", "CPUs that the host does not use");
  check(list_of(choose_cpus(bound, "", 4, 1, 2).cpus) == "12-15", "the second of two generators");
  check(list_of(choose_cpus(bound, "2-5", 4, 1, 2).cpus) == "4-5", "its part of the namelist's CPUs");
  const icegen::NodeCpus wide = {cpus_from("0-7"), cpus_from("0-15"), cpus_from("8-15")};
  check(list_of(choose_cpus(wide, "", 4, 0, 1).cpus) == "0-7", "a host that leaves room in its own CPUs");
  const icegen::NodeCpus full = {{0}, cpus_from("0-15"), {}};
  check(list_of(choose_cpus(full, "", 1, 0, 1).cpus) == "0", "no CPU is left");
}

void test_device_claim() {
  for (const char *variable : {"HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"}) unsetenv(variable);
  setenv("CUDA_VISIBLE_DEVICES", "4,5,GPU-x,7", 1);
  check(DeviceClaim::name_of(0) == "4" && DeviceClaim::name_of(2) == "GPU-x", "names that the launcher shows");
  check(DeviceClaim::name_of(4) == "4", "an index that the launcher does not show");
  DeviceClaim first, second, third, below, last;
  check(first.take(0, 4) == 0, "the GPU of the first model");
  check(second.take(1, 4) == 1, "the GPU of a second generator");
  check(third.take(0, 4) == 2, "another emulator takes a GPU that is free");
  check(last.take(3, 4) == 3, "the GPU that is left");
  check(below.take(1, 4) == 1, "a GPU is shared where none is free");
  first = DeviceClaim();
  check(below.take(1, 4) == 1, "no GPU below the first of the namelist");
  check(below.take(0, 4) == 0, "a GPU is free again when its model ends");
  setenv("CUDA_VISIBLE_DEVICES", "7,8", 1);
  check(DeviceClaim().take(0, 2) == 1, "a GPU that another process sees at another index");
  unsetenv("CUDA_VISIBLE_DEVICES");
}

}  // namespace

int main() {
  test_sha256();
  test_dates();
  test_mask();
  test_locate();
  test_curvilinear();
  test_pole_of_a_lonlat_grid();
  test_nearest_search();
  test_edge();
  test_bilinear();
  test_coast();
  test_nearest();
  test_rotation(kPlane, 4e-4);
  test_rotation(curvilinear(), 4e-4);
  test_fields();
  test_categories();
  test_refusal();
  test_worker();
  test_recent();
  test_placement();
  test_device_claim();
  std::cout << (failures == 0 ? "all checks passed" : "some checks failed") << '\n';
  return failures != 0;
}
