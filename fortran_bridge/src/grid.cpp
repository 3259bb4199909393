// SPDX-License-Identifier: MIT
#include "grid.h"

#include <climits>
#include <cstdint>

#include "error.h"

namespace icegen {

Mask::Mask(int rows, int columns, std::vector<unsigned char> ocean)
    : rows_(rows), columns_(columns), ocean_(std::move(ocean)) {
  const std::int64_t cells = static_cast<std::int64_t>(rows) * columns;
  if (rows < 1 || columns < 1 || cells > INT_MAX || cells != static_cast<std::int64_t>(ocean_.size()))
    fail(ICEGEN_BAD_ARCHIVE, "the archive's grid of ", rows, " x ", columns, " cells has a mask of ", ocean_.size(),
         "; wanted a byte for each cell, 1 to 2147483647");
}

}  // namespace icegen
