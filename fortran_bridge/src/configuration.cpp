// SPDX-License-Identifier: MIT
#include "configuration.h"

#include <nlohmann/json.hpp>

#include "error.h"

// As declared in namelist.f90, which fills it.
struct icegen_namelist {
  char archive[1024], backend[1024], device[64];  // closed by a zero
  std::int64_t seed;
  std::int32_t steps, generators, threads;
};

extern "C" int icegen_read_namelist(const char *path, icegen_namelist *values, char *message, int message_size);

namespace icegen {

Configuration read_configuration(const std::string &path) {
  icegen_namelist raw = {};
  char message[512] = "";
  if (icegen_read_namelist(path.c_str(), &raw, message, sizeof message) != 0)
    fail(ICEGEN_BAD_NAMELIST, "namelist ", path, ": ", message);
  const auto require = [&](bool fine, const char *name, auto seen, const char *wanted) {
    if (!fine) fail(ICEGEN_BAD_NAMELIST, "namelist ", path, ": ", name, " is ", seen, "; wanted ", wanted);
  };
  Configuration c;
  c.archive = raw.archive, c.backend = raw.backend, c.device = raw.device;
  c.seed = raw.seed, c.steps = raw.steps, c.generators = raw.generators, c.threads = raw.threads;
  require(!c.archive.empty(), "archive", "empty", "the path of an archive");
  require(c.device == "cpu" || c.device == "cuda", "device", "'" + c.device + "'", "'cpu' or 'cuda'");
  require(c.seed >= 0, "seed", c.seed, "0 or more");
  require(c.steps >= 0, "steps", c.steps, "1 or more, or 0 for the archive's own");
  require(c.generators >= 1, "generators", c.generators, "1 or more");
  require(c.threads >= 1, "threads", c.threads, "1 or more");
  return c;
}

std::string serialise(const Configuration &c) {
  return nlohmann::json{c.archive, c.backend, c.device, c.seed, c.steps, c.generators, c.threads}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Configuration deserialise(const std::string &text) {
  const auto json = nlohmann::json::parse(text);
  return {json[0], json[1], json[2], json[3], json[4], json[5], json[6]};
}

}  // namespace icegen
