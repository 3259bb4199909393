// SPDX-License-Identifier: MIT
// The parts of the bridge that need no MPI, a function for the tests of each.
#pragma once

#include <iostream>
#include <string>

inline int failures = 0;

inline void check(bool fine, const std::string &what) {
  if (fine) return;
  ++failures;
  std::cerr << "FAILED: " << what << '\n';
}

void test_sha256();
void test_dates();
void test_grids();
void test_remapping();
void test_categories();
void test_worker();
void test_placement();
