// SPDX-License-Identifier: MIT
// Communicator and NodeMemory of a build without MPI: there is one rank.
#include <dlfcn.h>

#include "communicator.h"
#include "node_memory.h"

namespace icegen {
namespace {

template <class Function>
Function *function_named(const char *name) {
  return reinterpret_cast<Function *>(dlsym(RTLD_DEFAULT, name));
}

// Number of ranks of the host if it uses an MPI that is a shared library, else 1. This build has no mpi.h, so it has to
// know MPI_COMM_WORLD: an object in Open MPI, a number in MPICH and its relatives.
int ranks_of_host() {
  const auto initialized = function_named<int(int *)>("MPI_Initialized");
  const auto finalized = function_named<int(int *)>("MPI_Finalized");
  int flag = 0, ranks = 1;
  if (!initialized || !finalized || initialized(&flag) != 0 || !flag || finalized(&flag) != 0 || flag) return 1;
  if (void *world = dlsym(RTLD_DEFAULT, "ompi_mpi_comm_world"))
    function_named<int(void *, int *)>("MPI_Comm_size")(world, &ranks);
  else
    function_named<int(int, int *)>("MPI_Comm_size")(0x44000000, &ranks);
  return ranks;
}

}  // namespace

Communicator::Communicator(int /* any integer */) {
  if (const int ranks = ranks_of_host(); ranks > 1)
    fail(ICEGEN_MPI_ERROR, "the host runs on ", ranks, " ranks of MPI; this icegen is built without MPI");
}

Communicator::~Communicator() = default;

bool Communicator::conclude(const Conclusion &here, bool) const {
  if (here.outcome.status != ICEGEN_SUCCESS) throw here.outcome;
  return here.holds;
}

void Communicator::broadcast(std::string &) const {}

void Communicator::sum(std::vector<std::int64_t> &) const {}

std::vector<int> Communicator::node_sizes() const { return {1}; }

NodeMemory::NodeMemory(const Communicator &comm, std::size_t bytes) : comm_(comm), size_(bytes), own_(new char[bytes]) {
  data_ = own_.get();
}

NodeMemory::~NodeMemory() = default;

void NodeMemory::distribute(std::size_t, std::size_t, Place) const {}

}  // namespace icegen
