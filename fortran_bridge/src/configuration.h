// SPDX-License-Identifier: MIT
// The group &icegen_nml of the host's namelist file.
#pragma once

#include <cstdint>
#include <string>

namespace icegen {

struct Configuration {
  std::string archive;          // path
  std::string backend;          // "torch", or the path of a shared library
  std::string device;           // "cpu" or "cuda"
  std::int64_t seed = 0;        // of the noise
  std::int32_t steps = 0;       // noise levels of the sampler; 0: the archive's own
  std::int32_t generators = 1;  // ranks per node that generate, at most all of them
  std::int32_t threads = 1;     // CPU threads of each generator
};

// Read and check a namelist file. Throws Error(ICEGEN_BAD_NAMELIST).
Configuration read_configuration(const std::string &path);

// To and from text, to be sent to other ranks.
std::string serialise(const Configuration &configuration);
Configuration deserialise(const std::string &text);

}  // namespace icegen
