// SPDX-License-Identifier: MIT
// Memory of which a node has one copy: a shared-memory window of MPI-3. If the node has too little shared memory, or
// MPI has no such windows, each rank has its own copy.
#pragma once

#include <cstddef>
#include <memory>

#include "communicator.h"

namespace icegen {

class NodeMemory {
 public:
  // Collective; the destructor is collective over the node. Throws the same Error on all ranks. comm: outlives this.
  NodeMemory(const Communicator &comm, std::size_t bytes);
  ~NodeMemory();
  NodeMemory(const NodeMemory &) = delete;
  NodeMemory &operator=(const NodeMemory &) = delete;

  char *data() const { return data_; }
  std::size_t size() const { return size_; }

  // Copy the `bytes` bytes from `first` that the rank `writer` wrote to all nodes, by a broadcast over the nodes'
  // leaders. Collective. No rank may read or write there during the call.
  void distribute(std::size_t first, std::size_t bytes, Place writer) const;

 private:
  bool share();  // returns whether the node has a window now
  void free_window() const;
  void publish(std::size_t first, std::size_t bytes, int writer) const;  // to the ranks of the node

  const Communicator &comm_;
  std::size_t size_;
  char *data_ = nullptr;
  int window_ = 0;  // Fortran handle
  bool shared_ = false;
  std::unique_ptr<char[]> own_;  // copy of this rank, if there is no window
};

}  // namespace icegen
