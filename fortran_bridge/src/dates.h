// SPDX-License-Identifier: MIT
// What a date of the host means to a model. Python has the same in icegen.archive.dates, without calendars of hosts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive.h"

namespace icegen {

// The texts are values of the namelist.
struct DateRules {
  bool condition = true;              // samples are conditioned on the date
  bool history = false;               // the states of a member are correlated in time
  std::string years = "given";        // of the condition: "given", "held" within the range, or one year
  std::string calendar = "standard";  // of the host

  bool operator==(const DateRules &other) const {
    return condition == other.condition && history == other.history && years == other.years &&
           calendar == other.calendar;
  }
};

bool is_years(const std::string &text);     // "given", "held" or 1 to 9999
bool is_calendar(const std::string &text);  // "standard", "365_day", "360_day" or "366_day"

// Throws Error(ICEGEN_BAD_NAMELIST) if the archive cannot follow the rules.
void require_possible(const DateRules &rules, const Archive &archive);

struct Moment {
  std::vector<std::int64_t> condition;  // year and day of the year, or nothing
  std::int64_t time;                    // of the noise
  bool history;

  bool operator==(const Moment &other) const {
    return condition == other.condition && time == other.time && history == other.history;
  }
};

// conditions: of the archive. Throws Error(ICEGEN_BAD_ARGUMENT) for a date outside the calendar or the archive.
Moment moment_of(int year, int day_of_year, const DateRules &rules, const std::vector<Condition> &conditions);

}  // namespace icegen
