// SPDX-License-Identifier: MIT
#include "emulator.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdio>
#include <functional>
#include <string_view>

#include "error.h"
#include "fields.h"
#include "placement.h"
#include "weights.h"

namespace icegen {
namespace {

std::string or_empty(const char *argument) { return argument == nullptr ? "" : argument; }

void require(const void *argument, const char *name) {
  if (argument == nullptr) fail(ICEGEN_BAD_ARGUMENT, name, " is a null pointer");
}

constexpr std::int64_t kMostObservations = 1000000;  // for an analysis

// A number as text from which every bit of it follows.
std::string exactly(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

}  // namespace

Emulator::Emulator(Communicator &&communicator, const char *namelist) : comm_(std::move(communicator)) {
  read_configuration(namelist);
  const std::string lonlat = read_archive();
  choose_key();
  choose_generators();
  load_model();
  grid_.emplace(comm_, archive_, lonlat);
  comm_.agree([&] { edge_.emplace(archive_.mask, grid_->coordinates()); });
  states_.emplace(comm_, archive_.ocean_size());
}

void Emulator::read_configuration(const char *namelist) {
  std::string values;
  comm_.agree_on_first([&] {
    require(namelist, "namelist");
    values = read_namelist(namelist);
  });
  comm_.broadcast(values);
  comm_.agree([&] { configuration_ = parse_namelist(values); });
}

std::string Emulator::read_archive() {
  ArchiveHeader header;
  comm_.agree_on_first([&] {
    header = read_header(configuration_.archive);
    require_sha256(header, configuration_.archive_sha256, configuration_.archive);
    require_coordinates(header, parse_header(header, configuration_.archive), configuration_.archive);
  });
  comm_.broadcast(header.metadata);
  comm_.broadcast(header.ocean);
  comm_.broadcast(header.sha256);
  comm_.agree([&] {
    archive_ = parse_header(header, configuration_.archive);
    sha256_ = header.sha256;
  });
  return std::move(header.lonlat);
}

void Emulator::choose_key() {
  comm_.agree([&] {
    const Configuration &c = configuration_;
    const bool history = c.history.empty() ? archive_.contract > 1 : c.history == "continuous";
    const bool condition = c.by_date && !archive_.conditions.empty();
    key_ = {c.seed, c.steps > 0 ? c.steps : archive_.steps, {condition, history, c.years, c.calendar}};
    require_possible(key_.dates, archive_);
  });
}

// The generators of a node are spread evenly over its ranks. Its leader is one of them.
void Emulator::choose_generators() {
  const std::vector<int> node_sizes = comm_.node_sizes();
  comm_.agree([&] {
    for (int node = 0; node < static_cast<int>(node_sizes.size()); ++node) {
      const std::int64_t ranks = node_sizes[node], wanted = std::min<std::int64_t>(configuration_.generators, ranks);
      for (std::int64_t i = 0; i < wanted; ++i) {
        const Place place = {node, static_cast<int>(i * ranks / wanted)};
        if (place == comm_.place()) generator_ = static_cast<int>(generators_.size());
        generators_.push_back(place);
      }
    }
  });
}

void Emulator::load_model() {
  const auto on_node = [&](auto first, auto last) {
    return static_cast<int>(
        std::count_if(first, last, [&](const Place &place) { return place.node == comm_.place().node; }));
  };
  const int generators = on_node(generators_.begin(), generators_.end());
  const int generator = generates() ? on_node(generators_.begin(), generators_.begin() + generator_) : -1;
  // All generators of the node look before the first of them is bound.
  NodeCpus node;
  comm_.agree([&] {
    if (!generates()) return;
    worker_ = std::make_unique<Worker>([this] { model_.reset(); });
    worker_->run([&] { node = look_at_node(); }).get();
  });
  comm_.agree([&] {
    placement_ = "no generator";
    if (!generates()) return;
    const Placement chosen = choose_cpus(node, configuration_.cpus, configuration_.threads, generator, generators);
    placement_ = "generator " + std::to_string(generator + 1) + " of " + std::to_string(generators) +
                 " on this node, CPUs " + list_of(chosen.cpus) + " (" + chosen.reason + ")";
    if (generators < configuration_.generators)
      placement_ += "; the node has fewer ranks than the " + std::to_string(configuration_.generators) +
                    " generators of the namelist";
    worker_
        ->run([&] {
          bind_thread(chosen.cpus);
          // The first rank has verified the file on its node; the other leaders verify it on theirs.
          const bool verifies = comm_.place().rank == 0 && comm_.rank() != 0;
          if (verifies && verified_sha256(configuration_.archive) != sha256_)
            fail(ICEGEN_BAD_ARCHIVE, configuration_.archive, " is another file on this node than on the first rank's");
          model_ = std::make_unique<Model>(archive_, configuration_.backend, configuration_.archive,
                                           configuration_.device, configuration_.first_device + generator,
                                           configuration_.precision, configuration_.threads);
        })
        .get();
  });
}

void Emulator::add_target(const char *name, const HostPoints &host_points, const char *method, double distance_km) {
  std::vector<Point> points;
  const auto arguments = [&] {
    return "target " + or_empty(name) + ", units " + or_empty(host_points.units) + ", method " + or_empty(method) +
           ", distance " + exactly(distance_km);
  };
  comm_.agree(arguments, [&] {
    points = checked_target(name, host_points);
    require(method, "method");
    method_named(method);
    require_distance(distance_km);
  });
  const OceanSearch *ocean = distance_km > 0 ? &grid_->ocean_search() : nullptr;
  std::map<std::string, Target> made;
  comm_.agree([&] {
    Target &target = made[name];
    const Remapping remapping(archive_.mask, grid_->coordinates(), ocean, method_named(method), distance_km);
    for (const Point &point : points) {
      remapping(point, target.links);
      add_point(target, point);
    }
  });
  targets_.merge(made);
}

void Emulator::add_target(const char *name, const HostPoints &host_points, const char *weights, const int *cells) {
  std::vector<Point> points;
  std::vector<std::int32_t> numbers;
  std::string path;
  const auto arguments = [&] {
    return "target " + or_empty(name) + ", units " + or_empty(host_points.units) + ", weights " + or_empty(weights);
  };
  comm_.agree(arguments, [&] {
    points = checked_target(name, host_points);
    require(weights, "weights");
    path = weights;
    if (!points.empty()) require(cells, "cells");
    numbers.assign(cells, cells + points.size());
  });
  const std::vector<Weight> all_weights = read_weights(comm_, path, archive_.mask, numbers);
  std::map<std::string, Target> made;
  comm_.agree([&] {
    Target &target = made[name];
    auto weight = all_weights.begin();
    for (std::size_t i = 0; i < points.size(); ++i) {
      for (; weight != all_weights.end() && weight->point == static_cast<std::int32_t>(i); ++weight) {
        const bool more = weight + 1 != all_weights.end() && (weight + 1)->point == weight->point;
        target.links.push_back({weight->cell, more, weight->weight});
      }
      add_point(target, points[i]);
    }
  });
  targets_.merge(made);
}

std::vector<Point> Emulator::checked_target(const char *name, const HostPoints &points) const {
  require(name, "target");
  if (*name == '\0') fail(ICEGEN_BAD_ARGUMENT, "the target's name is empty");
  if (targets_.count(name) != 0) fail(ICEGEN_BAD_ARGUMENT, "target '", name, "' exists already");
  return checked_points(name, points);
}

void Emulator::add_point(Target &target, const Point &point) const {
  target.add_point(point, archive_.mask, turning());
  const bool valid = target.valid.back() != 0;
  target.blend.push_back(valid ? static_cast<float>(edge_->blend(point, configuration_.blend_km)) : 0.0F);
}

const Coordinates *Emulator::turning() const {
  return have_velocity(archive_.variables) ? &grid_->coordinates() : nullptr;
}

const Target &Emulator::target_named(const std::string &name) const {
  const auto found = targets_.find(name);
  if (found == targets_.end()) fail(ICEGEN_BAD_ARGUMENT, "unknown target '", name, "'; add it with add_target");
  return found->second;
}

const Target &Emulator::target_of_size(const char *name, std::int64_t n) const {
  require(name, "target");
  const Target &target = target_named(name);
  if (n != static_cast<std::int64_t>(target.valid.size()))
    fail(ICEGEN_BAD_ARGUMENT, "target '", name, "' has ", target.valid.size(), " points here; the arrays hold ", n);
  return target;
}

template <class FieldOf>
PointValues Emulator::point_values(const char *target_name, const char *variable, std::int64_t n,
                                   const HostReals &values, const signed char *valid, const FieldOf &field_of) const {
  require(variable, "variable");
  const Target &target = target_of_size(target_name, n);
  const Field field = field_of(variable);
  if (n > 0 && values.missing()) fail(ICEGEN_BAD_ARGUMENT, "values is a null pointer");
  return {variable, field, &target, values, static_cast<const double *>(nullptr), valid};
}

void Emulator::remove_target(const char *name) {
  comm_.agree([&] { return "target " + or_empty(name); },
              [&] {
                require(name, "target");
                target_named(name);
              });
  targets_.erase(targets_.find(name));
}

void Emulator::request(int slot, int first_member, int members, int year, int day_of_year) {
  request(slot, first_member, members, year, day_of_year, {});
}

void Emulator::give(const char *target, const char *variable, std::int64_t n, const HostReals &values,
                    const signed char *valid) {
  CellSums::ByVariable made;
  const auto arguments = [&] { return "target " + or_empty(target) + ", variable " + or_empty(variable); };
  comm_.agree(arguments, [&] {
    const auto field_of = [&](const char *name) { return field_to_give(name, archive_.variables); };
    const PointValues points = point_values(target, variable, n, values, valid, field_of);
    if (given_.has(points.variable()))
      fail(ICEGEN_BAD_ARGUMENT, variable, " was given already; the next call of perturb takes it");
    given_.count(archive_, points);
    made = given_.with(archive_, points);
  });
  given_.put(std::move(made));
}

void Emulator::perturb(int slot, int first_member, int members, double level, int year, int day_of_year) {
  const auto arguments = [&] { return "level " + exactly(level) + ", slot " + std::to_string(slot); };
  Guide guide = guide_by(given_, slot, arguments, [&](const GridFields &) {
    if (!(level >= 0 && level <= 1)) fail(ICEGEN_BAD_ARGUMENT, "level is ", level, "; wanted 0 to 1");
    if (archive_.contract < 2)
      fail(ICEGEN_BAD_ARGUMENT, "an archive of contract 1 cannot perturb; wanted one of contract 2");
    if (given_.empty())
      fail(ICEGEN_BAD_ARGUMENT, "no field was given since the last perturbation; wanted at least one");
  });
  guide.kind = Guide::given, guide.level = level;
  request(slot, first_member, members, year, day_of_year, guide);
  given_.clear();
}

void Emulator::require_takes_observations() const {
  if (!archive_.takes_observations) fail(ICEGEN_BAD_ARGUMENT, "this archive takes no observations; export it again");
  if (!archive_.conditions.empty() && !key_.dates.condition)
    fail(ICEGEN_BAD_ARGUMENT, "condition is 'none'; wanted 'date', because observations belong to one");
}

void Emulator::observe(const char *target, const char *variable, std::int64_t n, const HostReals &values,
                       const HostReals &errors, const signed char *valid) {
  std::optional<PointValues> points;
  std::vector<std::int64_t> observations;
  CellSums::ByVariable made;
  const auto arguments = [&] { return "target " + or_empty(target) + ", variable " + or_empty(variable); };
  comm_.agree(arguments, [&] {
    require_takes_observations();
    const auto field_of = [&](const char *name) { return field_to_observe(name, archive_.variables, archive_.drift); };
    points = point_values(target, variable, n, values, valid, field_of);
    if (n > 0 && errors.missing()) fail(ICEGEN_BAD_ARGUMENT, "errors is a null pointer");
    points->errors = errors;
    observations = {observed_.count(archive_, *points)};
  });
  comm_.sum(observations);
  observations[0] += observations_;
  comm_.agree([&] {
    if (observations[0] > kMostObservations)
      fail(ICEGEN_BAD_ARGUMENT, "there are ", observations[0], " observations since the last analysis; wanted at most ",
           kMostObservations);
    made = observed_.with(archive_, *points);
  });
  observed_.put(std::move(made));
  observations_ = observations[0];
}

void Emulator::analyse(int slot, int first_member, int members, int year, int day_of_year) {
  const auto arguments = [&] { return "slot " + std::to_string(slot); };
  Guide guide = guide_by(observed_, slot, arguments, [&](const GridFields &observed) {
    require_takes_observations();
    if (std::none_of(observed.weights.begin(), observed.weights.end(), [](float weight) { return weight > 0; }))
      fail(ICEGEN_BAD_ARGUMENT, "the archive's ocean was not observed since the last analysis; wanted an observation");
    if (!have_velocity(archive_.variables)) return;
    const Field drift = field_named("siu_east", archive_.variables);
    const auto weights = [&](std::size_t v) { return observed.weights.begin() + v * archive_.mask.cells(); };
    if (!std::equal(weights(drift.first), weights(drift.first + 1), weights(drift.second)))
      fail(ICEGEN_BAD_ARGUMENT, "siu_east and siv_north were not observed at the same points with the same errors");
  });
  guide.kind = Guide::observed;
  request(slot, first_member, members, year, day_of_year, guide);
  observed_.clear(), observations_ = 0;
}

template <class Arguments, class Check>
Guide Emulator::guide_by(const CellSums &sums, int slot, const Arguments &arguments, const Check &check) {
  Guide guide;
  try {
    comm_.agree(arguments, [] {});
    const CellSums::Sums total = sums.total(comm_, archive_);
    comm_.agree([&] {
      GridFields fields = sums.fields(archive_, total);
      check(fields);
      const auto *bytes = reinterpret_cast<const char *>(total.data());
      guide.digest = std::hash<std::string_view>{}({bytes, total.size() * sizeof total[0]});
      if (generates()) guide.fields = std::make_shared<const GridFields>(std::move(fields));
    });
  } catch (const Disagreement &) {
    throw;
  } catch (const Error &) {
    samples_.erase(slot);
    throw;
  }
  return guide;
}

void Emulator::request(int slot, int first_member, int members, int year, int day_of_year, const Guide &guide) {
  constexpr int most_members = 1000000, last_first_member = INT_MAX - most_members;
  std::map<int, Sample> made;
  const auto arguments = [&] {
    return "members " + std::to_string(members) + ", year " + std::to_string(year) + ", day_of_year " +
           std::to_string(day_of_year) + ", first_member " + std::to_string(first_member) + ", slot " +
           std::to_string(slot);
  };
  try {
    comm_.agree(arguments, [&] {
      if (slot < 1) fail(ICEGEN_BAD_ARGUMENT, "slot is ", slot, "; wanted 1 or more");
      if (members < 1) fail(ICEGEN_BAD_ARGUMENT, "members is ", members, "; wanted at least 1");
      if (members > most_members) fail(ICEGEN_BAD_ARGUMENT, "members is ", members, "; wanted at most ", most_members);
      if (first_member < 1 || first_member > last_first_member)
        fail(ICEGEN_BAD_ARGUMENT, "first_member is ", first_member, "; wanted 1 to ", last_first_member);
      Request request = {first_member, members, key_, moment_of(year, day_of_year, key_.dates, archive_.conditions),
                         guide};
      if (holds(slot, request)) return;
      Sample &sample = made[slot];
      sample.request = std::move(request), sample.first_generator = next_generator_;
      start(sample, slot);
    });
  } catch (const Disagreement &) {
    throw;
  } catch (const Error &) {  // all ranks made this request, so none of them may receive the previous one instead
    samples_.erase(slot);
    throw;
  }
  if (made.empty()) return;
  next_generator_ = made.begin()->second.generator_of(first_member + members, static_cast<int>(generators_.size()));
  samples_.erase(slot);
  samples_.merge(made);
}

// Whether a slot already has what is requested, or generates it.
bool Emulator::holds(int slot, const Request &request) const {
  const auto found = samples_.find(slot);
  return found != samples_.end() && !found->second.failed && found->second.request == request;
}

void Emulator::start(Sample &sample, int slot) {
  if (!generates()) return;
  const Request &request = sample.request;
  const int generators = static_cast<int>(generators_.size());
  // The number of members that other generators take first.
  const int before = (generator_ - sample.first_generator + generators) % generators;
  if (before == 0 && request.perturbs()) {
    sample.batches.push_back(std::make_shared<Batch>());
    sample.batches.back()->members.push_back(0);
  }
  for (int i = before; i < request.members; i += generators) {
    const bool full = sample.batches.empty() || sample.batches.back()->members.front() == 0 ||
                      static_cast<int>(sample.batches.back()->members.size()) == configuration_.batch;
    if (full) sample.batches.push_back(std::make_shared<Batch>());
    sample.batches.back()->members.push_back(request.first_member + i);
  }
  for (const auto &batch : sample.batches) {
    const auto generate = [this, weak = std::weak_ptr<Batch>(batch), moment = request.moment, key = request.key,
                           guide = request.guide] {
      const auto wanted = weak.lock();
      if (!wanted) return;
      switch (guide.kind) {
        case Guide::nothing:
          return model_->generate(key.seed, wanted->members, moment, key.steps, wanted->states);
        case Guide::given:
          return model_->perturb(*guide.fields, guide.level, key.seed, wanted->members, moment, key.steps,
                                 wanted->states);
        case Guide::observed:
          return model_->analyse(*guide.fields, key.seed, wanted->members, moment, key.steps, wanted->states);
      }
    };
    batch->done = worker_->run(generate, slot);
  }
}

void Emulator::test(int slot, int *ready) {
  const auto done = [](const std::shared_ptr<Batch> &batch) {
    return batch->done.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  const bool done_everywhere = comm_.everywhere([&] { return "slot " + std::to_string(slot); },
                                                [&] {
                                                  require(ready, "ready");
                                                  const auto &batches = sample_in(slot).batches;
                                                  return std::all_of(batches.begin(), batches.end(), done);
                                                });
  *ready = done_everywhere;
}

Sample &Emulator::sample_in(int slot) {
  const auto found = samples_.find(slot);
  if (found == samples_.end())
    fail(ICEGEN_BAD_ARGUMENT, "slot ", slot, " is empty: nothing was requested in it, or the request was refused");
  return found->second;
}

template <class Real>
void Emulator::receive(int slot, const char *target_name, const char *variable, int member, std::int64_t n,
                       Real *values, signed char *valid) {
  const Target *target = nullptr;
  Field field = {};
  Sample *sample = nullptr;
  std::vector<Real> unperturbed;
  const auto arguments = [&] {
    return "target " + or_empty(target_name) + ", variable " + or_empty(variable) + ", member " +
           std::to_string(member) + ", slot " + std::to_string(slot);
  };
  comm_.agree(arguments, [&] {
    target = &target_of_size(target_name, n);
    require(variable, "variable");
    field = field_named(variable, archive_.variables);
    if (field.kind != Field::blend) {
      sample = &sample_in(slot);
      if (!sample->has(member))
        fail(ICEGEN_BAD_ARGUMENT, "member is ", member, "; the request was for ", sample->request.first_member, " to ",
             sample->last_member());
    }
    if (n > 0) require(values, "values"), require(valid, "valid");
    if (!field.increment) return;
    if (!sample->request.perturbs())
      fail(ICEGEN_BAD_ARGUMENT, variable, " is known after perturb; slot ", slot, " holds a request");
    unperturbed.resize(n);
  });
  const float *state = nullptr, *given = nullptr;
  if (sample != nullptr) {
    if (generates()) worker_->advance(slot);
    state = state_on_node(*sample, member);
    if (field.increment) given = state_on_node(*sample, 0);
  }
  std::copy(target->valid.begin(), target->valid.end(), valid);
  compute(field, state, archive_.mask.ocean_cells(), *target, values);
  if (field.increment) {
    compute(field, given, archive_.mask.ocean_cells(), *target, unperturbed.data());
    for (std::int64_t i = 0; i < n; ++i)
      if (valid[i]) values[i] -= unperturbed[i];
  }
  if (field.kind == Field::blend || !configuration_.fill_value) return;
  for (std::int64_t i = 0; i < n; ++i)
    if (!valid[i]) values[i] = static_cast<Real>(*configuration_.fill_value);
}

const float *Emulator::state_on_node(Sample &sample, int member) {
  if (const auto found = sample.on_node.find(member); found != sample.on_node.end()) return found->second.get();
  std::map<int, NodeState> brought;
  NodeState state = states_->take();
  const int generator = sample.generator_of(member, static_cast<int>(generators_.size()));
  Batch *batch = nullptr;
  try {
    comm_.agree([&] {
      if (generator == generator_) batch = &copy_state(sample, member, state.get());
      brought.emplace(member, std::move(state));
    });
  } catch (const Error &) {
    sample.failed = true;
    throw;
  }
  const NodeState &there = brought.begin()->second;
  states_->distribute(there, generators_[generator]);
  if (batch != nullptr && ++batch->brought == batch->members.size()) std::vector<float>().swap(batch->states);
  const float *values = there.get();
  sample.on_node.merge(brought);
  return values;
}

Batch &Emulator::copy_state(const Sample &sample, int member, float *state) const {
  for (const auto &batch : sample.batches) {
    const auto found = std::find(batch->members.begin(), batch->members.end(), member);
    if (found == batch->members.end()) continue;
    batch->done.get();
    const std::size_t size = archive_.ocean_size();
    std::copy_n(batch->states.data() + (found - batch->members.begin()) * size, size, state);
    return *batch;
  }
  fail(ICEGEN_INTERNAL_ERROR, "member ", member, " is generated by no rank");
}

std::string Emulator::get_state(const char *state, std::size_t state_size) {
  std::string text;
  comm_.agree([&] {
    text = restart_text(key_, sha256_);
    require(state, "state");
    if (state_size <= text.size())
      fail(ICEGEN_BAD_ARGUMENT, "state holds ", state_size, " characters; wanted at least ", ICEGEN_STATE_SIZE);
  });
  return text;
}

void Emulator::set_state(const char *state) {
  Key key;
  comm_.agree([&] { return "state " + or_empty(state); },
              [&] {
                require(state, "state");
                key = key_of_restart(state, sha256_, archive_);
              });
  key_ = key;
}

void Emulator::fail_without_memory() const {
  comm_.agree([]() -> std::string { throw std::bad_alloc(); }, [] {});
  throw std::bad_alloc();  // never reached: the agreement throws
}

void Emulator::close() {
  const Error outcome = outcome_of([&] { comm_.agree([] { return std::string("close"); }, [] {}); });
  if (outcome.status == ICEGEN_BAD_ARGUMENT) throw outcome;  // after other errors, the ranks cannot agree
}

template void Emulator::receive(int, const char *, const char *, int, std::int64_t, double *, signed char *);
template void Emulator::receive(int, const char *, const char *, int, std::int64_t, float *, signed char *);

}  // namespace icegen
