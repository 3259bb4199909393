// SPDX-License-Identifier: MIT
// Sequences of calls of icegen.h on two emulators, with good and bad arguments, beside a record of what was asked: a
// call succeeds or is refused as the record says, and what is received is what tests/capi/fault_backend.c generated.
#include <fuzzer/FuzzedDataProvider.h>
#include <icegen.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>
#include <map>
#include <vector>

#include "fuzzing.h"

namespace {

constexpr const char *kTargets[] = {"T", "U", "V", "", nullptr};
constexpr const char *kUnits[] = {"degrees", "radians", "gons", nullptr};
constexpr const char *kMethods[] = {"bilinear", "nearest", "cubic", nullptr};
constexpr const char *kVariables[] = {"sic", "sic_increment", "sit_ice", "siu_east", "snow", nullptr};
constexpr const char *kGiven[] = {"sic", "sit", "snow", nullptr};

struct Given {  // concentration, the same at each point that is given
  double value = 0;
  std::string target;  // the one of which all points are given
};

struct Request {
  int first_member, members, day;
  double level = -1;  // of a perturbation
  Given near = {};
  double least = 2, most = -1;  // of the concentrations that an analysis takes
};

struct Record {  // of one emulator
  icegen_emulator *handle = nullptr;
  std::map<std::string, std::int64_t> targets;  // how many points they have
  std::map<int, Request> slots;
  std::map<std::string, Given> given;  // since the last perturbation, by variable
  double least = 2, most = -1;         // observed since the last analysis, of both variables
  bool by_date = false, perturbs = false;
};

class Caller {
 public:
  Caller(const std::uint8_t *data, std::size_t size) : fuzz_(data, size) {}
  ~Caller() {
    for (Record &record : records_) call(icegen_close(&record.handle, message_, sizeof message_), true);
  }

  void run() {
    for (int calls = 0; calls < 40 && fuzz_.remaining_bytes() > 0; ++calls) {
      Record &record = records_[fuzz_.ConsumeBool()];
      const int choice = whole(0, 20);
      if (choice == 0)
        open(record);
      else if (choice == 1)
        close(record);
      else if (choice == 2)
        state(record);
      else if (choice < 5)
        test(record);
      else if (choice < 8)
        add_target(record);
      else if (choice < 11)
        request(record);
      else if (choice < 14)
        give(record);
      else if (choice < 16)
        perturb(record);
      else if (choice < 19)
        receive(record);
      else if (choice < 20)
        observe(record);
      else
        analyse(record);
    }
  }

 private:
  int whole(int least, int most) { return fuzz_.ConsumeIntegralInRange(least, most); }
  bool seldom() { return whole(0, 15) == 0; }
  template <std::size_t Count>
  const char *one_of(const char *const (&words)[Count]) {  // mostly one of the first half
    return words[seldom() ? whole(0, Count - 1) : whole(0, Count / 2 - 1)];
  }

  // Whether a call returned what it should, with a message where it failed.
  void call(int status, bool should_succeed) {
    require((status == ICEGEN_SUCCESS) == should_succeed, "a call succeeds or fails as it should",
            std::to_string(status) + ", " + message_);
    require(status != ICEGEN_INTERNAL_ERROR && status != ICEGEN_MPI_ERROR, "a status for what was wrong", message_);
    require((message_[0] == '\0') == (status == ICEGEN_SUCCESS), "a message where a call failed", message_);
  }

  void open(Record &record) {
    close(record);
    static ScratchFile namelist;
    static const std::string backend = "', backend = '" FUZZ_BACKEND "', batch = ";
    const bool projected = fuzz_.ConsumeBool(), fine = !seldom(), date = fuzz_.ConsumeBool();
    const std::string archive = std::string(FUZZ_FILES) + (projected ? "/projected.pt" : "/curvilinear.pt");
    const std::string text = "&icegen_nml archive = '" + archive + backend +
                             std::to_string(whole(fine ? 1 : -1, fine ? 3 : 0)) + (date ? "" : ", condition = 'none'") +
                             (fuzz_.ConsumeBool() ? " /\n" : " /");
    namelist.write(text.data(), text.size());
    call(icegen_open(whole(INT_MIN, INT_MAX), namelist.path().c_str(), &record.handle, message_, sizeof message_),
         fine);
    require((record.handle != nullptr) == fine, "a handle where open succeeded");
    record.by_date = projected && date, record.perturbs = projected;
  }

