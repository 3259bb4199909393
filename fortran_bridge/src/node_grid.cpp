// SPDX-License-Identifier: MIT
#include "node_grid.h"

#include <cstring>
#include <vector>

#include "curvilinear.h"

namespace icegen {
namespace {

constexpr Place kFirstRank = {0, 0};

// A node's memory contains vectors, followed by one or more numbers for each vector.
constexpr std::size_t bytes_of(std::size_t points, std::size_t numbers) {
  return points * (sizeof(Vector) + numbers * sizeof(std::int32_t));
}
Vector *vectors_in(const NodeMemory &memory) { return reinterpret_cast<Vector *>(memory.data()); }
std::int32_t *numbers_in(const NodeMemory &memory, std::size_t points) {
  return reinterpret_cast<std::int32_t *>(memory.data() + bytes_of(points, 0));
}

}  // namespace

NodeGrid::NodeGrid(const Communicator &comm, const Archive &archive, const std::string &lonlat)
    : comm_(comm), archive_(archive), coordinates_(archive.projected) {
  if (coordinates_) return;
  const int cells = archive.mask.cells();
  centres_.emplace(comm, bytes_of(cells, 1));
  Vector *centres = vectors_in(*centres_);
  std::int32_t *order = numbers_in(*centres_, cells);
  comm.agree_on_first([&] {
    std::vector<double> degrees(2 * static_cast<std::size_t>(cells));
    std::memcpy(degrees.data(), lonlat.data(), degrees.size() * sizeof(double));
    find_centres(cells, degrees.data(), degrees.data() + cells, centres);
    sort_for_search(centres, order, cells);
  });
  centres_->distribute(0, centres_->size(), kFirstRank);
  comm.agree([&] {
    coordinates_ =
        std::make_shared<Curvilinear>(archive.mask.rows(), archive.mask.columns(), centres, order, archive.mirrored);
  });
}

const OceanSearch &NodeGrid::ocean_search() {
  if (ocean_search_) return *ocean_search_;
  const auto count = static_cast<std::size_t>(archive_.mask.ocean_cells());
  if (!ocean_centres_) ocean_centres_.emplace(comm_, bytes_of(count, 2));
  Vector *centres = vectors_in(*ocean_centres_);
  std::int32_t *order = numbers_in(*ocean_centres_, count), *cells = order + count;
  comm_.agree_on_first([&] {
    std::size_t next = 0;
    for (int cell = 0; cell < archive_.mask.cells(); ++cell) {
      if (!archive_.mask.ocean(cell)) continue;
      centres[next] = coordinates_->centre(cell);
      cells[next++] = cell;
    }
    sort_for_search(centres, order, count);
  });
  ocean_centres_->distribute(0, ocean_centres_->size(), kFirstRank);
  ocean_search_ = OceanSearch{cells, NearestSearch(centres, order, count)};
  return *ocean_search_;
}

}  // namespace icegen
