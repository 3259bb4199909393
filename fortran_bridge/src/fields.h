// SPDX-License-Identifier: MIT
// The fields that a host can receive: the archive's variables, and some that follow from them.
#pragma once

#include <string>
#include <vector>

#include "target.h"

namespace icegen {

// How a field follows from the variables of a state.
struct Field {
  enum Kind {
    variable,  // the first, as it is
    quotient,  // the first over the second, 0 where the second is 0
    blend,     // of the target, whatever the state
    eastward,  // of the vector whose components along the grid's x and y axes are the first and the second
    northward
  } kind;
  std::size_t first, second;  // indices of variables
};

// variables: their ids, in the order of the archive. Throws Error(ICEGEN_BAD_ARGUMENT) that names what there is.
Field field_named(const std::string &name, const std::vector<std::string> &variables);

// True if the variables hold a vector, which needs turning.
bool have_velocity(const std::vector<std::string> &variables);

// Values of a field at the valid points of a target; others are left as they are. state: [variable, ocean cells];
// values: one a point. Each point's arithmetic, in double precision and rounded to float32, is the same whatever its
// companions.
template <class Real>
void compute(const Field &field, const float *state, std::size_t ocean_cells, const Target &target, Real *values);

}  // namespace icegen
