// SPDX-License-Identifier: MIT
#include "configuration.h"

#include <sys/stat.h>

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "dates.h"
#include "error.h"
#include "placement.h"

// namelist.f90 declares the same type and fills it.
struct icegen_namelist {
  char archive[1024], archive_sha256[128], backend[1024], device[128], precision[128], condition[128], history[128],
      years[128], calendar[128], cpus[1024];  // closed by a zero
  std::int64_t seed;
  double blend_km, fill_value;
  std::int32_t steps, generators, threads, batch;
};

extern "C" int icegen_read_namelist(const char *path, icegen_namelist *values, char *message, int message_size);

namespace icegen {
namespace {

bool is_digest(const std::string &text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::string read_namelist(const std::string &path) {
  struct stat about;
  if (stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode))  // not all Fortran runtimes report this
    fail(ICEGEN_BAD_NAMELIST, "namelist ", path, " is a folder; wanted a file");
  icegen_namelist raw = {};
  char message[512] = "";
  if (icegen_read_namelist(path.c_str(), &raw, message, sizeof message) != 0)
    fail(ICEGEN_BAD_NAMELIST, "namelist ", path, ": ", message);
  const std::string values(reinterpret_cast<const char *>(&raw), sizeof raw);
  const Configuration c = parse_namelist(values);
  const auto require = [&](bool fine, const char *name, const auto &seen, const char *wanted) {
    if (!fine) fail(ICEGEN_BAD_NAMELIST, "namelist ", path, ": ", name, " is ", seen, "; wanted ", wanted);
  };
  const auto quoted = [](const std::string &text) { return "'" + text + "'"; };
  require(!c.archive.empty(), "archive", "empty", "the path of an archive");
  require(c.archive_sha256.empty() || is_digest(c.archive_sha256), "archive_sha256", quoted(raw.archive_sha256),
          "64 hexadecimal digits, as `icegen info` shows, or nothing");
  require(c.device == "cpu" || (c.device == "cuda" && c.first_device >= 0), "device", quoted(raw.device),
          "'cpu', 'cuda' or 'cuda:N' from GPU number N");
  require(c.precision == "float32" || c.precision == "bfloat16", "precision", quoted(raw.precision),
          "'float32' or 'bfloat16'");
  require(c.by_date || std::string(raw.condition) == "none", "condition", quoted(raw.condition), "'date' or 'none'");
  require(c.history.empty() || c.history == "continuous" || c.history == "independent", "history", quoted(raw.history),
          "'continuous' or 'independent', or nothing for the archive's default");
  require(is_years(c.years), "years", quoted(raw.years), "'given', 'held' or one year from '1' to '9999'");
  require(is_calendar(c.calendar), "calendar", quoted(raw.calendar), "'standard', '365_day', '360_day' or '366_day'");
  require(c.seed >= 0, "seed", c.seed, "0 or more");
  require(c.blend_km >= 0 && std::isfinite(c.blend_km), "blend_km", c.blend_km, "0 km or more");
  require(
      !c.fill_value || !std::isfinite(*c.fill_value) || std::abs(*c.fill_value) <= std::numeric_limits<float>::max(),
      "fill_value", c.fill_value.value_or(0), "a number of single precision");
  require(c.steps >= 0, "steps", c.steps, "1 or more, or 0 for the archive's default");
  require(c.generators >= 1, "generators", c.generators, "1 or more");
  require(c.threads >= 1, "threads", c.threads, "1 or more");
  require(c.batch >= 1, "batch", c.batch, "1 or more");
  cpus_from(c.cpus);
  return values;
}

Configuration parse_namelist(const std::string &values) {
  icegen_namelist raw = {};
  std::memcpy(&raw, values.data(), sizeof raw);
  Configuration c = {};
  c.archive = raw.archive;
  c.archive_sha256 = raw.archive_sha256;
  c.backend = raw.backend;
  c.device = raw.device;
  c.precision = raw.precision;
  c.by_date = std::string(raw.condition) == "date";
  c.history = raw.history;
  c.years = raw.years;
  c.calendar = raw.calendar;
  c.cpus = raw.cpus;
  c.seed = raw.seed;
  c.blend_km = raw.blend_km;
  if (raw.fill_value != std::numeric_limits<double>::lowest()) c.fill_value = raw.fill_value;
  c.steps = raw.steps;
  c.generators = raw.generators;
  c.threads = raw.threads;
  c.batch = raw.batch;
  for (char &digit : c.archive_sha256) digit = static_cast<char>(std::tolower(static_cast<unsigned char>(digit)));
  if (c.device.rfind("cuda:", 0) == 0) {
    const char *first = raw.device + 5, *end = first + std::strlen(first);
    const auto parsed = std::from_chars(first, end, c.first_device);
    if (parsed.ec != std::errc() || parsed.ptr != end) c.first_device = -1;
    c.device = "cuda";
  }
  return c;
}

}  // namespace icegen
