// SPDX-License-Identifier: MIT
#include "archive.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <vector>

#include "error.h"
#include "sha256.h"

namespace icegen {
namespace {

const std::string kCommentPrefix = "icegen-archive sha256:";
const std::size_t kCommentLength = kCommentPrefix.size() + 64;

// A file that is read in pieces, because archives are large.
class ArchiveFile {
 public:
  explicit ArchiveFile(const std::string &path) : path_(path), file_(std::fopen(path.c_str(), "rb"), std::fclose) {
    if (!file_) refuse();
  }

  // Read the whole file and verify its checksum. Returns the checksum.
  std::string verify() {
    constexpr std::size_t piece = 1 << 20;
    std::vector<char> buffer(kCommentLength + piece);
    std::size_t held = 0;  // bytes in the buffer; the last of them may be the comment
    Sha256 hash;
    while (const std::size_t read = std::fread(buffer.data() + held, 1, piece, file_.get())) {
      size_ += read, held += read;
      if (held <= kCommentLength) continue;
      hash.add(buffer.data(), held - kCommentLength);
      std::memmove(buffer.data(), buffer.data() + held - kCommentLength, kCommentLength);
      held = kCommentLength;
    }
    if (std::ferror(file_.get()) != 0) refuse();
    const std::string comment(buffer.data(), held);
    if (held < kCommentLength || comment.compare(0, kCommentPrefix.size(), kCommentPrefix) != 0)
      fail(ICEGEN_BAD_ARCHIVE, path_, " is not a whole icegen archive: it does not end with its checksum");
    std::string stated = comment.substr(kCommentPrefix.size());
    for (char &digit : stated)  // which may be damaged too
      if (std::isxdigit(static_cast<unsigned char>(digit)) == 0) digit = '?';
    const std::string actual = hash.digest();
    if (stated != actual)
      fail(ICEGEN_BAD_ARCHIVE, path_, " is damaged: its checksum is ", actual.substr(0, 12), "..., it says ",
           stated.substr(0, 12), "...");
    return actual;
  }

  // These need a call of verify first.
  std::size_t size() const { return size_; }
  std::string text(std::size_t at, std::size_t size) const {
    if (at > size_ || size > size_ - at) throw std::out_of_range("zip entry beyond the file");
    std::string bytes(size, '\0');
    if (fseeko(file_.get(), static_cast<off_t>(at), SEEK_SET) != 0 ||
        std::fread(bytes.data(), 1, size, file_.get()) != size)
      refuse();
    return bytes;
  }

 private:
  [[noreturn]] void refuse() const {
    fail(ICEGEN_BAD_ARCHIVE, "archive ", path_, " cannot be read: ", std::strerror(errno));
  }

  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE *)> file_;
  std::size_t size_ = 0;
};

// Reads stored (uncompressed) entries of a zip file, whose numbers are little-endian. Every access checks the bounds.
class Zip {
 public:
  explicit Zip(const ArchiveFile &file) : file_(file) {
    if (file.size() < kCommentLength + kEndLength) throw std::out_of_range("no zip file");
    const std::string end = file.text(file.size() - kCommentLength - kEndLength, kEndLength);
    if (end.compare(0, 4, "PK\5\6") != 0) throw std::out_of_range("no zip file");
    entries_ = number(end, 10, 2);
    directory_ = file.text(number(end, 16, 4), number(end, 12, 4));
  }

  // Content of the one entry whose name ends in `suffix`.
  std::string entry(const std::string &suffix) const {
    if (const auto found = find(suffix)) return *found;
    throw std::out_of_range("no entry " + suffix);
  }

  // The same, or nothing.
  std::optional<std::string> find(const std::string &suffix) const {
    std::size_t at = 0;
    for (std::size_t i = 0; i < entries_; ++i) {
      const std::size_t name_length = number(directory_, at + 28, 2);
      const std::string name = part(directory_, at + 46, name_length);
      if (name.size() >= suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0) {
        const std::size_t stored = number(directory_, at + 20, 4), size = number(directory_, at + 24, 4);
        if (number(directory_, at + 10, 2) != 0 || stored != size) throw std::out_of_range("compressed entry " + name);
        const std::size_t local = number(directory_, at + 42, 4);
        const std::string header = file_.text(local, 30);
        return file_.text(local + 30 + number(header, 26, 2) + number(header, 28, 2), size);
      }
      at += 46 + name_length + number(directory_, at + 30, 2) + number(directory_, at + 32, 2);
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kEndLength = 22;  // of the end-of-central-directory record

  static std::string part(const std::string &bytes, std::size_t at, std::size_t size) {
    if (at > bytes.size() || size > bytes.size() - at) throw std::out_of_range("zip entry beyond the file");
    return bytes.substr(at, size);
  }
  static std::size_t number(const std::string &bytes, std::size_t at, int size) {
    const std::string raw = part(bytes, at, size);
    std::size_t value = 0;
    for (int i = size - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }

  const ArchiveFile &file_;
  std::size_t entries_ = 0;
  std::string directory_;
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

std::optional<Consistency> consistency_of(const nlohmann::json &metadata, const std::vector<std::string> &variables,
                                          const std::string &path) {
  const auto stated = metadata.find("consistency");
  if (stated == metadata.end() || !stated->contains("sit_over_sic")) return std::nullopt;
  const auto index_of = [&](const char *id) -> std::size_t {
    return std::find(variables.begin(), variables.end(), id) - variables.begin();
  };
  const auto &range = stated->at("sit_over_sic");
  const Consistency consistency = {index_of("sit"), index_of("sic"), {range.at("lower"), range.at("upper")}};
  if (std::max(consistency.sit, consistency.sic) == variables.size())
    fail(ICEGEN_BAD_ARCHIVE, path, " states a range of sit / sic; wanted both among its variables");
  if (!(consistency.ratio.lower > 0 && consistency.ratio.upper >= consistency.ratio.lower))
    fail(ICEGEN_BAD_ARCHIVE, path, " has sit / sic from ", consistency.ratio.lower, " to ", consistency.ratio.upper,
         " m; wanted a range above 0");
  return consistency;
}

}  // namespace

std::string verified_sha256(const std::string &path) { return ArchiveFile(path).verify(); }

ArchiveHeader read_header(const std::string &path) {
  ArchiveFile file(path);
  const std::string checksum = file.verify();
  try {
    const Zip zip(file);
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
    Archive archive;
    archive.contract = whole(json.at("contract"), "contract", path);
    if (archive.contract != 1 && archive.contract != 2)
      fail(ICEGEN_BAD_ARCHIVE, path, " follows archive contract ", archive.contract, "; this icegen reads 1 and 2");
    for (const auto &variable : json.at("variables")) {
      archive.variables.push_back(variable.at("id"));
      archive.bounds.push_back({bound(variable, "lower", -HUGE_VAL), bound(variable, "upper", HUGE_VAL)});
      archive.drift.push_back(variable.value("standard_name", "").find("velocity") != std::string::npos);
    }
    if (archive.variables.empty()) fail(ICEGEN_BAD_ARCHIVE, path, " has no variable; wanted at least 1");
    archive.consistency = consistency_of(json, archive.variables, path);
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

    archive.takes_observations =
        archive.contract > 1 && json.contains("observations") && !json.at("observations").empty();

    const auto &grid = json.at("grid");
    const auto &shape = grid.at("shape");
    const int rows = whole(shape.at(0), "rows", path), columns = whole(shape.at(1), "columns", path);
    archive.mask = Mask(rows, columns, header.ocean);
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