  void add_target(Record &record) {
    std::vector<double> lon(whole(0, 6)), lat(lon.size());
    bool fine = record.handle != nullptr;
    const char *name = one_of(kTargets);
    fine = fine && name != nullptr && *name != '\0' && record.targets.count(name) == 0;
    const char *units = one_of(kUnits), *method = one_of(kMethods);
    fine = fine && units != nullptr && std::strcmp(units, "gons") != 0 && method != nullptr &&
           std::strcmp(method, "cubic") != 0;
    const bool degrees = units != nullptr && std::strcmp(units, "degrees") == 0;
    const double to_units = degrees ? 1 : std::acos(-1.0) / 180;
    for (std::size_t i = 0; i < lon.size(); ++i) {
      lon[i] = to_units * whole(-1079, 1079), lat[i] = to_units * whole(-90, 90);
      if (!seldom()) continue;
      double &wrong = fuzz_.ConsumeBool() ? lon[i] : lat[i];
      wrong = fuzz_.ConsumeBool() ? std::nan("") : 1e9;
      fine = false;
    }
    const std::int64_t n = seldom() ? (fuzz_.ConsumeBool() ? -1 : std::int64_t{INT_MAX} + 1) : lon.size();
    fine = fine && n == static_cast<std::int64_t>(lon.size());
    const bool no_lon = seldom();
    fine = fine && !(no_lon && n > 0);
    const double distance = seldom() ? fuzz_.ConsumeFloatingPoint<double>() : whole(0, 1) * 1000;
    fine = fine && distance >= 0;
    call(icegen_add_target_by(record.handle, name, n, no_lon ? nullptr : lon.data(), lat.data(), units, method,
                              distance, message_, sizeof message_),
         fine);
    if (fine) record.targets[name] = n;
  }

  // What is asked for, in a request or a perturbation.
  struct Asked {
    int slot, first_member, members, year, day;
    bool fine;
  };
  Asked asked(const Record &record) {
    const int slot = whole(0, 3), first_member = seldom() ? whole(INT_MIN, INT_MAX) : whole(1, 9);
    const int members = seldom() ? whole(1000001, INT_MAX) : whole(0, 5);
    const int year = seldom() ? whole(INT_MIN, INT_MAX) : 2001;
    int day = seldom() ? whole(INT_MIN, INT_MAX) : whole(10, 20);
    if (day == 15) day = 14;  // on which the backend would take its time
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    const bool date =
        year >= (record.by_date ? 1979 : 1) && year <= (record.by_date ? 2020 : 9999) && day >= 1 && day <= 365 + leap;
    const bool fine = record.handle != nullptr && slot >= 1 && members >= 1 && members <= 1000000 &&
                      first_member >= 1 && first_member <= INT_MAX - 1000000 && date;
    return {slot, first_member, members, year, day, fine};
  }

  void request(Record &record) {
    const Asked a = asked(record);
    call(
        icegen_request_slot(record.handle, a.slot, a.first_member, a.members, a.year, a.day, message_, sizeof message_),
        a.fine);
    if (a.fine)
      record.slots[a.slot] = {a.first_member, a.members, record.by_date ? a.day : 0};
    else
      record.slots.erase(a.slot);  // a refused request empties its slot
  }

  // A field that is given or observed.
  struct Passed {
    const char *target, *variable;
    std::int64_t n;
    std::vector<double> doubles;
    std::vector<float> singles;
    std::vector<signed char> flags;
    bool no_values, no_flags, single, fine;
    Given given;

    const double *values() const { return no_values ? nullptr : doubles.data(); }
    const float *single_values() const { return no_values ? nullptr : singles.data(); }
    const signed char *valid() const { return no_flags ? nullptr : flags.data(); }
  };
  Passed passed(const Record &record) {
    Passed p = {};
    p.target = one_of(kTargets), p.variable = one_of(kGiven);
    const auto points = p.target == nullptr ? record.targets.end() : record.targets.find(p.target);
    const bool known = record.handle != nullptr && points != record.targets.end();
    p.n = known && !seldom() ? points->second : whole(-1, 6);
    p.given = {whole(0, 8) / 8.0, p.target == nullptr ? "" : p.target};
    p.doubles.assign(std::max<std::int64_t>(p.n, 0), p.given.value);
    p.flags.assign(p.doubles.size(), 1);
    p.no_flags = fuzz_.ConsumeBool(), p.no_values = seldom(), p.single = fuzz_.ConsumeBool();
    p.fine = known && p.n == points->second && !(p.no_values && p.n > 0) && p.variable != nullptr;
    p.fine =
        p.fine && (std::strcmp(p.variable, "sic") == 0 || (std::strcmp(p.variable, "sit") == 0 && record.perturbs));
    for (std::size_t i = 0; i < p.doubles.size(); ++i) {
      if (seldom()) p.flags[i] = 0;
      if (!p.no_flags && p.flags[i] == 0) p.given.target.clear();
      if (!seldom()) continue;
      p.doubles[i] = fuzz_.ConsumeBool() ? std::nan("") : 1e9;
      p.fine = p.fine && !p.no_flags && p.flags[i] == 0;
    }
    p.singles.assign(p.doubles.begin(), p.doubles.end());
    return p;
  }

