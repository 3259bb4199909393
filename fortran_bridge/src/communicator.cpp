// SPDX-License-Identifier: MIT
#include "communicator.h"

#include <climits>
#include <cstdint>
#include <cstdio>
#include <functional>

#include "host_communicator.h"
#include "mpi_calls.h"

namespace icegen {
namespace {

// What a rank tells the others in an agreement. All ranks receive the maximum of each number over the ranks.
struct Report {
  int first_failure;            // minus the rank that failed, or minus the number of ranks
  int success;                  // 1 if the call did not fail
  int digest, opposite_digest;  // of the arguments; the maxima are opposite if all digests are equal
  int unknown_arguments;        // 1 if they could not be described
  int exception;                // 1 if `holds` is false
};
constexpr int kReportSize = sizeof(Report) / sizeof(int);

// A message that one rank sends to all.
struct Announcement {
  int status = ICEGEN_BAD_ARGUMENT;
  char message[kMessageSize] = "";
};

void free_if_there(MPI_Comm comm) {
  if (comm != MPI_COMM_NULL) MPI_Comm_free(&comm);
}

}  // namespace

Communicator::Communicator(int fortran_handle) {
  const MPI_Comm host = host_communicator(fortran_handle);
  MPI_Comm all = MPI_COMM_NULL, node = MPI_COMM_NULL, leaders = MPI_COMM_NULL;
  check(MPI_Comm_dup(host, &all));
  try {
    check(MPI_Comm_set_errhandler(all, MPI_ERRORS_RETURN));
    check(MPI_Comm_rank(all, &rank_));
    check(MPI_Comm_size(all, &size_));
    check(MPI_Comm_split_type(all, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node));
    check(MPI_Comm_set_errhandler(node, MPI_ERRORS_RETURN));
    check(MPI_Comm_rank(node, &place_.rank));
    check(MPI_Comm_size(node, &node_size_));
    check(MPI_Comm_split(all, place_.rank == 0 ? 0 : MPI_UNDEFINED, rank_, &leaders));
    if (leaders != MPI_COMM_NULL) {
      check(MPI_Comm_set_errhandler(leaders, MPI_ERRORS_RETURN));
      check(MPI_Comm_rank(leaders, &place_.node));
    }
    check(MPI_Bcast(&place_.node, 1, MPI_INT, 0, node));
  } catch (...) {
    free_if_there(leaders);
    free_if_there(node);
    free_if_there(all);
    throw;
  }
  handles_ = {MPI_Comm_c2f(all), MPI_Comm_c2f(node), MPI_Comm_c2f(leaders)};
}

Communicator::~Communicator() {
  if (size_ == 0 || mpi_finalised()) return;
  for (const int handle : {handles_.leaders, handles_.node, handles_.all}) free_if_there(MPI_Comm_f2c(handle));
}

bool Communicator::conclude(const Conclusion &here, bool name_the_rank) const {
  if (mpi_finalised()) throw Error(ICEGEN_MPI_ERROR, "MPI is finalised; the host calls icegen before MPI_Finalize");
  const bool failed = here.outcome.status != ICEGEN_SUCCESS;
  const int digest = here.arguments == nullptr
                         ? 0
                         : static_cast<int>(std::hash<std::string>{}(*here.arguments) & std::size_t{INT_MAX});
  const Report mine = {failed ? -rank_ : -size_, !failed, digest, -digest, here.arguments == nullptr, !here.holds};
  Report all;
  MPI_Request request;
  check(MPI_Iallreduce(&mine, &all, kReportSize, MPI_INT, MPI_MAX, MPI_Comm_f2c(handles_.all), &request));
  wait(request);
  const int first = -all.first_failure;
  const bool unequal = all.unknown_arguments == 0 && all.digest != -all.opposite_digest;
  if (first == size_ && !unequal) return all.exception == 0;

  Announcement announcement;
  int speaker = first;
  if (unequal) {
    // The first rank sends its arguments. The first rank that has other arguments sends a message with both.
    Announcement first_rank;
    first_rank.status = digest;
    std::snprintf(first_rank.message, sizeof first_rank.message, "%s", here.arguments->c_str());
    check(MPI_Bcast(&first_rank, sizeof first_rank, MPI_BYTE, 0, MPI_Comm_f2c(handles_.all)));
    const int candidate = digest == first_rank.status ? size_ : rank_;
    check(MPI_Allreduce(&candidate, &speaker, 1, MPI_INT, MPI_MIN, MPI_Comm_f2c(handles_.all)));
    std::snprintf(announcement.message, sizeof announcement.message,
                  "the ranks do not call with the same arguments: rank %d has %.440s; the first rank has %.440s", rank_,
                  here.arguments->c_str(), first_rank.message);
  } else if (rank_ == speaker) {
    announcement.status = here.outcome.status;
    char where[32] = "";
    if (name_the_rank && all.success == 1) std::snprintf(where, sizeof where, "on rank %d: ", rank_);
    std::snprintf(announcement.message, sizeof announcement.message, "%s%s", where, here.outcome.what());
  }
  check(MPI_Bcast(&announcement, sizeof announcement, MPI_BYTE, speaker, MPI_Comm_f2c(handles_.all)));
  const auto status = static_cast<icegen_status>(announcement.status);
  if (unequal || all.unknown_arguments != 0) throw Disagreement(status, announcement.message);
  throw Error(status, announcement.message);
}

void Communicator::broadcast(std::string &text) const {
  const MPI_Comm node = MPI_Comm_f2c(handles_.node), leaders = MPI_Comm_f2c(handles_.leaders);
  const auto to_all = [&](char *bytes, std::size_t size) {
    if (leaders != MPI_COMM_NULL) icegen::broadcast(leaders, bytes, size, 0);
    icegen::broadcast(node, bytes, size, 0);
  };
  std::uint64_t size = text.size();
  to_all(reinterpret_cast<char *>(&size), sizeof size);
  agree([&] { text.resize(size); });
  to_all(text.data(), size);
}

void Communicator::sum(std::vector<std::int64_t> &numbers) const {
  icegen::sum(MPI_Comm_f2c(handles_.all), numbers.data(), numbers.size());
}

std::vector<int> Communicator::node_sizes() const {
  const MPI_Comm node = MPI_Comm_f2c(handles_.node), leaders = MPI_Comm_f2c(handles_.leaders);
  int nodes = 0;
  if (leaders != MPI_COMM_NULL) check(MPI_Comm_size(leaders, &nodes));
  check(MPI_Bcast(&nodes, 1, MPI_INT, 0, node));
  std::vector<int> sizes;
  agree([&] { sizes.resize(nodes); });
  if (leaders != MPI_COMM_NULL) check(MPI_Allgather(&node_size_, 1, MPI_INT, sizes.data(), 1, MPI_INT, leaders));
  check(MPI_Bcast(sizes.data(), nodes, MPI_INT, 0, node));
  return sizes;
}

}  // namespace icegen
