// SPDX-License-Identifier: MIT
#include "dates.h"

#include <algorithm>
#include <string>

#include "error.h"

namespace icegen {
namespace {

constexpr int kLastYear = 9999;

bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int days_in(int year, const std::string &calendar) {
  if (calendar == "360_day") return 360;
  if (calendar == "365_day") return 365;
  if (calendar == "366_day") return 366;
  return 365 + is_leap(year);
}

// The day of the standard calendar that is as far into the year as the middle of this one: with a mean year of 365.25
// days, floor((day - 1/2) 365.25 / length) + 1, here in whole numbers.
int standard_day(int day, int length) { return (2 * day - 1) * 1461 / (8 * length) + 1; }

// Number of a day, counted without gaps: 1 on the first day of the year 1.
std::int64_t days_until(int year, int day_of_year, const std::string &calendar) {
  const std::int64_t years = year - 1;
  if (calendar == "standard") return 365 * years + years / 4 - years / 100 + years / 400 + day_of_year;
  return days_in(year, calendar) * years + day_of_year;
}

}  // namespace

bool is_years(const std::string &text) {
  if (text == "given" || text == "held") return true;
  const bool digits = !text.empty() && text.size() <= 4 && text.find_first_not_of("0123456789") == std::string::npos;
  return digits && std::stoi(text) >= 1;
}

bool is_calendar(const std::string &text) {
  return text == "standard" || text == "365_day" || text == "360_day" || text == "366_day";
}

void require_possible(const DateRules &rules, const Archive &archive) {
  if (rules.history && archive.contract == 1)
    fail(ICEGEN_BAD_NAMELIST, "history is 'continuous'; an archive of contract 1 has none, wanted 'independent'");
  if (!rules.condition || rules.years == "given" || rules.years == "held") return;
  const Condition &range = archive.conditions[0];
  const int year = std::stoi(rules.years);
  if (year < range.first || year > range.last)
    fail(ICEGEN_BAD_NAMELIST, "years is '", rules.years, "'; this archive takes ", range.first, " to ", range.last);
}

Moment moment_of(int year, int day_of_year, const DateRules &rules, const std::vector<Condition> &conditions) {
  if (year < 1 || year > kLastYear) fail(ICEGEN_BAD_ARGUMENT, "year is ", year, "; wanted 1 to ", kLastYear);
  const int length = days_in(year, rules.calendar);
  if (day_of_year < 1 || day_of_year > length)
    fail(ICEGEN_BAD_ARGUMENT, "day_of_year is ", day_of_year, "; wanted 1 to ", length, " in ", year,
         " of the calendar '", rules.calendar, "'");
  Moment moment;
  moment.history = rules.history;
  moment.time = rules.history ? days_until(year, day_of_year, rules.calendar) : 1024 * year + day_of_year;
  if (!rules.condition) return moment;
  const auto &[id, first, last] = conditions[0];
  int seen = year;
  if (rules.years == "held")
    seen = std::clamp(year, first, last);
  else if (rules.years != "given")
    seen = std::stoi(rules.years);
  if (seen < first || seen > last)
    fail(ICEGEN_BAD_ARGUMENT, id, " is ", seen, "; this archive takes ", first, " to ", last,
         ", and any year with years = 'held' in the namelist");
  const int day = rules.calendar == "standard" ? day_of_year : standard_day(day_of_year, length);
  moment.condition = {seen, day};
  return moment;
}

}  // namespace icegen
