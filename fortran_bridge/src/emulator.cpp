// SPDX-License-Identifier: MIT
#include "emulator.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstring>
#include <sstream>

#include "curvilinear.h"
#include "error.h"
#include "fields.h"
#include "weights.h"

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

Emulator::Emulator(Communicator &&communicator, const char *namelist) : comm_(std::move(communicator)) {
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
    require_sha256(header, configuration_.archive_sha256, configuration_.archive);
    require_coordinates(header, parse_header(header, configuration_.archive), configuration_.archive);
  });
  comm_.broadcast(header.metadata, 0);
  comm_.broadcast(header.ocean, 0);
  comm_.broadcast(header.sha256, 0);
  comm_.agree([&] {
    archive_ = parse_header(header, configuration_.archive);
    sha256_ = header.sha256;
  });
  key_ = {configuration_.seed, configuration_.steps > 0 ? configuration_.steps : archive_.steps,
          configuration_.by_date && !archive_.conditions.empty()};
  if (!archive_.projected) lonlat_ = std::move(header.lonlat);

  const int on_node = generator_on_node(comm_.node_rank(), comm_.node_size(), configuration_.generators);
  const std::vector<int> flags = comm_.all_gather(on_node);
  comm_.agree([&] {
    for (int rank = 0; rank < comm_.size(); ++rank) {
      if (flags[rank] < 0) continue;
      if (rank == comm_.rank()) generator_ = static_cast<int>(generators_.size());
      generators_.push_back(rank);
    }
    if (!generates()) return;
    worker_ = std::make_unique<Worker>([this] { model_.reset(); });
    worker_
        ->run([&] {
          if (read_header(configuration_.archive).sha256 != header.sha256)
            fail(ICEGEN_BAD_ARCHIVE, configuration_.archive, " is another file on this node than on the first rank's");
          model_ = std::make_unique<Model>(archive_, configuration_.backend, configuration_.archive,
                                           configuration_.device, configuration_.first_device + on_node,
                                           configuration_.precision, configuration_.threads);
        })
        .get();
  });
}

void Emulator::add_target(const char *name, const HostPoints &host_points, const char *method, double distance_km) {
  std::vector<Point> points;
  const auto arguments = [&] {
    return "target " + text(name) + ", units " + text(host_points.units) + ", method " + text(method) + ", distance " +
           std::to_string(distance_km);
  };
  comm_.agree(arguments, [&] {
    points = checked_target(name, host_points);
    require(method, "method");
    method_named(method);
  });
  const auto where = coordinates();
  std::map<std::string, Target> made;
  comm_.agree([&] {
    Target &target = made[name];
    Remapping remapping(archive_.mask, *where, method_named(method), distance_km);
    for (const Point &point : points) {
      remapping(point, target.links);
      target.add_point(point, have_velocity(archive_.variables) ? where.get() : nullptr);
    }
  });
  made.begin()->second.send_to(generators_, comm_);
  targets_.merge(made);
}

void Emulator::add_target(const char *name, const HostPoints &host_points, const char *weights, const int *cells) {
  std::vector<Point> points;
  std::vector<std::int32_t> numbers;
  std::string path;
  const auto arguments = [&] {
    return "target " + text(name) + ", units " + text(host_points.units) + ", weights " + text(weights);
  };
  comm_.agree(arguments, [&] {
    points = checked_target(name, host_points);
    require(weights, "weights");
    path = weights;
    if (!points.empty()) require(cells, "cells");
    numbers.assign(cells, cells + points.size());
  });
  const std::vector<Weight> all_weights = read_weights(comm_, path, archive_.mask, numbers);
  const auto where = coordinates();
  std::map<std::string, Target> made;
  comm_.agree([&] {
    Target &target = made[name];
    auto weight = all_weights.begin();
    for (std::size_t i = 0; i < points.size(); ++i) {
      for (; weight != all_weights.end() && weight->point == static_cast<std::int32_t>(i); ++weight) {
        const bool more = weight + 1 != all_weights.end() && (weight + 1)->point == weight->point;
        target.links.push_back({weight->cell, more, weight->weight});
      }
      target.add_point(points[i], have_velocity(archive_.variables) ? where.get() : nullptr);
    }
  });
  made.begin()->second.send_to(generators_, comm_);
  targets_.merge(made);
}

std::vector<Point> Emulator::checked_target(const char *name, const HostPoints &points) const {
  require(name, "target");
  if (*name == '\0') fail(ICEGEN_BAD_ARGUMENT, "the target's name is empty");
  if (targets_.count(name) != 0) fail(ICEGEN_BAD_ARGUMENT, "target '", name, "' exists already");
  return checked_points(name, points);
}

std::shared_ptr<const Coordinates> Emulator::coordinates() {
  if (archive_.projected) return archive_.projected;
  std::string lonlat;
  comm_.agree([&] { lonlat = lonlat_; });
  comm_.broadcast(lonlat, 0);
  std::shared_ptr<const Coordinates> made;
  comm_.agree([&] {
    std::vector<double> degrees(2 * static_cast<std::size_t>(archive_.mask.cells()));
    std::memcpy(degrees.data(), lonlat.data(), degrees.size() * sizeof(double));
    made = std::make_shared<Curvilinear>(archive_.mask.rows(), archive_.mask.columns(), degrees.data(),
                                         degrees.data() + archive_.mask.cells(), archive_.mirrored);
  });
  return made;
}

