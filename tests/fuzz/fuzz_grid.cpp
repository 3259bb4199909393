// SPDX-License-Identifier: MIT
// The header of an archive, without the zip file around it, and points remapped from the grid it describes. Input: the
// metadata, a zero, then the ocean mask and the coordinates, 17 bytes a cell in all.
#include <archive.h>
#include <node_grid.h>

#include <cmath>

#include "fuzzing.h"

using namespace icegen;

static void remap_points(const Archive &archive, NodeGrid &grid) {
  const Coordinates &coordinates = grid.coordinates();
  for (const Method method : {Method::bilinear, Method::nearest}) {
    const Remapping remapping(archive.mask, coordinates, &grid.ocean_search(), method, 500);
    std::vector<Link> links;
    for (const Point &point : {Point{0, 90}, Point{-45, 80}, Point{200, 60}, Point{-1080, -90}, Point{30, 71.5}}) {
      const std::size_t before = links.size();
      const bool valid = remapping(point, links);
      require(valid == (links.size() > before), "a valid point has links");
      double total = 0;
      for (std::size_t i = before; i < links.size(); ++i) {
        require(links[i].cell >= 0 && links[i].cell < archive.mask.cells() && archive.mask.ocean(links[i].cell),
                "links come from ocean cells");
        total += links[i].weight;
        const Turn turn = coordinates.turn(links[i].cell, point);
        require(std::abs(turn.cosine * turn.cosine + turn.sine * turn.sine - 1) < 1e-9, "a turn keeps lengths");
      }
      require(!valid || std::abs(total - 1) < 1e-9, "weights sum to 1", std::to_string(total));
    }
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string input(reinterpret_cast<const char *>(data), size);
  const std::size_t end = std::min(input.find('\0'), size), first = std::min(end + 1, size);
  const std::size_t cells = (size - first) / 17;
  ArchiveHeader header;
  header.metadata = input.substr(0, end);
  header.ocean = input.substr(first, cells);
  header.lonlat = input.substr(first + cells, 16 * cells);
  parse(ICEGEN_BAD_ARCHIVE, [&] {
    const Archive archive = parse_header(header, "archive.pt");
    require_coordinates(header, archive, "archive.pt");
    const Communicator comm(0);
    NodeGrid grid(comm, archive, header.lonlat);
    remap_points(archive, grid);
  });
  return 0;
}
