// SPDX-License-Identifier: MIT
// From cells to points: the search, the links, and the fields that are computed with them.

#include <cmath>
#include <string>
#include <vector>

#include "error.h"
#include "fields.h"
#include "grids.h"
#include "parts.h"
#include "remap.h"

namespace {

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

const icegen::Field kFirst = {icegen::Field::variable, 0, 0};

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

}  // namespace

void test_remapping() {
  test_nearest_search();
  test_bilinear();
  test_coast();
  test_nearest();
  test_rotation(kPlane, 4e-4);
  test_rotation(curvilinear(), 4e-4);
  test_fields();
}
