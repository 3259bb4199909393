// SPDX-License-Identifier: MIT
#include "backend.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "error.h"
#include "plugin.h"

namespace icegen {
namespace {

// Call a function of a backend. If it fails or throws, throw an Error that begins with `failure`.
template <class Call>
void run(const std::string &failure, const Call &call) {
  char message[512] = "";
  bool fine = false;
  const Error outcome = outcome_of([&] { fine = call(message, sizeof message) == 0; });
  if (outcome.status == ICEGEN_OUT_OF_MEMORY) fail(ICEGEN_OUT_OF_MEMORY, failure, outcome.what());
  if (outcome.status != ICEGEN_SUCCESS) fail(ICEGEN_BACKEND_ERROR, failure, outcome.what());
  if (!fine) fail(ICEGEN_BACKEND_ERROR, failure, message);
}

// Refuse impossible values. cells: of one variable, float32 [y, x].
void require_within(const Bounds &bounds, const float *cells, std::size_t count, const std::string &variable,
                    std::int64_t member) {
  constexpr float most = std::numeric_limits<float>::max();
  const float lower = std::max(static_cast<float>(bounds.lower), -most);
  const float upper = std::min(static_cast<float>(bounds.upper), most);
  const float *end = cells + count;
  const float *bad = std::find_if(cells, end, [=](float value) { return !(value >= lower && value <= upper); });
  if (bad == end) return;
  const auto refuse = [&](const auto &...wanted) {
    fail(ICEGEN_BACKEND_ERROR, "generation failed: ", variable, " of member ", member, " is ", *bad, " in cell ",
         bad - cells + 1, "; wanted ", wanted...);
  };
  if (std::isfinite(*bad)) refuse(bounds.lower, " to ", bounds.upper);
  refuse("a finite number");
}

// Refuse thickness that contradicts concentration. state: float32 [variable, y, x] of one member.
void require_consistent(const Consistency &wanted, const float *state, std::size_t cells, std::int64_t member) {
  constexpr double rounding = 1e-6;  // relative, of float32 numbers and of the numbers they were computed from
  const double thinnest = wanted.ratio.lower * (1 - rounding), thickest = wanted.ratio.upper * (1 + rounding);
  const float *sit = state + wanted.sit * cells, *sic = state + wanted.sic * cells;
  for (std::size_t cell = 0; cell < cells; ++cell) {
    const double volume = sit[cell], area = sic[cell];
    if (volume >= thinnest * area && volume <= thickest * area) continue;  // also if both are 0
    const auto refuse = [&](const auto &...seen) {
      fail(ICEGEN_BACKEND_ERROR, "generation failed: sit / sic of member ", member, " is ", seen..., " in cell ",
           cell + 1, "; wanted ", wanted.ratio.lower, " to ", wanted.ratio.upper, " m, or 0 / 0");
    };
    if (volume == 0 || area == 0) refuse(sit[cell], " / ", sic[cell]);
    refuse(volume / area, " m");
  }
}

}  // namespace

Model::Model(const Archive &archive, const std::string &backend, const std::string &path, const std::string &device,
             int device_index, const std::string &precision, int threads)
    : archive_(archive) {
  const bool is_path = backend.find('/') != std::string::npos;
  std::string reason;
  void *entry = load_entry(is_path ? backend : "icegen_backend_" + backend, "icegen_backend_v2", reason);
  if (entry == nullptr) fail(ICEGEN_BACKEND_ERROR, "backend '", backend, "' cannot be loaded: ", reason);
  functions_ = reinterpret_cast<icegen_backend_entry>(entry)();
  if (functions_ == nullptr) fail(ICEGEN_BACKEND_ERROR, "backend '", backend, "' does not work here");
  run("backend '" + backend + "' cannot load " + path + ": ", [&](char *message, std::size_t size) {
    return functions_->create(path.c_str(), device.c_str(), device_index, precision.c_str(), threads, &handle_, message,
                              size);
  });
}

Model::~Model() {
  // A destructor cannot report a failure.
  outcome_of([&] { functions_->destroy(handle_); });
}

void Model::generate(std::int64_t seed, const std::vector<std::int64_t> &members, const Moment &moment, int steps,
                     std::vector<float> &states) {
  states.resize(members.size() * archive_.state_size());
  run("generation failed: ", [&](char *message, std::size_t size) {
    return functions_->generate(handle_, seed, static_cast<std::int64_t>(members.size()), members.data(),
                                static_cast<std::int64_t>(moment.condition.size()), moment.condition.data(),
                                moment.time, moment.history, steps, states.data(), states.size(), message, size);
  });
  accept(members, states);
}

void Model::perturb(const GridFields &given, double level, std::int64_t seed, const std::vector<std::int64_t> &members,
                    const Moment &moment, int steps, std::vector<float> &states) {
  if (functions_->perturb == nullptr) fail(ICEGEN_BACKEND_ERROR, "this backend cannot perturb");
  states.resize(members.size() * archive_.state_size());
  run("generation failed: ", [&](char *message, std::size_t size) {
    return functions_->perturb(handle_, given.values.data(), given.weights.data(), given.values.size(), level, seed,
                               static_cast<std::int64_t>(members.size()), members.data(),
                               static_cast<std::int64_t>(moment.condition.size()), moment.condition.data(), moment.time,
                               moment.history, steps, states.data(), states.size(), message, size);
  });
  accept(members, states);
}

void Model::analyse(const GridFields &observed, std::int64_t seed, const std::vector<std::int64_t> &members,
                    const Moment &moment, int steps, std::vector<float> &states) {
  if (functions_->analyse == nullptr) fail(ICEGEN_BACKEND_ERROR, "this backend takes no observations");
  states.resize(members.size() * archive_.state_size());
  run("generation failed: ", [&](char *message, std::size_t size) {
    return functions_->analyse(handle_, observed.values.data(), observed.weights.data(), observed.values.size(), seed,
                               static_cast<std::int64_t>(members.size()), members.data(),
                               static_cast<std::int64_t>(moment.condition.size()), moment.condition.data(), moment.time,
                               moment.history, steps, states.data(), states.size(), message, size);
  });
  accept(members, states);
}

void Model::accept(const std::vector<std::int64_t> &members, std::vector<float> &states) const {
  const std::size_t cells = archive_.mask.cells(), ocean_cells = archive_.mask.ocean_cells();
  const float *values = states.data();
  float *ocean = states.data();
  for (const std::int64_t member : members) {
    for (std::size_t i = 0; i < archive_.variables.size(); ++i)
      require_within(archive_.bounds[i], values + i * cells, cells, archive_.variables[i], member);
    if (archive_.consistency) require_consistent(*archive_.consistency, values, cells, member);
    for (std::size_t i = 0; i < archive_.variables.size(); ++i, values += cells, ocean += ocean_cells)
      archive_.mask.pack(values, ocean);
  }
  states.resize(members.size() * archive_.ocean_size());
  states.shrink_to_fit();
}

}  // namespace icegen