  void give(Record &record) {
    const Passed p = passed(record);
    const bool fine = p.fine && record.given.count(p.variable) == 0;
    call(p.single ? icegen_give_f32(record.handle, p.target, p.variable, p.n, p.single_values(), p.valid(), message_,
                                    sizeof message_)
                  : icegen_give_f64(record.handle, p.target, p.variable, p.n, p.values(), p.valid(), message_,
                                    sizeof message_),
         fine);
    if (fine) record.given[p.variable] = p.given;
  }

  void observe(Record &record) {
    const Passed p = passed(record);
    std::vector<double> errors(p.doubles.size(), fuzz_.ConsumeBool() ? 0.5 : 1);
    const bool no_errors = seldom();
    bool fine = p.fine && record.by_date && !(no_errors && p.n > 0);  // observations belong to a date
    for (std::size_t i = 0; i < errors.size(); ++i) {
      if (!seldom()) continue;
      errors[i] = fuzz_.ConsumeBool() ? std::nan("") : whole(-9, 0);
      fine = fine && !p.no_flags && p.flags[i] == 0;
    }
    const std::vector<float> singles(errors.begin(), errors.end());
    call(p.single ? icegen_observe_f32(record.handle, p.target, p.variable, p.n, p.single_values(),
                                       no_errors ? nullptr : singles.data(), p.valid(), message_, sizeof message_)
                  : icegen_observe_f64(record.handle, p.target, p.variable, p.n, p.values(),
                                       no_errors ? nullptr : errors.data(), p.valid(), message_, sizeof message_),
         fine);
    if (!fine) return;
    record.least = std::min(record.least, p.given.value), record.most = std::max(record.most, p.given.value);
  }

  void perturb(Record &record) {
    const Asked a = asked(record);
    const double level = seldom() ? (fuzz_.ConsumeBool() ? std::nan("") : 1.5) : whole(0, 4) / 4.0;
    const bool fine = a.fine && level <= 1 && record.perturbs && !record.given.empty();
    call(icegen_perturb(record.handle, a.slot, a.first_member, a.members, level, a.year, a.day, message_,
                        sizeof message_),
         fine);
    record.slots.erase(a.slot);
    if (!fine) return;  // what was given stays
    record.slots[a.slot] = {a.first_member, a.members, record.by_date ? a.day : 0, level, record.given["sic"]};
    record.given.clear();
  }

  void analyse(Record &record) {
    const Asked a = asked(record);
    const int status =
        icegen_analyse(record.handle, a.slot, a.first_member, a.members, a.year, a.day, message_, sizeof message_);
    bool fine = a.fine && record.by_date && record.most >= 0;
    // Which points lie on the archive's ocean, the record does not know.
    if (fine && std::strstr(message_, "ocean was not observed") != nullptr) fine = false;
    call(status, fine);
    record.slots.erase(a.slot);
    if (!fine) return;  // what was observed stays
    record.slots[a.slot] = {a.first_member, a.members, record.by_date ? a.day : 0, -1, {}, record.least, record.most};
    record.least = 2, record.most = -1;
  }

  void test(Record &record) {
    const int slot = whole(0, 3);
    int ready = -1;
    const bool null = seldom(), fine = record.handle != nullptr && record.slots.count(slot) != 0 && !null;
    call(icegen_test(record.handle, slot, null ? nullptr : &ready, message_, sizeof message_), fine);
    require(ready == -1 ? !fine : ready == 0 || ready == 1, "test tells 0 or 1");
  }

