// SPDX-License-Identifier: MIT
// Where the archive's cells are, kept once for a node.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "archive.h"
#include "node_memory.h"
#include "remap.h"

namespace icegen {

class NodeGrid {
 public:
  // archive: outlives it.  lonlat: as ArchiveHeader has it, on the first rank. Collective; throws Error.
  NodeGrid(const Communicator &comm, const Archive &archive, const std::string &lonlat);

  const Coordinates &coordinates() const { return *coordinates_; }

  // Made when first asked for. Collective; throws Error.
  const OceanSearch &ocean_search();

 private:
  const Communicator &comm_;
  const Archive &archive_;
  std::optional<NodeMemory> centres_;  // of the cells of a grid that is not projected, and the order of their search
  std::shared_ptr<const Coordinates> coordinates_;
  std::optional<NodeMemory> ocean_centres_;  // of the ocean cells, the order of their search, and which cells they are
  std::optional<OceanSearch> ocean_search_;
};

}  // namespace icegen
