// SPDX-License-Identifier: MIT
// What an archive says of itself (torchscript/README.md), read without running it.
#pragma once

#include <string>
#include <vector>

#include "grid.h"

namespace icegen {

struct Condition {
  std::string id;
  int first, last;  // values that the archive was trained for
};

struct Archive {
  std::vector<std::string> variables;  // ids, in the order of the model's output
  Grid grid;
  std::vector<Condition> conditions;  // year, day_of_year
  int steps;                          // default of the sampler

  std::size_t state_size() const { return variables.size() * grid.cells(); }
};

// The parts of the file that the bridge needs: text and mask, to be sent to other ranks and parsed there.
struct ArchiveHeader {
  std::string metadata;  // JSON
  std::string ocean;     // one byte a cell, row by row
  std::string sha256;    // of the file
};

// Read the file, verify its checksum and return its header. Throws Error(ICEGEN_BAD_ARCHIVE).
ArchiveHeader read_header(const std::string &path);

// Interpret a header. Throws Error(ICEGEN_BAD_ARCHIVE) if it is of another contract or asks for what we do not know.
Archive parse_header(const ArchiveHeader &header, const std::string &path);

}  // namespace icegen