  void receive(Record &record) {
    const char *target = one_of(kTargets), *variable = one_of(kVariables);
    const int slot = whole(0, 3), member = whole(0, 14);
    const auto points = target == nullptr ? record.targets.end() : record.targets.find(target);
    const auto request = record.slots.find(slot);
    const bool known = record.handle != nullptr && points != record.targets.end() && request != record.slots.end();
    const std::int64_t n = known && !seldom() ? points->second : whole(-1, 6);
    // Bytes in which too much written shows.
    std::vector<double> values(std::max<std::int64_t>(n, 0), -7);
    std::vector<float> singles(values.size(), -7);
    std::vector<signed char> valid(values.size(), -7);
    const bool null = seldom(), single = fuzz_.ConsumeBool();
    const int status =
        single ? icegen_receive_slot_f32(record.handle, slot, target, variable, member, n,
                                         null ? nullptr : singles.data(), valid.data(), message_, sizeof message_)
               : icegen_receive_slot_f64(record.handle, slot, target, variable, member, n,
                                         null ? nullptr : values.data(), valid.data(), message_, sizeof message_);
    const bool increment = variable != nullptr && std::strcmp(variable, "sic_increment") == 0;
    const bool perturbed = known && request->second.level >= 0;
    bool fine =
        known && variable != nullptr && n == points->second && !(null && n > 0) &&
        ((member >= request->second.first_member && member < request->second.first_member + request->second.members) ||
         (perturbed && member == 0)) &&
        request->second.day != 13 && (perturbed || !increment);
    // Which variables there are, the record does not know.
    if (fine && status == ICEGEN_BAD_ARGUMENT && std::strstr(message_, "unknown variable") != nullptr) fine = false;
    call(status, fine);
    const bool state = variable != nullptr && std::strcmp(variable, "sic") == 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double value = single ? singles[i] : values[i];
      require(fine ? valid[i] == 0 || valid[i] == 1 : valid[i] == -7, "validity is written where a call succeeds");
      require(valid[i] == 1 || value == -7, "values are written where valid alone");
      if (valid[i] == 1 && perturbed && (state || increment)) {
        const Given &near = request->second.near;
        const double less = request->second.level * member / 1000, most = near.value * (increment ? -less : 1 - less);
        require(value >= std::min(most, 0.0) - 1e-5 && value <= std::max(most, 0.0) + 1e-5,
                "values near the given ones", std::to_string(value));
        if (near.target == target) require(std::abs(value - most) < 1e-5, "the given ones", std::to_string(value));
      } else if (valid[i] == 1 && state && request->second.most >= 0) {
        const double part = 1 - member / 1000.0;
        require(value >= request->second.least * part - 1e-3 && value <= request->second.most * part + 1e-3,
                "the mean of observations", std::to_string(value));
      } else if (valid[i] == 1 && state)
        require(std::abs(value - (100 * member + request->second.day) / 1e5) < 1e-6, "the values of the member",
                std::to_string(value));
    }
  }

  void state(Record &record) {
    char text[ICEGEN_STATE_SIZE] = "";
    const std::size_t size = seldom() ? whole(0, ICEGEN_STATE_SIZE) : sizeof text;
    const int status = icegen_get_state(record.handle, text, size, message_, sizeof message_);
    call(status, record.handle != nullptr && status == ICEGEN_SUCCESS);
    require(status == ICEGEN_SUCCESS || record.handle == nullptr || size < sizeof text, "a state has its size");
    if (status != ICEGEN_SUCCESS) return;
    require(std::strlen(text) < size, "a state is closed by a zero");
    std::string changed = text;
    if (fuzz_.ConsumeBool()) {
      changed = fuzz_.ConsumeRandomLengthString(ICEGEN_STATE_SIZE);
      if (icegen_set_state(record.handle, changed.c_str(), message_, sizeof message_) == ICEGEN_SUCCESS)
        require(false, "a state of any bytes is refused", changed);
    } else if (fuzz_.ConsumeBool()) {
      const std::size_t at = whole(0, static_cast<int>(changed.size()) - 1);
      changed.replace(at, whole(0, 3), fuzz_.ConsumeRandomLengthString(8));
      icegen_set_state(record.handle, changed.c_str(), message_, sizeof message_);
    }
    call(icegen_set_state(record.handle, text, message_, sizeof message_), true);
  }

  void close(Record &record) {
    call(icegen_close(&record.handle, message_, sizeof message_), true);
    require(record.handle == nullptr, "close sets the handle to null");
    record = {};
  }

  FuzzedDataProvider fuzz_;
  Record records_[2];
  char message_[256] = "";
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  Caller(data, size).run();
  return 0;
}
