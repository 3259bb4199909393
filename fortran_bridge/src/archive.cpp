// SPDX-License-Identifier: MIT
#include "archive.h"

#include <cctype>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "error.h"
#include "sha256.h"

namespace icegen {
namespace {

constexpr int kContract = 1;
const std::string kCommentPrefix = "icegen-archive sha256:";
const std::size_t kCommentLength = kCommentPrefix.size() + 64;

std::string read_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ICEGEN_BAD_ARCHIVE, "archive ", path, " cannot be read: ", std::strerror(errno));
  std::ostringstream content;
  errno = 0;
  content << file.rdbuf();
  if (content.fail() && errno != 0)
    fail(ICEGEN_BAD_ARCHIVE, "archive ", path, " cannot be read: ", std::strerror(errno));
  return content.str();
}

// Returns the checksum, verified.
std::string verify(const std::string &content, const std::string &path) {
  const std::size_t size = content.size();
  if (size < kCommentLength || content.compare(size - kCommentLength, kCommentPrefix.size(), kCommentPrefix) != 0)
    fail(ICEGEN_BAD_ARCHIVE, path, " is not a whole icegen archive: it does not end with its checksum");
  std::string stated = content.substr(size - 64);
  for (char &digit : stated)  // which may be damaged too
    if (std::isxdigit(static_cast<unsigned char>(digit)) == 0) digit = '?';
  const std::string actual = sha256(content.data(), size - kCommentLength);
  if (stated != actual)
    fail(ICEGEN_BAD_ARCHIVE, path, " is damaged: its checksum is ", actual.substr(0, 12), "..., it says ",
         stated.substr(0, 12), "...");
  return actual;
}

// The few fields of a zip file that lead to a stored (uncompressed) entry; little-endian, bounds checked.
class Zip {
 public:
  explicit Zip(const std::string &content) : content_(content) {}

  // Content of the one entry whose name ends in `suffix`.
  std::string entry(const std::string &suffix) const {
    if (const auto found = find(suffix)) return *found;
    throw std::out_of_range("no entry " + suffix);
  }

  // The same, or nothing.
  std::optional<std::string> find(const std::string &suffix) const {
    if (content_.size() < kCommentLength + 22) throw std::out_of_range("no zip file");
    const std::size_t end = content_.size() - kCommentLength - 22;  // end-of-central-directory record
    if (text(end, 4) != "PK\5\6") throw std::out_of_range("no zip file");
    const std::size_t entries = number(end + 10, 2);
    std::size_t at = number(end + 16, 4);
    for (std::size_t i = 0; i < entries; ++i) {
      const std::size_t name_length = number(at + 28, 2);
      const std::string name = text(at + 46, name_length);
      if (name.size() >= suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0) {
        const std::size_t stored = number(at + 20, 4), size = number(at + 24, 4), local = number(at + 42, 4);
        if (number(at + 10, 2) != 0 || stored != size) throw std::out_of_range("compressed entry " + name);
        return text(local + 30 + number(local + 26, 2) + number(local + 28, 2), size);
      }
      at += 46 + name_length + number(at + 30, 2) + number(at + 32, 2);
    }
    return std::nullopt;
  }

 private:
  std::string text(std::size_t at, std::size_t size) const {
    if (at > content_.size() || size > content_.size() - at) throw std::out_of_range("zip entry beyond the file");
    return content_.substr(at, size);
  }
  std::size_t number(std::size_t at, int bytes) const {
    const std::string raw = text(at, bytes);
    std::size_t value = 0;
    for (int i = bytes - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }
  const std::string &content_;
};

int whole(const nlohmann::json &value, const std::string &name, const std::string &path) {
  const double number = value.is_number_integer() ? value.get<double>() : NAN;
  if (!(number >= INT_MIN && number <= INT_MAX))
    fail(ICEGEN_BAD_ARCHIVE, path, " has ", name, " ", value.dump(), "; wanted a whole number");
  return value.get<int>();
}

double bound(const nlohmann::json &variable, const char *key, double unbounded) {
  const auto found = variable.find(key);
  return found == variable.end() || found->is_null() ? unbounded : found->get<double>();
}

}  // namespace

ArchiveHeader read_header(const std::string &path) {
  const std::string content = read_file(path);
  const std::string checksum = verify(content, path);
  try {
    const Zip zip(content);
    return {zip.entry("/extra/icegen.json"), zip.entry("/extra/ocean.u1"), zip.find("/extra/lonlat.f8").value_or(""),
            checksum};
  } catch (const std::out_of_range &error) {
    fail(ICEGEN_BAD_ARCHIVE, path, " is not an icegen archive: ", error.what());
  }
}

