// SPDX-License-Identifier: MIT
// Distributes the ice of a point over thickness categories.
#pragma once

#include <cstdint>

namespace icegen {

// Arguments as in icegen.h. Throws Error(ICEGEN_BAD_ARGUMENT), with nothing written.
template <class Real>
void fill_categories(std::int64_t n, const Real *area, const Real *volume, int categories, const Real *bounds,
                     Real *category_area, Real *category_volume);

}  // namespace icegen
