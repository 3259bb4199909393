// SPDX-License-Identifier: MIT
// Runs the tests of the parts.

#include "parts.h"

int main() {
  test_sha256();
  test_dates();
  test_grids();
  test_remapping();
  test_categories();
  test_worker();
  test_placement();
  std::cout << (failures == 0 ? "all checks passed" : "some checks failed") << '\n';
  return failures != 0;
}
