// SPDX-License-Identifier: MIT
// The MPI that the bridge uses, in terms of ranks and C++ values. Every member is collective and throws Error.
// communicator.cpp is written over MPI; communicator_serial.cpp takes its place in a build without.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace icegen {

class Communicator {
 public:
  // Duplicates the communicator behind a Fortran handle.
  explicit Communicator(int fortran_handle);
  ~Communicator();
  Communicator(const Communicator &) = delete;
  Communicator &operator=(const Communicator &) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  int node_rank() const { return node_rank_; }  // among the ranks that share memory with this one
  int node_size() const { return node_size_; }

  // Run `local` on every rank. If it throws anywhere, throw the error of the first such rank on all of them.
  void agree(const std::function<void()> &local) { settle("", local, true); }

  // The same, and throw if `arguments`, any text, is not the same on all ranks.
  void agree(const std::string &arguments, const std::function<void()> &local) { settle(arguments, local, true); }

  // Run `local` on the first rank alone; what it throws is thrown on all of them.
  void agree_on_first(const std::function<void()> &local) {
    settle(
        "", rank_ == 0 ? local : [] {}, false);
  }

  bool everywhere(bool here);  // whether it is so on all ranks
  void broadcast(std::string &text, int root);
  std::vector<int> all_gather(int value);

  // Collect `count` records of `record_size` bytes from each rank on `root`; there, `counts` tells how many came from
  // each rank and the records stand in the order of ranks.
  std::vector<char> gather(const void *records, int count, int record_size, int root, std::vector<int> &counts);

  // The reverse for float32: rank r gets counts[r] values, which stand in the order of ranks on `root`.
  void scatter(const float *values, const std::vector<int> &counts, float *mine, int count, int root);

 private:
  void settle(const std::string &arguments, const std::function<void()> &local, bool name_the_rank);

  int comm_ = 0;  // Fortran handle of the duplicate
  int rank_ = 0, size_ = 1, node_rank_ = 0, node_size_ = 1;
};

}  // namespace icegen
