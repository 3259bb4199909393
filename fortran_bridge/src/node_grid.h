// SPDX-License-Identifier: MIT
// The positions of the archive's cells, of which each node keeps one copy.
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
  // archive: has to outlive this.  lonlat: that of ArchiveHeader, on the first rank. Collective; throws Error.
  NodeGrid(const Communicator &comm, const Archive &archive, const std::string &lonlat);

  const Coordinates &coordinates() const { return *coordinates_; }

  // Made in the first call. Collective; throws Error.
  const OceanSearch &ocean_search();

 private:
  const Communicator &comm_;
  const Archive &archive_;
  std::optional<NodeMemory> centres_;  // of the cells, and the order of their search; not for projected grids
  std::shared_ptr<const Coordinates> coordinates_;
  std::optional<NodeMemory> ocean_centres_;  // of the ocean cells, the order of their search, and their numbers
  std::optional<OceanSearch> ocean_search_;
};

}  // namespace icegen
