// SPDX-License-Identifier: MIT
#include "communicator.h"

#include <mpi.h>

#include <chrono>
#include <climits>
#include <new>
#include <thread>

#include "error.h"

namespace icegen {
namespace {

void check(int code) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail(ICEGEN_MPI_ERROR, "MPI: ", std::string(text, length));
}

// Wait without keeping a core busy: a rank that waits for a sample leaves its core to the one that generates.
void wait(MPI_Request &request) {
  constexpr auto patience = std::chrono::microseconds(200), nap = std::chrono::microseconds(100);
  const auto begin = std::chrono::steady_clock::now();
  int done = 0;
  while (true) {
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    if (done) return;
    if (std::chrono::steady_clock::now() - begin > patience) std::this_thread::sleep_for(nap);
  }
}

std::vector<int> displacements(const std::vector<int> &counts, std::size_t &total) {
  std::vector<int> offsets;
  total = 0;
  for (const int count : counts) {
    offsets.push_back(static_cast<int>(total));
    total += count;
  }
  if (total > INT_MAX)
    fail(ICEGEN_BAD_ARGUMENT, "a target has ", total, " points or links in all; wanted at most ", INT_MAX);
  return offsets;
}

}  // namespace

Communicator::Communicator(int fortran_handle) {
  int initialised = 0, finalised = 0;
  MPI_Initialized(&initialised);
  MPI_Finalized(&finalised);
  if (!initialised || finalised)
    fail(ICEGEN_MPI_ERROR, "MPI is not initialised; the host calls MPI_Init before it opens icegen");
  const MPI_Comm host = MPI_Comm_f2c(fortran_handle);
  if (host == MPI_COMM_NULL) fail(ICEGEN_BAD_ARGUMENT, "comm is MPI_COMM_NULL; wanted a communicator of this rank");
  int between_groups = 0;
  check(MPI_Comm_test_inter(host, &between_groups));
  if (between_groups) fail(ICEGEN_BAD_ARGUMENT, "comm is an inter-communicator; wanted an intra-communicator");
  MPI_Comm own = MPI_COMM_NULL, node = MPI_COMM_NULL;
  check(MPI_Comm_dup(host, &own));
  try {
    check(MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN));
    check(MPI_Comm_rank(own, &rank_));
    check(MPI_Comm_size(own, &size_));
    check(MPI_Comm_split_type(own, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node));
    check(MPI_Comm_rank(node, &node_rank_));
    check(MPI_Comm_size(node, &node_size_));
    check(MPI_Comm_free(&node));
  } catch (...) {
    if (node != MPI_COMM_NULL) MPI_Comm_free(&node);
    MPI_Comm_free(&own);
    throw;
  }
  comm_ = MPI_Comm_c2f(own);
}

Communicator::~Communicator() {
  int finalised = 0;
  MPI_Finalized(&finalised);
  if (finalised) return;
  MPI_Comm own = MPI_Comm_f2c(comm_);
  MPI_Comm_free(&own);
}

void Communicator::settle(const std::string &arguments, const std::function<void()> &local, bool name_the_rank) {
  icegen_status status = ICEGEN_SUCCESS;
  std::string message;
  try {
    local();
  } catch (const Error &error) {
    status = error.status, message = error.what();
  } catch (const std::bad_alloc &) {
    status = ICEGEN_OUT_OF_MEMORY, message = "out of memory";
  } catch (const std::exception &error) {
    status = ICEGEN_INTERNAL_ERROR, message = error.what();
  }
  // One reduction tells the first rank that failed, whether some rank did not, and the extremes of the arguments.
  const bool failed = status != ICEGEN_SUCCESS;
  const int digest = static_cast<int>(std::hash<std::string>{}(arguments)&INT_MAX);
  int mine[4] = {failed ? -rank_ : -size_, failed ? 0 : 1, digest, -digest}, all[4];
  MPI_Request request;
  check(MPI_Iallreduce(mine, all, 4, MPI_INT, MPI_MAX, MPI_Comm_f2c(comm_), &request));
  wait(request);
  const int first = -all[0];
  const bool somewhere_fine = all[1] == 1, unequal = all[2] != -all[3];
  if (unequal) {
    std::string theirs = arguments;
    broadcast(theirs, 0);
    fail(ICEGEN_BAD_ARGUMENT, "the ranks do not call with the same arguments; the first rank's are ", theirs);
  }
  if (first == size_) return;
  if (name_the_rank && somewhere_fine) message = "on rank " + std::to_string(first) + ": " + message;
  message.insert(message.begin(), static_cast<char>(status));
  broadcast(message, first);
  throw Error(static_cast<icegen_status>(message[0]), message.substr(1));
}

bool Communicator::everywhere(bool here) {
  int mine = here, all = 0;
  check(MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, MPI_Comm_f2c(comm_)));
  return all != 0;
}

void Communicator::broadcast(std::string &text, int root) {
  int size = static_cast<int>(text.size());
  check(MPI_Bcast(&size, 1, MPI_INT, root, MPI_Comm_f2c(comm_)));
  text.resize(size);
  check(MPI_Bcast(text.data(), size, MPI_CHAR, root, MPI_Comm_f2c(comm_)));
}

std::vector<int> Communicator::all_gather(int value) {
  std::vector<int> values(size_);
  check(MPI_Allgather(&value, 1, MPI_INT, values.data(), 1, MPI_INT, MPI_Comm_f2c(comm_)));
  return values;
}

std::vector<char> Communicator::gather(const void *records, int count, int record_size, int root,
                                       std::vector<int> &counts) {
  if (rank_ == root) counts.resize(size_);
  check(MPI_Gather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, root, MPI_Comm_f2c(comm_)));
  std::vector<int> offsets;
  std::vector<char> all;
  agree([&] {
    if (rank_ != root) return;
    std::size_t total = 0;
    offsets = displacements(counts, total);
    all.resize(total * record_size);
  });
  MPI_Datatype record;
  check(MPI_Type_contiguous(record_size, MPI_BYTE, &record));
  check(MPI_Type_commit(&record));
  const int code =
      MPI_Gatherv(records, count, record, all.data(), counts.data(), offsets.data(), record, root, MPI_Comm_f2c(comm_));
  MPI_Type_free(&record);
  check(code);
  return all;
}

void Communicator::scatter(const float *values, const std::vector<int> &counts, float *mine, int count, int root) {
  std::size_t total = 0;
  const std::vector<int> offsets = displacements(counts, total);
  check(MPI_Scatterv(values, counts.data(), offsets.data(), MPI_FLOAT, mine, count, MPI_FLOAT, root,
                     MPI_Comm_f2c(comm_)));
}

}  // namespace icegen
