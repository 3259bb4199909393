// SPDX-License-Identifier: MIT
// A model in a backend that was loaded at run time.
#pragma once

#include <icegen_backend.h>

#include <string>
#include <vector>

#include "archive.h"
#include "cell_sums.h"
#include "dates.h"

namespace icegen {

class Model {
 public:
  // archive: has to outlive the model.  path: of its file.
  // backend: a name, found as libicegen_backend_<name>.so beside this library, or the path of a shared library.
  // All members throw Error(ICEGEN_BACKEND_ERROR) or Error(ICEGEN_OUT_OF_MEMORY), whatever a backend throws.
  Model(const Archive &archive, const std::string &backend, const std::string &path, const std::string &device,
        int device_index, const std::string &precision, int threads);
  ~Model();
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;

  // states: receives float32 [members, variable, ocean cell]. Values that are not finite, not within the archive's
  // bounds or not consistent are an error, also on land.
  void generate(std::int64_t seed, const std::vector<std::int64_t> &members, const Moment &moment, int steps,
                std::vector<float> &states);

  // The same for states near a given one; level: 0 to 1. Member 0 is the given state.
  void perturb(const GridFields &given, double level, std::int64_t seed, const std::vector<std::int64_t> &members,
               const Moment &moment, int steps, std::vector<float> &states);

  // The same for states that agree with observations. The weights are one over the variance of their errors.
  void analyse(const GridFields &observed, std::int64_t seed, const std::vector<std::int64_t> &members,
               const Moment &moment, int steps, std::vector<float> &states);

 private:
  // Check the states of members, and pack their ocean cells.
  void accept(const std::vector<std::int64_t> &members, std::vector<float> &states) const;

  const Archive &archive_;
  const icegen_backend *functions_ = nullptr;
  void *handle_ = nullptr;
};

}  // namespace icegen