void Emulator::request(int slot, int first_member, int members, int year, int day_of_year) {
  constexpr int most_members = 1000000, last_member = INT_MAX - most_members;
  std::vector<std::int64_t> condition;
  const auto arguments = [&] {
    return "members " + std::to_string(members) + ", year " + std::to_string(year) + ", day_of_year " +
           std::to_string(day_of_year) + ", first_member " + std::to_string(first_member) + ", slot " +
           std::to_string(slot);
  };
  comm_.agree(arguments, [&] {
    if (key_.by_date) condition = {year, day_of_year};
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
    if (key_.by_date && day_of_year == 366 && !leap)
      fail(ICEGEN_BAD_ARGUMENT, "day_of_year is 366; the year ", year, " has 365 days");
  });
  std::map<int, Sample> made;
  comm_.agree([&] {
    Sample &sample = made[slot];
    sample.first_member = first_member, sample.members = members;
    for (int member = first_member; member < first_member + members; ++member) {
      if (generator_of(slot, member) != generator_) continue;
      if (sample.batches.empty() || static_cast<int>(sample.batches.back()->members.size()) == configuration_.batch)
        sample.batches.push_back(std::make_shared<Batch>());
      sample.batches.back()->members.push_back(member);
    }
    for (const auto &batch : sample.batches) {
      batch->done = worker_->run([this, weak = std::weak_ptr<Batch>(batch), condition, key = key_] {
        const auto wanted = weak.lock();
        if (!wanted) return;
        wanted->state.resize(wanted->members.size() * archive_.state_size());
        model_->generate(key.seed, wanted->members, condition, key.steps, wanted->state);
      });
    }
  });
  samples_.erase(slot);
  samples_.merge(made);
}

void Emulator::test(int slot, int *ready) {
  bool here = true;
  comm_.agree([&] { return "slot " + std::to_string(slot); },
              [&] {
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
  const Target *target = nullptr;
  Field field = {};
  int root = 0;
  std::vector<float> sent, received;
  const auto arguments = [&] {
    return "target " + text(target_name) + ", variable " + text(variable_id) + ", member " + std::to_string(member) +
           ", slot " + std::to_string(slot);
  };
  comm_.agree(arguments, [&] {
    require(target_name, "target"), require(variable_id, "variable");
    const std::string name = target_name, variable = variable_id;
    const auto found = targets_.find(name);
    if (found == targets_.end()) fail(ICEGEN_BAD_ARGUMENT, "unknown target '", name, "'; add it with add_target");
    target = &found->second;
    field = field_named(variable, archive_.variables);
    const Sample &sample = sample_in(slot);
    const int last_member = sample.first_member + sample.members - 1;
    if (member < sample.first_member || member > last_member)
      fail(ICEGEN_BAD_ARGUMENT, "member is ", member, "; the request was for ", sample.first_member, " to ",
           last_member);
    if (n != static_cast<std::int64_t>(target->valid.size()))
      fail(ICEGEN_BAD_ARGUMENT, "target '", name, "' has ", target->valid.size(), " points here; the arrays hold ", n);
    if (n > 0) require(values, "values"), require(valid, "valid");
    received.resize(target->valid_count);
    const int generator = generator_of(slot, member);
    root = generators_[generator];
    if (generator_ != generator) return;
    std::size_t points = 0;
    for (const int count : target->counts) points += count;
    sent.resize(points);
    compute(field, state_of(sample, member), archive_.mask.cells(), target->links, target->turns, sent.data());
  });
  comm_.scatter(sent.data(), target->counts, target->offsets, received.data(), target->valid_count, root);
  std::size_t next = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    valid[i] = target->valid[i];
    if (valid[i]) values[i] = static_cast<Real>(received[next++]);
  }
}

std::string Emulator::get_state(const char *state, std::size_t state_size) {
  std::string text;
  comm_.agree([&] {
    text = "icegen-state 1 archive " + sha256_ + " seed " + std::to_string(key_.seed) + " steps " +
           std::to_string(key_.steps) + " condition " + (key_.by_date ? "date" : "none");
    require(state, "state");
    if (state_size <= text.size())
      fail(ICEGEN_BAD_ARGUMENT, "state holds ", state_size, " characters; wanted at least ", ICEGEN_STATE_SIZE);
  });
  return text;
}

void Emulator::set_state(const char *state) {
  Key key;
  comm_.agree([&] { return "state " + text(state); },
              [&] {
                require(state, "state");
                std::istringstream words(state);
                std::string format, version, archive, sha256, seed, steps, condition, by;
                words >> format >> version;
                if (format != "icegen-state")
                  fail(ICEGEN_BAD_ARGUMENT, "state is '", std::string(state).substr(0, 40),
                       "'; wanted one of icegen_get_state");
                if (version != "1") fail(ICEGEN_BAD_ARGUMENT, "state is of version ", version, "; this icegen reads 1");
                words >> archive >> sha256 >> seed >> key.seed >> steps >> key.steps >> condition >> by;
                if (!words || archive != "archive" || seed != "seed" || steps != "steps" || condition != "condition" ||
                    key.seed < 0 || key.steps < 1 || (by != "date" && by != "none"))
                  fail(ICEGEN_BAD_ARGUMENT, "state '", state, "' is damaged");
                if (sha256 != sha256_)
                  fail(ICEGEN_BAD_ARGUMENT, "state is of the archive ", sha256.substr(0, 12), "...; this one is ",
                       sha256_.substr(0, 12), "...");
                key.by_date = by == "date";
                if (key.by_date && archive_.conditions.empty())
                  fail(ICEGEN_BAD_ARGUMENT, "state '", state, "' is damaged");
              });
  key_ = key;
}

template void Emulator::receive(int, const char *, const char *, int, std::int64_t, double *, signed char *);
template void Emulator::receive(int, const char *, const char *, int, std::int64_t, float *, signed char *);

}  // namespace icegen
