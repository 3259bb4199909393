// SPDX-License-Identifier: MIT
// The group &icegen_nml of the host's namelist file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace icegen {

struct Configuration {
  std::string archive;               // path
  std::string archive_sha256;        // SHA-256 that it must have, lower-case; empty: any
  std::string backend;               // "torch", "aoti", or the path of a shared library
  std::string device;                // "cpu" or "cuda"
  std::string precision;             // of the products in the model's networks: "float32" or "bfloat16"
  int first_device;                  // GPU of a node's first generator, for "cuda"; the next takes the next
  bool by_date;                      // condition samples on the date of the request
  std::string history;               // "continuous" or "independent"; empty: "continuous" if the archive has it
  std::string years;                 // as in DateRules
  std::string calendar;              // as in DateRules
  std::int64_t seed;                 // of the noise
  double blend_km;                   // width of the field "blend"
  std::optional<double> fill_value;  // of points that are not valid; none: they keep their values
  std::int32_t steps;                // noise levels of the sampler; 0: the archive's default
  std::int32_t generators;           // ranks of each node that generate; at most all of them are used
  std::int32_t threads;              // CPU threads of each generator
  std::string cpus;                  // a list of CPUs of each node for its generators; empty: the bridge chooses
  std::int32_t batch;                // members that the model generates in one call
};

// Read and check a namelist file; returns its values as bytes, to be sent to other ranks and parsed there. Throws
// Error(ICEGEN_BAD_NAMELIST).
std::string read_namelist(const std::string &path);

Configuration parse_namelist(const std::string &values);

}  // namespace icegen
