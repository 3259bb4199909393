// SPDX-License-Identifier: MIT
// What with member and date determines a sample, and the text of it that a host keeps in its restart files.
#pragma once

#include <cstdint>
#include <string>

namespace icegen {

struct Key {
  std::int64_t seed = 0;
  std::int32_t steps = 0;
  bool by_date = true;  // conditioned on the date
};

// sha256: of the archive.
std::string restart_text(const Key &key, const std::string &sha256);

// conditional: whether the archive takes a date. Throws Error(ICEGEN_BAD_ARGUMENT) for a text that is damaged or of
// another archive.
Key key_of_restart(const std::string &text, const std::string &sha256, bool conditional);

}  // namespace icegen
