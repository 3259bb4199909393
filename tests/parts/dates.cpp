// SPDX-License-Identifier: MIT
// Dates in any calendar.

#include "dates.h"

#include <string>

#include "error.h"
#include "parts.h"

namespace {

icegen::Moment moment(int year, int day, const std::string &calendar, bool history = true,
                      const std::string &years = "given") {
  return icegen::moment_of(year, day, {true, history, years, calendar}, {{"year", 1, 9999}, {"day_of_year", 1, 366}});
}

}  // namespace

void test_dates() {
  // datetime.date.toordinal, which icegen.archive.dates uses.
  struct Ordinal {
    int year, day;
    std::int64_t ordinal;
  };
  for (const auto &[year, day, ordinal] : {Ordinal{1, 1, 1},
                                           {4, 366, 1461},
                                           {1900, 365, 693960},
                                           {2000, 60, 730179},
                                           {2000, 366, 730485},
                                           {2001, 1, 730486},
                                           {9999, 365, 3652059}})
    check(moment(year, day, "standard").time == ordinal, "days without gaps");
  check(moment(2001, 75, "standard", false).time == 1024 * 2001 + 75, "a key for each date");

  for (const auto &[calendar, length] :
       {std::pair<std::string, int>{"360_day", 360}, {"365_day", 365}, {"366_day", 366}}) {
    check(moment(1, 1, calendar).time == 1 && moment(3, 2, calendar).time == 2 * length + 2, calendar + ": its days");
    for (int day = 1; day <= length; ++day) {
      const double standard = std::floor((day - 0.5) * 365.25 / length) + 1;
      check(moment(2001, day, calendar).condition == std::vector<std::int64_t>{2001, std::int64_t(standard)},
            calendar + ": the day of the standard year");
    }
    const auto beyond = icegen::outcome_of([&, day = length + 1, name = calendar] { moment(2000, day, name); });
    check(beyond.status == ICEGEN_BAD_ARGUMENT, calendar + ": a day too many");
  }
  for (int day = 1; day <= 365; ++day)
    check(moment(1850, day, "365_day").condition[1] == day, "365 days are those of the standard year");

  const std::vector<icegen::Condition> record = {{"year", 1978, 2017}, {"day_of_year", 1, 366}};
  const auto seen = [&](int year, const std::string &years) {
    return icegen::moment_of(year, 60, {true, false, years, "standard"}, record);
  };
  check(seen(1850, "held").condition[0] == 1978 && seen(2050, "held").condition[0] == 2017, "held at the ends");
  check(seen(1990, "held").condition[0] == 1990 && seen(1990, "2007").condition[0] == 2007, "as given, and fixed");
  check(seen(2050, "held").time == 1024 * 2050 + 60, "the noise goes on where the year is held");
  check(icegen::outcome_of([&] { seen(2050, "given"); }).status == ICEGEN_BAD_ARGUMENT, "beyond the record");
  const icegen::Moment without = icegen::moment_of(2050, 60, {false, true, "given", "standard"}, {});
  check(without.condition.empty() && without.time == 748442, "without condition the date still has its time");
}
