// SPDX-License-Identifier: MIT
#include "weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "../weights_netcdf/weights_netcdf.h"
#include "error.h"
#include "plugin.h"

namespace icegen {
namespace {

// A link in the file; its numbers count from 1.
struct Record {
  std::int32_t source, target;
  double weight;
};

class WeightsFile {
 public:
  explicit WeightsFile(const std::string &path) : path_(path) {
    std::string reason;
    const auto entry =
        reinterpret_cast<icegen_weights_entry>(load_entry("icegen_weights_netcdf", "icegen_weights_v1", reason));
    if (entry == nullptr)
      fail(ICEGEN_BAD_ARGUMENT, "weights ", path, " cannot be read: icegen was built without NetCDF (", reason, ")");
    reader_ = entry();
    char message[256] = "";
    if (reader_->open(path.c_str(), &file_, &sizes, message, sizeof message) != 0) refuse(message);
  }
  ~WeightsFile() { reader_->close(file_); }
  WeightsFile(const WeightsFile &) = delete;
  WeightsFile &operator=(const WeightsFile &) = delete;

  std::vector<Record> read(std::int64_t first, std::int64_t count) const {
    std::vector<std::int32_t> source(count), target(count);
    std::vector<double> weight(count);
    char message[256] = "";
    if (reader_->read(file_, first, count, source.data(), target.data(), weight.data(), message, sizeof message) != 0)
      refuse(message);
    std::vector<Record> records;
    for (std::int64_t i = 0; i < count; ++i) {
      if (source[i] < 1 || source[i] > sizes.source_cells || target[i] < 1 || target[i] > sizes.target_cells ||
          !std::isfinite(weight[i]))
        refuse("link " + std::to_string(first + i + 1) + " is from cell " + std::to_string(source[i]) + " to cell " +
               std::to_string(target[i]) + " with weight " + std::to_string(weight[i]) + "; wanted cells 1 to " +
               std::to_string(sizes.source_cells) + " and 1 to " + std::to_string(sizes.target_cells) +
               ", and a finite weight");
      records.push_back({source[i], target[i], weight[i]});
    }
    return records;
  }

  [[noreturn]] void refuse(const std::string &reason) const {
    fail(ICEGEN_BAD_ARGUMENT, "weights ", path_, ": ", reason);
  }

  icegen_weights_sizes sizes = {};

 private:
  std::string path_;
  const icegen_weights_reader *reader_ = nullptr;
  int file_ = 0;
};

template <class T>
std::string bytes_of(const T *values, std::size_t count) {
  return std::string(reinterpret_cast<const char *>(values), count * sizeof(T));
}

}  // namespace

std::vector<Weight> read_weights(Communicator &comm, const std::string &path, const Mask &mask,
                                 const std::vector<std::int32_t> &cells) {
  std::unique_ptr<WeightsFile> file;
  std::string bytes;
  comm.agree_on_first([&] {
    file = std::make_unique<WeightsFile>(path);
    if (file->sizes.source_cells != mask.cells())
      file->refuse("it is from a grid of " + std::to_string(file->sizes.source_cells) + " cells; the archive has " +
                   std::to_string(mask.cells()));
    bytes = bytes_of(&file->sizes, 1);
  });
  comm.broadcast(bytes);
  icegen_weights_sizes sizes;
  std::memcpy(&sizes, bytes.data(), sizeof sizes);

  std::vector<std::pair<std::int32_t, std::int32_t>> wanted;  // (target cell, point)
  comm.agree([&] {
    for (std::size_t point = 0; point < cells.size(); ++point) {
      if (cells[point] < 0 || cells[point] > sizes.target_cells)
        fail(ICEGEN_BAD_ARGUMENT, "cell of point ", point + 1, " is ", cells[point], "; the weights are for 1 to ",
             sizes.target_cells, ", and 0 for none of them");
      if (cells[point] > 0) wanted.emplace_back(cells[point], point);
    }
    std::sort(wanted.begin(), wanted.end());
  });

  constexpr std::int64_t piece = 1 << 20;
  std::vector<Weight> weights;
  for (std::int64_t first = 0; first < sizes.links; first += piece) {
    comm.agree_on_first([&] {
      const std::vector<Record> records = file->read(first, std::min(piece, sizes.links - first));
      bytes = bytes_of(records.data(), records.size());
    });
    comm.broadcast(bytes);
    comm.agree([&] {
      for (std::size_t at = 0; at < bytes.size(); at += sizeof(Record)) {
        Record record;
        std::memcpy(&record, bytes.data() + at, sizeof record);
        if (record.weight == 0 || !mask.ocean(record.source - 1)) continue;
        const auto begin = std::lower_bound(wanted.begin(), wanted.end(), std::make_pair(record.target, 0));
        for (auto match = begin; match != wanted.end() && match->first == record.target; ++match)
          weights.push_back({match->second, record.source - 1, record.weight});
      }
    });
  }
  comm.agree([&] {
    std::stable_sort(weights.begin(), weights.end(),
                     [](const Weight &a, const Weight &b) { return a.point < b.point; });
  });
  return weights;
}

}  // namespace icegen
