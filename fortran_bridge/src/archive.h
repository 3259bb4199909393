// SPDX-License-Identifier: MIT
// The description of an archive (torchscript/README.md), read without running its code.
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

// Bounds of a variable's values; infinite if the archive has none.
struct Bounds {
  double lower, upper;
};

// The range of sit / sic where there is ice, m. Without ice both are 0.
struct Consistency {
  std::size_t sit, sic;  // indices of variables
  Bounds ratio;
};

struct Archive {
  int contract;                        // version of the archive contract
  std::vector<std::string> variables;  // ids, in the order of the model's output
  std::vector<Bounds> bounds;          // of each of them
  std::vector<bool> drift;             // whether each of them is a velocity
  std::optional<Consistency> consistency;
  Mask mask;
  std::shared_ptr<const Projected> projected;  // null if the archive has the position of each cell instead
  bool mirrored;                               // x decreases with the column
  std::vector<Condition> conditions;           // year, day_of_year; or none
  int steps;                                   // default of the sampler
  bool takes_observations;                     // it has the covariance through which they act

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

// Read the file, verify its checksum and return its header, or only the checksum. Throws Error(ICEGEN_BAD_ARCHIVE).
ArchiveHeader read_header(const std::string &path);
std::string verified_sha256(const std::string &path);

// Throws Error(ICEGEN_BAD_ARCHIVE) if the file has another SHA-256 than the namelist wants. wanted: empty for any.
void require_sha256(const ArchiveHeader &header, const std::string &wanted, const std::string &path);

// Parse a header, except its lonlat. Throws Error(ICEGEN_BAD_ARCHIVE) if it does not follow a contract that we read.
Archive parse_header(const ArchiveHeader &header, const std::string &path);

// Throws Error(ICEGEN_BAD_ARCHIVE) if the positions of cells follow neither from a projection nor from lonlat.
void require_coordinates(const ArchiveHeader &header, const Archive &archive, const std::string &path);

}  // namespace icegen
