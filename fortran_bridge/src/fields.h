// SPDX-License-Identifier: MIT
// The fields that a host can receive: the archive's variables, and some that are derived from them.
#pragma once

#include <string>
#include <vector>

#include "target.h"

namespace icegen {

// How a field is computed from the variables of a state.
struct Field {
  enum Kind {
    variable,  // the first variable
    quotient,  // the first divided by the second, 0 where the second is 0
    blend,     // of the target, for any state
    eastward,  // of the vector whose components along the grid's x and y axes are the first and the second
    northward
  } kind;
  std::size_t first, second;  // indices of variables; the same where there is only one
  bool increment = false;     // the difference to the same field of the given state
};

// variables: their ids, in the order of the archive. A name can end with "_increment".
// Throws Error(ICEGEN_BAD_ARGUMENT) that names the known fields.
Field field_named(const std::string &name, const std::vector<std::string> &variables);

// The field that a host gives: a variable.
Field field_to_give(const std::string &name, const std::vector<std::string> &variables);

// The field that a host observes: a variable, but of drift its parts to the east and to the north.
// drift: whether each variable is a velocity.
Field field_to_observe(const std::string &name, const std::vector<std::string> &variables,
                       const std::vector<bool> &drift);

// True if the variables contain a vector, which has to be rotated.
bool have_velocity(const std::vector<std::string> &variables);

// Values of a field at the valid points of a target; other values do not change. state: [variable, ocean cell].
// values: [point]. Each value is computed in double precision and rounded to float32, and depends on no other point.
template <class Real>
void compute(const Field &field, const float *state, std::size_t ocean_cells, const Target &target, Real *values);

}  // namespace icegen
