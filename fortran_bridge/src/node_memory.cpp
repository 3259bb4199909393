// SPDX-License-Identifier: MIT
#include "node_memory.h"

#include <sys/statvfs.h>

#include <algorithm>

#include "mpi_calls.h"

namespace icegen {
namespace {

// If there is too little memory for a window, some MPIs hang, and others crash at the first write.
bool there_is_room(std::size_t bytes) {
  struct statvfs shared = {};
  if (statvfs("/dev/shm", &shared) != 0) return true;  // this system has its shared memory elsewhere
  return shared.f_bavail * shared.f_frsize > bytes + bytes / 16;
}

bool on_all_ranks(bool here, MPI_Comm comm) {
  int mine = here, all = 0;
  MPI_Request request;
  check(MPI_Iallreduce(&mine, &all, 1, MPI_INT, MPI_MIN, comm, &request));
  wait(request);
  return all != 0;
}

}  // namespace

NodeMemory::NodeMemory(const Communicator &comm, std::size_t bytes) : comm_(comm), size_(bytes) {
  shared_ = comm_.node_size() > 1 && share();
  try {
    comm_.agree([&] {
      if (shared_) return;
      own_.reset(new char[bytes]);
      data_ = own_.get();
    });
  } catch (...) {
    free_window();
    throw;
  }
}

NodeMemory::~NodeMemory() { free_window(); }

bool NodeMemory::share() {
  const MPI_Comm node = MPI_Comm_f2c(comm_.handles_.node);
  const bool leader = comm_.place().rank == 0;
  if (!on_all_ranks(!leader || there_is_room(size_), node)) return false;
  MPI_Win window = MPI_WIN_NULL;
  void *base = nullptr;
  const auto of_all = static_cast<MPI_Aint>(std::max<std::size_t>(size_, 1));
  bool fine = MPI_Win_allocate_shared(leader ? of_all : 0, 1, MPI_INFO_NULL, node, &base, &window) == MPI_SUCCESS;
  if (fine) {
    MPI_Aint size = 0;
    int unit = 0;
    fine = MPI_Win_set_errhandler(window, MPI_ERRORS_RETURN) == MPI_SUCCESS &&
           MPI_Win_shared_query(window, 0, &size, &unit, &base) == MPI_SUCCESS &&
           MPI_Win_lock_all(MPI_MODE_NOCHECK, window) == MPI_SUCCESS;
  }
  if (!on_all_ranks(fine, node)) return false;  // a window that only some ranks have cannot be freed
  data_ = static_cast<char *>(base);
  window_ = MPI_Win_c2f(window);
  return true;
}

void NodeMemory::free_window() const {
  if (!shared_ || mpi_finalised()) return;
  outcome_of([&] { barrier(MPI_Comm_f2c(comm_.handles_.node)); });  // MPI_Win_free would wait in a busy loop
  MPI_Win window = MPI_Win_f2c(window_);
  MPI_Win_unlock_all(window);
  MPI_Win_free(&window);
}

void NodeMemory::publish(std::size_t first, std::size_t bytes, int writer) const {
  const MPI_Comm node = MPI_Comm_f2c(comm_.handles_.node);
  if (!shared_) return broadcast(node, data_ + first, bytes, writer);
  const MPI_Win window = MPI_Win_f2c(window_);
  check(MPI_Win_sync(window));
  barrier(node);
  check(MPI_Win_sync(window));
}

void NodeMemory::distribute(std::size_t first, std::size_t bytes, Place writer) const {
  const Place here = comm_.place();
  if (here.node == writer.node) publish(first, bytes, writer.rank);
  if (here.rank == 0) broadcast(MPI_Comm_f2c(comm_.handles_.leaders), data_ + first, bytes, writer.node);
  if (here.node != writer.node) publish(first, bytes, 0);
}

}  // namespace icegen
