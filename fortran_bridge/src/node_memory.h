// SPDX-License-Identifier: MIT
// Memory of which a node has one copy: a shared-memory window of MPI-3. Where ranks of a node share none, because it is
// short or MPI has no such windows, each rank has a copy of its own.
#pragma once

#include <cstddef>
#include <memory>

#include "communicator.h"

namespace icegen {

class NodeMemory {
 public:
  // Collective, as the destructor is for the ranks of a node. Throws the same Error on all ranks. comm: outlives it.
  NodeMemory(const Communicator &comm, std::size_t bytes);
  ~NodeMemory();
  NodeMemory(const NodeMemory &) = delete;
  NodeMemory &operator=(const NodeMemory &) = delete;

  char *data() const { return data_; }
  std::size_t size() const { return size_; }

  // Bring what one rank, the writer, wrote to all nodes, `bytes` bytes from `first`; a tree over the nodes' leaders
  // carries it. Collective; no rank reads or writes there meanwhile.
  void distribute(std::size_t first, std::size_t bytes, Place writer) const;

 private:
  bool share();  // whether the node has a window now
  void free_window() const;
  void publish(std::size_t first, std::size_t bytes, int writer) const;  // to the ranks of the node

  const Communicator &comm_;
  std::size_t size_;
  char *data_ = nullptr;
  int window_ = 0;  // Fortran handle
  bool shared_ = false;
  std::unique_ptr<char[]> own_;  // of this rank, without a window
};

}  // namespace icegen
