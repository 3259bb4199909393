// SPDX-License-Identifier: MIT
#include "key.h"

#include <sstream>

#include "error.h"

namespace icegen {

std::string restart_text(const Key &key, const std::string &sha256) {
  return "icegen-state 1 archive " + sha256 + " seed " + std::to_string(key.seed) + " steps " +
         std::to_string(key.steps) + " condition " + (key.by_date ? "date" : "none");
}

Key key_of_restart(const std::string &text, const std::string &sha256, bool conditional) {
  std::istringstream words(text);
  std::string format, version, archive, own_sha256, seed, steps, condition, by;
  Key key;
  words >> format >> version;
  if (format != "icegen-state")
    fail(ICEGEN_BAD_ARGUMENT, "state is '", text.substr(0, 40), "'; wanted one of icegen_get_state");
  if (version != "1") fail(ICEGEN_BAD_ARGUMENT, "state is of version ", version, "; this icegen reads 1");
  words >> archive >> own_sha256 >> seed >> key.seed >> steps >> key.steps >> condition >> by;
  const bool whole = words && archive == "archive" && seed == "seed" && steps == "steps" && condition == "condition" &&
                     key.seed >= 0 && key.steps >= 1 && (by == "date" || by == "none");
  if (!whole) fail(ICEGEN_BAD_ARGUMENT, "state '", text, "' is damaged");
  if (own_sha256 != sha256)
    fail(ICEGEN_BAD_ARGUMENT, "state is of the archive ", own_sha256.substr(0, 12), "...; this one is ",
         sha256.substr(0, 12), "...");
  key.by_date = by == "date";
  if (key.by_date && !conditional) fail(ICEGEN_BAD_ARGUMENT, "state '", text, "' is damaged");
  return key;
}

}  // namespace icegen
