// SPDX-License-Identifier: MIT
#include "grid.h"

#include <bitset>
#include <climits>

#include "error.h"

namespace icegen {
namespace {

int ones(std::uint64_t bits) { return static_cast<int>(std::bitset<64>(bits).count()); }

}  // namespace

Mask::Mask(int rows, int columns, const std::string &ocean) : rows_(rows), columns_(columns) {
  const std::int64_t cells = static_cast<std::int64_t>(rows) * columns;
  if (rows < 1 || columns < 1 || cells > INT_MAX || cells != static_cast<std::int64_t>(ocean.size()))
    fail(ICEGEN_BAD_ARCHIVE, "the archive's grid of ", rows, " x ", columns, " cells has a mask of ", ocean.size(),
         "; wanted a byte for each cell, 1 to 2147483647");
  words_.resize((ocean.size() + 63) / 64);
  for (std::size_t cell = 0; cell < ocean.size(); ++cell)
    if (ocean[cell] != 0) words_[cell / 64].bits |= std::uint64_t{1} << cell % 64;
  for (Word &word : words_) {
    word.before = ocean_cells_;
    ocean_cells_ += ones(word.bits);
  }
}

std::int32_t Mask::ocean_number(int cell) const {
  const Word &word = words_[cell / 64];
  const std::uint64_t earlier = (std::uint64_t{1} << cell % 64) - 1;
  return word.before + ones(word.bits & earlier);
}

void Mask::pack(const float *cells, float *ocean_values) const {
  for (int cell = 0; cell < this->cells(); ++cell)
    if (ocean(cell)) *ocean_values++ = cells[cell];
}

}  // namespace icegen
