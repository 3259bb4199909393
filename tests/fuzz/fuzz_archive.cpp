// SPDX-License-Identifier: MIT
// An archive of any bytes, with the checksum of these: what the parsers behind the checksum make of it.
#include <archive.h>
#include <sha256.h>

#include "fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  static ScratchFile file;
  std::string content(reinterpret_cast<const char *>(data), size);
  icegen::Sha256 hash;
  hash.add(data, size);
  content += "icegen-archive sha256:" + hash.digest();
  file.write(content.data(), content.size());
  parse(ICEGEN_BAD_ARCHIVE, [&] {
    const icegen::ArchiveHeader header = icegen::read_header(file.path());
    const icegen::Archive archive = icegen::parse_header(header, file.path());
    icegen::require_coordinates(header, archive, file.path());
    require(!archive.variables.empty() && archive.steps >= 1 && archive.mask.cells() >= 1, "an archive of something");
  });
  return 0;
}
