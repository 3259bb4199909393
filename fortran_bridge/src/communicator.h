// SPDX-License-Identifier: MIT
// The MPI that the bridge uses, in terms of ranks and C++ values. Every member is collective and throws Error.
// communicator.cpp is written over MPI; communicator_serial.cpp takes its place in a build without.
//
// Whatever may fail on one rank, if only for want of memory, stands inside `agree`; between two collective calls a rank
// that left would keep the others waiting.
#pragma once

#include <climits>
#include <string>
#include <utility>
#include <vector>

#include "error.h"

namespace icegen {

class Communicator {
 public:
  // Duplicates the communicator behind a Fortran handle.
  explicit Communicator(int fortran_handle);
  Communicator(Communicator &&other) noexcept
      : comm_(other.comm_),
        rank_(other.rank_),
        size_(std::exchange(other.size_, 0)),
        node_rank_(other.node_rank_),
        node_size_(other.node_size_) {}
  ~Communicator();
  Communicator &operator=(Communicator &&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  int node_rank() const { return node_rank_; }  // among the ranks that share memory with this one
  int node_size() const { return node_size_; }

  // Run `local` on every rank. If it throws anywhere, throw the error of the first such rank on all of them.
  template <class Local>
  void agree(const Local &local) const {
    const std::string no_arguments;
    settle(outcome_of(local), &no_arguments, true);
  }

  // The same, and throw if the text that `arguments` returns is not the same on all ranks.
  template <class Arguments, class Local>
  void agree(const Arguments &arguments, const Local &local) const {
    std::string text;
    bool described = false;
    const Error outcome = outcome_of([&] {
      text = arguments();
      described = true;
      local();
    });
    settle(outcome, described ? &text : nullptr, true);
  }

  // Run `local` on the first rank alone; what it throws is thrown on all of them.
  template <class Local>
  void agree_on_first(const Local &local) const {
    const std::string no_arguments;
    settle(rank_ == 0 ? outcome_of(local) : Error(ICEGEN_SUCCESS, ""), &no_arguments, false);
  }

  bool everywhere(bool here) const;  // whether it is so on all ranks
  void broadcast(std::string &text, int root) const;
  std::vector<int> all_gather(int value) const;

  // Collect `count` records of `record_size` bytes from each rank on `root`; there, `counts` tells how many came from
  // each rank and the records stand in the order of ranks.
  std::vector<char> gather(const void *records, std::size_t count, int record_size, int root,
                           std::vector<int> &counts) const;

  // The reverse for float32: rank r gets counts[r] values, which stand in the order of ranks on `root`, those of rank r
  // from offsets[r].
  void scatter(const float *values, const std::vector<int> &counts, const std::vector<int> &offsets, float *mine,
               int count, int root) const;

 private:
  // arguments: null where they could not be told, and are not to be compared.
  void settle(const Error &outcome, const std::string *arguments, bool name_the_rank) const;

  int comm_ = 0;                                             // Fortran handle of the duplicate
  int rank_ = 0, size_ = 1, node_rank_ = 0, node_size_ = 1;  // size 0: moved from
};

// Where each rank's part begins. Throws Error if all of them are more than MPI can count.
inline std::vector<int> offsets_of(const std::vector<int> &counts) {
  std::vector<int> offsets;
  std::size_t total = 0;
  for (const int count : counts) {
    offsets.push_back(static_cast<int>(total));
    total += count;
    if (total > INT_MAX)
      fail(ICEGEN_BAD_ARGUMENT, "a target has ", total, " points or links in all; wanted at most ", INT_MAX);
  }
  return offsets;
}

}  // namespace icegen
