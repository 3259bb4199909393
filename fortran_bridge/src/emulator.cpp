// SPDX-License-Identifier: MIT
#include "emulator.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <cmath>
#include <cstring>

#include "error.h"

namespace icegen {
namespace {

// Generators are spread evenly over the ranks of a node. Returns this rank's index among its node's, or -1.
int generator_on_node(int node_rank, int node_size, int wanted) {
  const int generators = std::min(wanted, node_size);
  for (int i = 0; i < generators; ++i) {
    if (static_cast<std::int64_t>(i) * node_size / generators == node_rank) return i;
  }
  return -1;
}

std::string text(const char *argument) { return argument == nullptr ? "" : argument; }

void require(const void *argument, const char *name) {
  if (argument == nullptr) fail(ICEGEN_BAD_ARGUMENT, name, " is a null pointer");
}

}  // namespace

Emulator::Emulator(int communicator, const char *namelist) : comm_(communicator) {
  std::string values;
  comm_.agree_on_first([&] {
    require(namelist, "namelist");
    values = read_namelist(namelist);
  });
  comm_.broadcast(values, 0);
  comm_.agree([&] { configuration_ = parse_namelist(values); });

  ArchiveHeader header;
  comm_.agree_on_first([&] {
    header = read_header(configuration_.archive);
    parse_header(header, configuration_.archive);
  });
  comm_.broadcast(header.metadata, 0);
  comm_.broadcast(header.ocean, 0);
  comm_.broadcast(header.sha256, 0);
  comm_.agree([&] { archive_ = parse_header(header, configuration_.archive); });

  const int on_node = generator_on_node(comm_.node_rank(), comm_.node_size(), configuration_.generators);
  const std::vector<int> flags = comm_.all_gather(on_node);
  for (int rank = 0; rank < comm_.size(); ++rank) {
    if (flags[rank] < 0) continue;
    if (rank == comm_.rank()) generator_ = static_cast<int>(generators_.size());
    generators_.push_back(rank);
  }
  comm_.agree([&] {
    if (!generates()) return;
    worker_ = std::make_unique<Worker>([this] { model_.reset(); });
    worker_
        ->run([&] {
          if (read_header(configuration_.archive).sha256 != header.sha256)
            fail(ICEGEN_BAD_ARCHIVE, configuration_.archive, " is another file on this node than on the first rank's");
          model_ = std::make_unique<Model>(configuration_.backend, configuration_.archive, configuration_.device,
                                           on_node, configuration_.threads);
        })
        .get();
  });
}

Emulator::~Emulator() { samples_.clear(); }

void Emulator::add_target(const char *target_name, std::int64_t n, const double *lon, const double *lat) {
  const std::string name = text(target_name);
  Target target;
  std::vector<Stencil> stencils;
  comm_.agree("target " + name, [&] {
    require(target_name, "target");
    if (name.empty()) fail(ICEGEN_BAD_ARGUMENT, "the target's name is empty");
    if (targets_.count(name) != 0) fail(ICEGEN_BAD_ARGUMENT, "target '", name, "' exists already");
    if (n < 0 || n > INT_MAX)
      fail(ICEGEN_BAD_ARGUMENT, "target '", name, "' has ", n, " points; wanted 0 to ", INT_MAX);
    if (n > 0) require(lon, "lon"), require(lat, "lat");
    target.valid.resize(n);
    for (std::int64_t i = 0; i < n; ++i) {
      if (!std::isfinite(lon[i]) || lon[i] < -360.0 || lon[i] > 720.0)
        fail(ICEGEN_BAD_ARGUMENT, "target '", name, "': lon of point ", i + 1, " is ", lon[i],
             "; wanted -360 to 720 degrees");
      if (!std::isfinite(lat[i]) || lat[i] < -90.0 || lat[i] > 90.0)
        fail(ICEGEN_BAD_ARGUMENT, "target '", name, "': lat of point ", i + 1, " is ", lat[i],
             "; wanted -90 to 90 degrees");
      Stencil stencil;
      target.valid[i] = bilinear(archive_.grid, lon[i], lat[i], stencil);
      if (target.valid[i]) stencils.push_back(stencil);
    }
    target.valid_count = static_cast<int>(stencils.size());
  });
  for (const int root : generators_) {
    const std::vector<char> records =
        comm_.gather(stencils.data(), target.valid_count, sizeof(Stencil), root, target.counts);
    comm_.agree([&] {
      if (comm_.rank() != root || records.empty()) return;
      target.stencils.resize(records.size() / sizeof(Stencil));
      std::memcpy(target.stencils.data(), records.data(), records.size());
    });
  }
  targets_[name] = std::move(target);
}

void Emulator::request(int slot, int first_member, int members, int year, int day_of_year) {
  constexpr int most_members = 1000000, last_member = INT_MAX - most_members;
  const std::vector<std::int64_t> condition = {year, day_of_year};
  const std::string arguments = "members " + std::to_string(members) + ", year " + std::to_string(year) +
                                ", day_of_year " + std::to_string(day_of_year) + ", first_member " +
                                std::to_string(first_member) + ", slot " + std::to_string(slot);
  comm_.agree(arguments, [&] {
    if (slot < 1) fail(ICEGEN_BAD_ARGUMENT, "slot is ", slot, "; wanted 1 or more");
    if (members < 1) fail(ICEGEN_BAD_ARGUMENT, "members is ", members, "; wanted at least 1");
    if (members > most_members) fail(ICEGEN_BAD_ARGUMENT, "members is ", members, "; wanted at most ", most_members);
    if (first_member < 1 || first_member > last_member)
      fail(ICEGEN_BAD_ARGUMENT, "first_member is ", first_member, "; wanted 1 to ", last_member);
    for (std::size_t i = 0; i < condition.size(); ++i) {
      const Condition &c = archive_.conditions[i];
      if (condition[i] < c.first || condition[i] > c.last)
        fail(ICEGEN_BAD_ARGUMENT, c.id, " is ", condition[i], "; this archive takes ", c.first, " to ", c.last);
    }
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day_of_year == 366 && !leap) fail(ICEGEN_BAD_ARGUMENT, "day_of_year is 366; the year ", year, " has 365 days");
  });
  Sample sample{first_member, members, {}};
  comm_.agree([&] {
    const int steps = configuration_.steps > 0 ? configuration_.steps : archive_.steps;
    for (int member = first_member; member < first_member + members; ++member) {
      if (generator_of(member) != generator_) continue;
      if (sample.batches.empty() || static_cast<int>(sample.batches.back()->members.size()) == configuration_.batch)
        sample.batches.push_back(std::make_shared<Batch>());
      sample.batches.back()->members.push_back(member);
    }
    for (const auto &batch : sample.batches) {
      batch->done = worker_->run([this, weak = std::weak_ptr<Batch>(batch), condition, steps] {
        const auto wanted = weak.lock();
        if (!wanted) return;
        wanted->state.resize(wanted->members.size() * archive_.state_size());
        model_->generate(configuration_.seed, wanted->members, condition, steps, wanted->state);
      });
    }
  });
  samples_[slot] = std::move(sample);
}

