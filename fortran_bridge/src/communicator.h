// SPDX-License-Identifier: MIT
// The ranks of a host and what the bridge does with MPI, in C++ values. Every member is collective and throws Error.
// communicator.cpp calls MPI. In a build without MPI, communicator_serial.cpp takes its place.
//
// Code that can fail on one rank, for example for lack of memory, runs inside `agree`. A rank that threw between two
// collective calls would keep the others waiting.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "error.h"

namespace icegen {

// The position of a rank. A node is a group of ranks that can share memory. The first rank of a node is its leader.
struct Place {
  int node;  // index of the node, in the order of the leaders' ranks
  int rank;  // among the ranks of the node

  bool operator==(const Place &other) const { return node == other.node && rank == other.rank; }
};

class Communicator {
 public:
  // Duplicates the communicator behind a Fortran handle.
  explicit Communicator(int fortran_handle);
  Communicator(Communicator &&other) noexcept
      : handles_(other.handles_),
        rank_(other.rank_),
        size_(std::exchange(other.size_, 0)),
        place_(other.place_),
        node_size_(other.node_size_) {}
  ~Communicator();
  Communicator &operator=(Communicator &&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  Place place() const { return place_; }
  int node_size() const { return node_size_; }

  // Run `local` on every rank. If it throws anywhere, throw the error of the first such rank on all of them.
  template <class Local>
  void agree(const Local &local) const {
    const std::string no_arguments;
    conclude({outcome_of(local), &no_arguments}, true);
  }

  // The same. Throws Disagreement unless `arguments` returns the same text on all ranks.
  template <class Arguments, class Local>
  void agree(const Arguments &arguments, const Local &local) const {
    everywhere(arguments, [&] {
      local();
      return true;
    });
  }

  // The same with a `local` that returns a bool. Returns whether it is true on all ranks.
  template <class Arguments, class Local>
  bool everywhere(const Arguments &arguments, const Local &local) const {
    std::string text;
    bool described = false, holds = false;
    const Error outcome = outcome_of([&] {
      text = arguments();
      described = true;
      holds = local();
    });
    return conclude({outcome, described ? &text : nullptr, holds}, true);
  }

  // Run `local` on the first rank only. If it throws, throw its error on all ranks.
  template <class Local>
  void agree_on_first(const Local &local) const {
    const std::string no_arguments;
    conclude({rank_ == 0 ? outcome_of(local) : Error(ICEGEN_SUCCESS, ""), &no_arguments}, false);
  }

  // Send the first rank's text to the leaders of all nodes, and from each leader to the other ranks of its node.
  void broadcast(std::string &text) const;

  // Add up the ranks' numbers; each rank receives the sums. All ranks have as many.
  void sum(std::vector<std::int64_t> &numbers) const;

  // Number of ranks of each node.
  std::vector<int> node_sizes() const;

 private:
  friend class NodeMemory;

  // The outcome of a call on this rank.
  struct Conclusion {
    Error outcome;
    const std::string *arguments;  // null if they could not be described; then they are not compared
    bool holds = true;
  };

  // Throw the same Error on all ranks if the call failed on one, or if their arguments differ. Returns whether `holds`
  // is true on all ranks. name_the_rank: the message names the rank that failed, unless all ranks failed.
  bool conclude(const Conclusion &here, bool name_the_rank) const;

  // Fortran handles.
  struct Handles {
    int all = 0;      // the duplicate of the host's
    int node = 0;     // the ranks of this node
    int leaders = 0;  // only on leaders: the leaders of all nodes
  };
  Handles handles_;
  int rank_ = 0, size_ = 1;  // size 0: moved from
  Place place_ = {0, 0};
  int node_size_ = 1;
};

}  // namespace icegen
