// SPDX-License-Identifier: MIT
// The bridge's parts that need no MPI: checksum, projection, remapping, worker.

#include <cfenv>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "error.h"
#include "grid.h"
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
icegen::Grid grid(const std::vector<int> &land = {}) {
  std::vector<unsigned char> ocean(48, 1);
  for (const int cell : land) ocean[cell] = 0;
  return icegen::Grid(kEase2, 6, 8, -350e3, 100e3, 250e3, -100e3, ocean);
}

void test_sha256() {  // FIPS 180-4 examples
  check(icegen::sha256("", 0) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "empty");
  check(icegen::sha256("abc", 3) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc");
  const std::string two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  check(icegen::sha256(two_blocks.data(), two_blocks.size()) ==
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "two blocks");
}

void test_locate() {
  // PROJ 9, EPSG:6931: lon -60.3, lat 71.25 is x -1810399.6626575 m, y -1032633.7362637 m.
  const auto [row, column] = grid().locate(-60.3, 71.25);
  check(std::abs(-350e3 + 100e3 * column - -1810399.6626575) < 1e-3, "x as PROJ has it");
  check(std::abs(250e3 - 100e3 * row - -1032633.7362637) < 1e-3, "y as PROJ has it");
  const auto [row2, column2] = grid().locate(299.7, 71.25);
  check(std::abs(row - row2) < 1e-9 && std::abs(column - column2) < 1e-9, "longitude conventions agree");
}

void test_bilinear() {
  const icegen::Grid all = grid();
  std::vector<float> field(48);
  for (int row = 0; row < 6; ++row)
    for (int column = 0; column < 8; ++column) field[row * 8 + column] = 2.0f + 3.0f * row - 0.5f * column;
  for (const double lon : {-170.0, -33.0, 0.0, 80.0, 359.0}) {
    for (const double lat : {88.5, 89.3, 90.0}) {
      icegen::Stencil stencil;
      check(icegen::bilinear(all, lon, lat, stencil), "inside");
      float value = 0;
      icegen::apply({stencil}, field.data(), &value);
      const auto [row, column] = all.locate(lon, lat);
      check(std::abs(value - (2.0 + 3.0 * row - 0.5 * column)) < 1e-5, "a linear field is remapped exactly");
    }
  }
  icegen::Stencil stencil;
  check(!icegen::bilinear(all, 0, 80, stencil), "outside of the grid");
  check(!icegen::bilinear(all, 0, -90, stencil), "the other pole");
}

void test_coast() {
  // The pole lies between cells (2, 3), (2, 4), (3, 3), (3, 4).
  icegen::Stencil stencil;
  check(icegen::bilinear(grid({19, 20}), 0, 90, stencil), "half ocean is valid");
  double total = 0;
  for (int i = 0; i < 4; ++i) {
    total += stencil.weight[i];
    check((stencil.cell[i] != 19 && stencil.cell[i] != 20) || stencil.weight[i] == 0, "land has no weight");
  }
  check(std::abs(total - 1) < 1e-15, "weights sum to one");
  check(!icegen::bilinear(grid({19, 20, 27}), 0, 90, stencil), "a quarter of ocean is not valid");
}

void test_refusal() {
  try {
    icegen::Projection mercator = kEase2;
    mercator.name = "mercator";
    icegen::Grid(mercator, 1, 1, 0, 1, 0, 1, {1});
    check(false, "an unknown projection is refused");
  } catch (const icegen::Error &error) {
    check(error.status == ICEGEN_BAD_ARCHIVE, "status of a refusal");
  }
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
  try {
    second.get();
    check(false, "get() throws what the task threw");
  } catch (const icegen::Error &error) {
    check(std::string(error.what()) == "as planned", "the message comes through");
  }
}

}  // namespace

int main() {
  test_sha256();
  test_locate();
  test_bilinear();
  test_coast();
  test_refusal();
  test_worker();
  std::cout << (failures == 0 ? "all checks passed" : "some checks failed") << '\n';
  return failures != 0;
}