void Emulator::test(int slot, int *ready) {
  bool here = true;
  comm_.agree("slot " + std::to_string(slot), [&] {
    require(ready, "ready");
    for (const auto &batch : sample_in(slot).batches)
      here = here && batch->done.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  *ready = comm_.everywhere(here);
}

const Emulator::Sample &Emulator::sample_in(int slot) const {
  const auto found = samples_.find(slot);
  if (found == samples_.end()) fail(ICEGEN_BAD_ARGUMENT, "nothing was requested yet in slot ", slot);
  return found->second;
}

const float *Emulator::state_of(const Sample &sample, int member) const {
  for (const auto &batch : sample.batches) {
    const auto found = std::find(batch->members.begin(), batch->members.end(), member);
    if (found == batch->members.end()) continue;
    batch->done.get();
    return batch->state.data() + (found - batch->members.begin()) * archive_.state_size();
  }
  fail(ICEGEN_INTERNAL_ERROR, "member ", member, " is generated by no rank");
}

template <class Real>
void Emulator::receive(int slot, const char *target_name, const char *variable_id, int member, std::int64_t n,
                       Real *values, signed char *valid) {
  const std::string name = text(target_name), variable = text(variable_id);
  const Target *target = nullptr;
  std::size_t variable_index = 0;
  int root = 0;
  std::vector<float> sent, received;
  const std::string arguments = "target " + name + ", variable " + variable + ", member " + std::to_string(member) +
                                ", slot " + std::to_string(slot);
  comm_.agree(arguments, [&] {
    require(target_name, "target"), require(variable_id, "variable");
    const auto found = targets_.find(name);
    if (found == targets_.end()) fail(ICEGEN_BAD_ARGUMENT, "unknown target '", name, "'; add it with add_target");
    target = &found->second;
    const auto position = std::find(archive_.variables.begin(), archive_.variables.end(), variable);
    if (position == archive_.variables.end()) {
      std::string known;
      for (const std::string &id : archive_.variables) known += (known.empty() ? "" : ", ") + id;
      fail(ICEGEN_BAD_ARGUMENT, "unknown variable '", variable, "'; this archive has ", known);
    }
    variable_index = position - archive_.variables.begin();
    const Sample &sample = sample_in(slot);
    const int last_member = sample.first_member + sample.members - 1;
    if (member < sample.first_member || member > last_member)
      fail(ICEGEN_BAD_ARGUMENT, "member is ", member, "; the request was for ", sample.first_member, " to ",
           last_member);
    if (n != static_cast<std::int64_t>(target->valid.size()))
      fail(ICEGEN_BAD_ARGUMENT, "target '", name, "' has ", target->valid.size(), " points here; the arrays hold ", n);
    if (n > 0) require(values, "values"), require(valid, "valid");
    received.resize(target->valid_count);
    const int generator = generator_of(member);
    root = generators_[generator];
    if (generator_ != generator) return;
    sent.resize(target->stencils.size());
    apply(target->stencils, state_of(sample, member) + variable_index * archive_.grid.cells(), sent.data());
  });
  comm_.scatter(sent.data(), target->counts, received.data(), target->valid_count, root);
  std::size_t next = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    valid[i] = target->valid[i];
    if (valid[i]) values[i] = static_cast<Real>(received[next++]);
  }
}

template void Emulator::receive(int, const char *, const char *, int, std::int64_t, double *, signed char *);
template void Emulator::receive(int, const char *, const char *, int, std::int64_t, float *, signed char *);

}  // namespace icegen
