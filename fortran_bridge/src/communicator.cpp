// SPDX-License-Identifier: MIT
#include "communicator.h"

#include <mpi.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

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

bool in_use() {
  int initialised = 0, finalised = 0;
  MPI_Initialized(&initialised);
  MPI_Finalized(&finalised);
  return initialised && !finalised;
}

}  // namespace

Communicator::Communicator(int fortran_handle) {
  if (!in_use()) fail(ICEGEN_MPI_ERROR, "MPI is not initialised; the host calls MPI_Init before it opens icegen");
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
  if (size_ == 0 || !in_use()) return;
  MPI_Comm own = MPI_Comm_f2c(comm_);
  MPI_Comm_free(&own);
}

void Communicator::settle(const Error &outcome, const std::string *arguments, bool name_the_rank) const {
  if (!in_use()) throw Error(ICEGEN_MPI_ERROR, "MPI is finalised; the host calls icegen before MPI_Finalize");
  // One reduction tells the first rank that failed, whether some rank did not, the extremes of the arguments, and
  // whether some rank does not know its own.
  const bool failed = outcome.status != ICEGEN_SUCCESS;
  const int digest =
      arguments == nullptr ? 0 : static_cast<int>(std::hash<std::string>{}(*arguments) & std::size_t{INT_MAX});
  const int mine[5] = {failed ? -rank_ : -size_, !failed, digest, -digest, arguments == nullptr};
  int all[5];
  MPI_Request request;
  check(MPI_Iallreduce(mine, all, 5, MPI_INT, MPI_MAX, MPI_Comm_f2c(comm_), &request));
  wait(request);
  const int first = -all[0];
  const bool somewhere_fine = all[1] == 1, unequal = all[4] == 0 && all[2] != -all[3];
  if (first == size_ && !unequal) return;

  struct {
    int status = ICEGEN_BAD_ARGUMENT;
    char message[kMessageSize] = "";
  } told;
  const int teller = unequal ? 0 : first;
  if (rank_ == teller) {
    if (unequal) {
      std::snprintf(told.message, sizeof told.message,
                    "the ranks do not call with the same arguments; the first rank's are %s", arguments->c_str());
    } else {
      told.status = outcome.status;
      char where[32] = "";
      if (name_the_rank && somewhere_fine) std::snprintf(where, sizeof where, "on rank %d: ", rank_);
      std::snprintf(told.message, sizeof told.message, "%s%s", where, outcome.what());
    }
  }
  check(MPI_Bcast(&told, sizeof told, MPI_BYTE, teller, MPI_Comm_f2c(comm_)));
  throw Error(static_cast<icegen_status>(told.status), told.message);
}

bool Communicator::everywhere(bool here) const {
  int mine = here, all = 0;
  check(MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, MPI_Comm_f2c(comm_)));
  return all != 0;
}

void Communicator::broadcast(std::string &text, int root) const {
  std::int64_t size = static_cast<std::int64_t>(text.size());
  check(MPI_Bcast(&size, 1, MPI_INT64_T, root, MPI_Comm_f2c(comm_)));
  agree([&] {
    if (size > INT_MAX) fail(ICEGEN_INTERNAL_ERROR, "a text has ", size, " bytes; wanted at most ", INT_MAX);
    text.resize(size);
  });
  check(MPI_Bcast(text.data(), static_cast<int>(size), MPI_CHAR, root, MPI_Comm_f2c(comm_)));
}

std::vector<int> Communicator::all_gather(int value) const {
  std::vector<int> values;
  agree([&] { values.resize(size_); });
  check(MPI_Allgather(&value, 1, MPI_INT, values.data(), 1, MPI_INT, MPI_Comm_f2c(comm_)));
  return values;
}

std::vector<char> Communicator::gather(const void *records, std::size_t count, int record_size, int root,
                                       std::vector<int> &counts) const {
  agree([&] {
    if (count > INT_MAX)
      fail(ICEGEN_BAD_ARGUMENT, "a target has ", count, " links on one rank; wanted at most ", INT_MAX);
    if (rank_ == root) counts.resize(size_);
  });
  const int own_count = static_cast<int>(count);
  check(MPI_Gather(&own_count, 1, MPI_INT, counts.data(), 1, MPI_INT, root, MPI_Comm_f2c(comm_)));
  std::vector<int> offsets;
  std::vector<char> all;
  agree([&] {
    if (rank_ != root) return;
    offsets = offsets_of(counts);
    std::size_t total = 0;
    for (const int part : counts) total += part;
    all.resize(total * record_size);
  });
  MPI_Datatype record;
  check(MPI_Type_contiguous(record_size, MPI_BYTE, &record));
  check(MPI_Type_commit(&record));
  const int code = MPI_Gatherv(records, own_count, record, all.data(), counts.data(), offsets.data(), record, root,
                               MPI_Comm_f2c(comm_));
  MPI_Type_free(&record);
  check(code);
  return all;
}

void Communicator::scatter(const float *values, const std::vector<int> &counts, const std::vector<int> &offsets,
                           float *mine, int count, int root) const {
  check(MPI_Scatterv(values, counts.data(), offsets.data(), MPI_FLOAT, mine, count, MPI_FLOAT, root,
                     MPI_Comm_f2c(comm_)));
}

}  // namespace icegen
