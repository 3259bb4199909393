// SPDX-License-Identifier: MIT
#include "key.h"

#include <sstream>

#include "error.h"

namespace icegen {

std::string restart_text(const Key &key, const std::string &sha256) {
  return "icegen-state 2 archive " + sha256 + " seed " + std::to_string(key.seed) + " steps " +
         std::to_string(key.steps) + " condition " + (key.dates.condition ? "date" : "none") + " history " +
         (key.dates.history ? "continuous" : "independent") + " years " + key.dates.years + " calendar " +
         key.dates.calendar;
}

Key key_of_restart(const std::string &text, const std::string &sha256, const Archive &archive) {
  std::istringstream words(text);
  std::string format, version, own_sha256, condition, history = "independent";
  Key key;
  words >> format >> version;
  if (format != "icegen-state")
    fail(ICEGEN_BAD_ARGUMENT, "state is '", text.substr(0, 40), "'; wanted one of icegen_get_state");
  if (version != "1" && version != "2")
    fail(ICEGEN_BAD_ARGUMENT, "state is of version ", version, "; this icegen reads 1 and 2");
  bool whole = true;
  const auto read = [&](const char *name, auto &value) {
    std::string word;
    words >> word >> value;
    whole = whole && words && word == name;
  };
  read("archive", own_sha256), read("seed", key.seed), read("steps", key.steps), read("condition", condition);
  if (version == "2") read("history", history), read("years", key.dates.years), read("calendar", key.dates.calendar);
  key.dates.condition = condition == "date", key.dates.history = history == "continuous";
  whole = whole && key.seed >= 0 && key.steps >= 1 && (condition == "date" || condition == "none") &&
          (history == "continuous" || history == "independent") && is_years(key.dates.years) &&
          is_calendar(key.dates.calendar);
  if (!whole) fail(ICEGEN_BAD_ARGUMENT, "state '", text, "' is damaged");
  if (own_sha256 != sha256)
    fail(ICEGEN_BAD_ARGUMENT, "state is of the archive ", own_sha256.substr(0, 12), "...; this one is ",
         sha256.substr(0, 12), "...");
  const bool possible = !(key.dates.condition && archive.conditions.empty()) &&
                        outcome_of([&] { require_possible(key.dates, archive); }).status == ICEGEN_SUCCESS;
  if (!possible) fail(ICEGEN_BAD_ARGUMENT, "state '", text, "' is damaged");
  return key;
}

}  // namespace icegen
