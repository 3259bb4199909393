// SPDX-License-Identifier: MIT
// A namelist file of any bytes.
#include <configuration.h>

#include "fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  static ScratchFile file;
  file.write(data, size);
  parse(ICEGEN_BAD_NAMELIST, [&] {
    const icegen::Configuration c = icegen::parse_namelist(icegen::read_namelist(file.path()));
    require(!c.archive.empty() && c.seed >= 0 && c.steps >= 0 && c.generators >= 1 && c.threads >= 1 && c.batch >= 1 &&
                (c.device == "cpu" || c.device == "cuda") && c.first_device >= 0 &&
                (c.precision == "float32" || c.precision == "bfloat16"),
            "what is accepted lies within bounds");
  });
  return 0;
}
