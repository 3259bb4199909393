// SPDX-License-Identifier: MIT
// What an archive says of itself (torchscript/README.md), read without running it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "projected.h"

namespace icegen {

struct Condition {
  std::string id;
  int first, last;  // values that the archive was trained for
};

// Of a variable's values; infinite where the archive has none.
struct Bounds {
  double lower, upper;
};

// Thickness over concentration wherever there is ice, m; without ice both are 0.
struct Consistency {
  std::size_t sit, sic;  // indices of variables
  Bounds ratio;
};

struct Archive {
  int contract;                        // its version
  std::vector<std::string> variables;  // ids, in the order of the model's output
  std::vector<Bounds> bounds;          // of each of them
  std::optional<Consistency> consistency;
  Mask mask;
  std::shared_ptr<const Projected> projected;  // null where the archive gives the places of its cells one by one
  bool mirrored;                               // x decreases with the column
  std::vector<Condition> conditions;           // year, day_of_year; or none
  int steps;                                   // default of the sampler

  std::size_t state_size() const { return variables.size() * static_cast<std::size_t>(mask.cells()); }
  std::size_t ocean_size() const { return variables.size() * static_cast<std::size_t>(mask.ocean_cells()); }
};

// The parts of the file that the bridge needs, to be sent to other ranks and parsed there.
struct ArchiveHeader {
  std::string metadata;  // JSON
  std::string ocean;     // one byte a cell, row by row
  std::string lonlat;    // float64: longitudes of the cells' centres, then latitudes; empty if the file has none
  std::string sha256;    // of the file
};

// Read the file, verify its checksum and return its header, or the checksum alone. Throws Error(ICEGEN_BAD_ARCHIVE).
ArchiveHeader read_header(const std::string &path);
std::string verified_sha256(const std::string &path);

// Throws Error(ICEGEN_BAD_ARCHIVE) if the file is not the one that the namelist pins; wanted: empty for any.
void require_sha256(const ArchiveHeader &header, const std::string &wanted, const std::string &path);

// Interpret a header, its lonlat left out. Throws Error(ICEGEN_BAD_ARCHIVE) if it is of another contract or asks for
// what we do not know.
Archive parse_header(const ArchiveHeader &header, const std::string &path);

// Throws Error(ICEGEN_BAD_ARCHIVE) if neither a projection that we know nor the header's lonlat tells where cells are.
void require_coordinates(const ArchiveHeader &header, const Archive &archive, const std::string &path);

}  // namespace icegen
