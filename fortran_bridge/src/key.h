// SPDX-License-Identifier: MIT
// What with member and date determines a sample, and the text of it that a host keeps in its restart files.
#pragma once

#include <cstdint>
#include <string>

#include "dates.h"

namespace icegen {

struct Key {
  std::int64_t seed = 0;
  std::int32_t steps = 0;
  DateRules dates;

  bool operator==(const Key &other) const { return seed == other.seed && steps == other.steps && dates == other.dates; }
};

// sha256: of the archive.
std::string restart_text(const Key &key, const std::string &sha256);

// A text of version 1 knows no rules of dates: independent draws of the years given. Throws Error(ICEGEN_BAD_ARGUMENT)
// for a text that is damaged or of another archive.
Key key_of_restart(const std::string &text, const std::string &sha256, const Archive &archive);

}  // namespace icegen
