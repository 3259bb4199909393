// SPDX-License-Identifier: MIT
// The object behind a handle of icegen.h: its targets, its requests, and the ranks that generate.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive.h"
#include "backend.h"
#include "cell_sums.h"
#include "communicator.h"
#include "configuration.h"
#include "edge.h"
#include "key.h"
#include "node_grid.h"
#include "node_states.h"
#include "sample.h"
#include "target.h"
#include "worker.h"

namespace icegen {

class Emulator {
 public:
  // Every member is collective. On failure it throws the same Error on all ranks and does not change the emulator.
  // Arguments are those of icegen.h; null pointers are refused.
  Emulator(Communicator &&communicator, const char *namelist);

  void add_target(const char *target, const HostPoints &points, const char *method, double distance_km);
  void add_target(const char *target, const HostPoints &points, const char *weights, const int *cells);
  void remove_target(const char *target);
  void request(int slot, int first_member, int members, int year, int day_of_year);
  void give(const char *target, const char *variable, std::int64_t n, const HostReals &values,
            const signed char *valid);
  void perturb(int slot, int first_member, int members, double level, int year, int day_of_year);
  void observe(const char *target, const char *variable, std::int64_t n, const HostReals &values,
               const HostReals &errors, const signed char *valid);
  void analyse(int slot, int first_member, int members, int year, int day_of_year);
  void test(int slot, int *ready);
  template <class Real>
  void receive(int slot, const char *target, const char *variable, int member, std::int64_t n, Real *values,
               signed char *valid);
  std::string get_state(const char *state, std::size_t state_size);  // returns the text for `state`
  void set_state(const char *state);
  const std::string &placement() const { return placement_; }  // not collective
  [[noreturn]] void fail_without_memory() const;               // is called in place of any of these
  void close();  // call it before destruction; throws if other ranks call another function

 private:
  // Steps of opening.
  void read_configuration(const char *namelist);
  std::string read_archive();  // returns lonlat of its header, on the first rank
  void choose_key();
  void choose_generators();
  void load_model();

  bool generates() const { return generator_ >= 0; }
  std::vector<Point> checked_target(const char *name, const HostPoints &points) const;
  void add_point(Target &target, const Point &point) const;
  const Coordinates *turning() const;  // the coordinates if the archive has velocities, else null
  // A target with n points on this rank.
  const Target &target_of_size(const char *name, std::int64_t n) const;
  // What a host passes, checked but for the points. field_of: the field of a name.
  template <class FieldOf>
  PointValues point_values(const char *target, const char *variable, std::int64_t n, const HostReals &values,
                           const signed char *valid, const FieldOf &field_of) const;
  void require_takes_observations() const;
  // A guide by the fields of sums, if they pass `check` on all ranks. A failure leaves the slot empty.
  template <class Arguments, class Check>
  Guide guide_by(const CellSums &sums, int slot, const Arguments &arguments, const Check &check);
  void request(int slot, int first_member, int members, int year, int day_of_year, const Guide &guide);
  bool holds(int slot, const Request &request) const;
  void start(Sample &sample, int slot);  // queue the members of this rank
  const Target &target_named(const std::string &name) const;
  Sample &sample_in(int slot);
  const float *state_on_node(Sample &sample, int member);  // [variable, ocean cell]; copied there first if needed
  Batch &copy_state(const Sample &sample, int member, float *state) const;  // waits for it

  Communicator comm_;
  Configuration configuration_;
  Archive archive_;
  std::string sha256_;     // of the archive
  std::string placement_;  // what this rank does, and where
  Key key_;
  std::vector<Place> generators_;
  int generator_ = -1;      // this rank's index among them, or -1
  int next_generator_ = 0;  // the one for the first member of the next request
  std::optional<NodeGrid> grid_;
  std::optional<DomainEdge> edge_;
  std::optional<NodeStates> states_;
  std::map<std::string, Target> targets_;
  // Since the last perturbation. In this unit, eight million points of the largest value have a sum in 64 bits.
  CellSums given_{1 << 30, 1024, 1e-6};
  // Since the last analysis. In this unit, a million points of the largest value and weight have one.
  CellSums observed_{1 << 16, 100, 1e-4};
  std::int64_t observations_ = 0;   // the number of these points on all ranks
  std::map<int, Sample> samples_;   // by slot
  std::unique_ptr<Model> model_;    // used only by the worker
  std::unique_ptr<Worker> worker_;  // on generators
};

}  // namespace icegen