void require_sha256(const ArchiveHeader &header, const std::string &wanted, const std::string &path) {
  if (wanted.empty() || wanted == header.sha256) return;
  fail(ICEGEN_BAD_ARCHIVE, path, " has the SHA-256 ", header.sha256.substr(0, 12),
       "...; the namelist's archive_sha256 is ", wanted.substr(0, 12), "...");
}

Archive parse_header(const ArchiveHeader &header, const std::string &path) {
  try {
    const auto json = nlohmann::json::parse(header.metadata);
    if (json.at("format") != "icegen-archive")
      fail(ICEGEN_BAD_ARCHIVE, path, " is of format ", json.at("format").dump(), "; wanted \"icegen-archive\"");
    const int contract = whole(json.at("contract"), "contract", path);
    if (contract != kContract)
      fail(ICEGEN_BAD_ARCHIVE, path, " follows archive contract ", contract, "; this icegen reads ", kContract);

    Archive archive;
    for (const auto &variable : json.at("variables")) {
      archive.variables.push_back(variable.at("id"));
      archive.bounds.push_back({bound(variable, "lower", -HUGE_VAL), bound(variable, "upper", HUGE_VAL)});
    }
    if (archive.variables.empty()) fail(ICEGEN_BAD_ARCHIVE, path, " has no variable; wanted at least 1");
    for (const auto &condition : json.at("condition")) {
      const auto &range = condition.at("range");
      archive.conditions.push_back({condition.at("id"), whole(range.at(0), "a condition from", path),
                                    whole(range.at(1), "a condition to", path)});
    }
    const bool unconditional = archive.conditions.empty();
    if (!unconditional && (archive.conditions.size() != 2 || archive.conditions[0].id != "year" ||
                           archive.conditions[1].id != "day_of_year"))
      fail(ICEGEN_BAD_ARCHIVE, path, " has the conditions ", json.at("condition").dump(),
           "; wanted year and day_of_year, or none");
    archive.steps = whole(json.at("sampler").at("steps"), "a sampler of steps", path);
    if (archive.steps < 1)
      fail(ICEGEN_BAD_ARCHIVE, path, " has a sampler of ", archive.steps, " steps; wanted at least 1");

    const auto &grid = json.at("grid");
    const auto &shape = grid.at("shape");
    const int rows = whole(shape.at(0), "rows", path), columns = whole(shape.at(1), "columns", path);
    archive.mask = Mask(rows, columns, {header.ocean.begin(), header.ocean.end()});
    archive.mirrored = grid.value("dx", 1.0) < 0;
    if (const auto mapping = grid.find("mapping"); mapping != grid.end() && mapping->contains("grid_mapping_name")) {
      Projection projection;
      projection.name = mapping->at("grid_mapping_name");
      projection.latitude_of_origin = mapping->value("latitude_of_projection_origin", 90.0);
      projection.longitude_of_origin = mapping->value("longitude_of_projection_origin", 0.0);
      projection.semi_major_axis = mapping->value("semi_major_axis", 0.0);
      projection.inverse_flattening = mapping->value("inverse_flattening", 0.0);
      projection.false_easting = mapping->value("false_easting", 0.0);
      projection.false_northing = mapping->value("false_northing", 0.0);
      if (Projected::knows(projection))
        archive.projected = std::make_shared<const Projected>(projection, columns, Axis{grid.at("x0"), grid.at("dx")},
                                                              Axis{grid.at("y0"), grid.at("dy")});
    }
    return archive;
  } catch (const nlohmann::json::exception &error) {
    fail(ICEGEN_BAD_ARCHIVE, path, " does not follow the archive contract: ", error.what());
  }
}

void require_coordinates(const ArchiveHeader &header, const Archive &archive, const std::string &path) {
  const std::size_t wanted = 2 * sizeof(double) * archive.mask.cells();
  if (header.lonlat.size() == wanted || (archive.projected && header.lonlat.empty())) return;
  fail(ICEGEN_BAD_ARCHIVE, path, " has ", header.lonlat.size(), " bytes of coordinates (lonlat.f8); wanted ", wanted,
       ", or the grid mapping lambert_azimuthal_equal_area at a pole");
}

}  // namespace icegen
