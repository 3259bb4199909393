// SPDX-License-Identifier: MIT
// Weights of remapping from a file in the SCRIP convention, as `cdo gencon` and ESMF_RegridWeightGen write it.
#pragma once

#include <string>
#include <vector>

#include "communicator.h"
#include "grid.h"

namespace icegen {

struct Weight {
  std::int32_t point;  // of this rank, from 0
  std::int32_t cell;   // of the archive, from 0
  double weight;
};

// The weights of this rank's points, in the order of the points, and for each point in the order of the file.
// Weights of land cells are left out. The first rank reads the file and sends it on in pieces.
// cells [n]: the number of each point among the file's target cells, from 1; 0: none of them.
// Collective; throws Error.
std::vector<Weight> read_weights(Communicator &comm, const std::string &path, const Mask &mask,
                                 const std::vector<std::int32_t> &cells);

}  // namespace icegen
