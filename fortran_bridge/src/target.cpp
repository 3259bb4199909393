// SPDX-License-Identifier: MIT
#include "target.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>

#include "error.h"

namespace icegen {
namespace {

// Collect records of all ranks on `root`; there, `counts` tells how many came from each.
template <class Record>
std::vector<Record> gathered(const Communicator &comm, const std::vector<Record> &records, int root,
                             std::vector<int> &counts) {
  const std::vector<char> bytes = comm.gather(records.data(), records.size(), sizeof(Record), root, counts);
  std::vector<Record> all;
  comm.agree([&] {
    all.resize(bytes.size() / sizeof(Record));
    if (!bytes.empty()) std::memcpy(all.data(), bytes.data(), bytes.size());
  });
  return all;
}

}  // namespace

std::vector<Point> checked_points(const std::string &target, const HostPoints &points) {
  if (points.n < 0 || points.n > INT_MAX)
    fail(ICEGEN_BAD_ARGUMENT, "target '", target, "' has ", points.n, " points; wanted 0 to ", INT_MAX,
         ", the same number in all its arrays");
  if (points.n > 0 && points.lon == nullptr) fail(ICEGEN_BAD_ARGUMENT, "lon is a null pointer");
  if (points.n > 0 && points.lat == nullptr) fail(ICEGEN_BAD_ARGUMENT, "lat is a null pointer");
  if (points.units == nullptr) fail(ICEGEN_BAD_ARGUMENT, "units is a null pointer");
  const std::string units = points.units;
  if (units != "degrees" && units != "radians")
    fail(ICEGEN_BAD_ARGUMENT, "units is '", units, "'; wanted 'degrees' or 'radians'");
  const double to_degrees = units == "radians" ? 1 / kRadian : 1;
  constexpr double rounding = 2e-5;  // degrees; pi / 2 in single precision lies beyond the pole
  const auto refuse = [&](const char *name, std::int64_t i, double seen, double limit) {
    fail(ICEGEN_BAD_ARGUMENT, "target '", target, "': ", name, " of point ", i + 1, " is ", seen, "; wanted ",
         -limit / to_degrees, " to ", limit / to_degrees, " ", units);
  };
  std::vector<Point> checked;
  checked.reserve(points.n);
  for (std::int64_t i = 0; i < points.n; ++i) {
    const Point p = {points.lon[i] * to_degrees, points.lat[i] * to_degrees};
    if (!(std::abs(p.lon) <= 1080)) refuse("lon", i, points.lon[i], 1080);
    if (!(std::abs(p.lat) <= 90 + rounding)) refuse("lat", i, points.lat[i], 90);
    checked.push_back({p.lon, std::clamp(p.lat, -90.0, 90.0)});
  }
  return checked;
}

void Target::add_point(const Point &point, const Coordinates *turning) {
  const bool is_valid = links.size() > linked_;
  valid.push_back(is_valid);
  valid_count += is_valid;
  for (; linked_ < links.size(); ++linked_)
    if (turning != nullptr) turns.push_back(turning->turn(links[linked_].cell, point));
}

void Target::send_to(const std::vector<int> &generators, const Communicator &comm) {
  const std::vector<Link> own_links = std::move(links);
  const std::vector<Turn> own_turns = std::move(turns);
  links.clear(), turns.clear();
  for (const int root : generators) {
    std::vector<int> link_counts, ignored;
    std::vector<Link> all_links = gathered(comm, own_links, root, link_counts);
    std::vector<Turn> all_turns = gathered(comm, own_turns, root, ignored);
    comm.agree([&] {
      if (comm.rank() != root) return;
      links = std::move(all_links), turns = std::move(all_turns);
      auto link = links.begin();
      for (const int count : link_counts) {
        const auto is_last = [](const Link &l) { return l.more == 0; };
        counts.push_back(static_cast<int>(std::count_if(link, link + count, is_last)));
        link += count;
      }
      offsets = offsets_of(counts);
    });
  }
}

}  // namespace icegen
