// SPDX-License-Identifier: MIT
// The fields that a host can receive: the archive's variables, and some that follow from them.
#pragma once

#include <string>
#include <vector>

#include "remap.h"

namespace icegen {

// How a field follows from the variables of a state.
struct Field {
  enum Kind {
    variable,  // the first, as it is
    quotient,  // the first over the second, 0 where the second is 0
    eastward,  // of the vector whose components along the grid's x and y axes are the first and the second
    northward
  } kind;
  std::size_t first, second;  // indices of variables
};

// variables: their ids, in the order of the archive. Throws Error(ICEGEN_BAD_ARGUMENT) that names what there is.
Field field_named(const std::string &name, const std::vector<std::string> &variables);

// True if the variables hold a vector, which needs turning.
bool have_velocity(const std::vector<std::string> &variables);

// Values of a field at points. state: [variable, cells];  turns: as many as links, or none without velocity;
// values: one a point. Each point's arithmetic, in double precision, is the same whatever its companions.
void compute(const Field &field, const float *state, std::size_t cells, const std::vector<Link> &links,
             const std::vector<Turn> &turns, float *values);

}  // namespace icegen
