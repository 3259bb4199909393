// SPDX-License-Identifier: MIT
#include "mpi_calls.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "error.h"

namespace icegen {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 30;  // MPI counts in int

}  // namespace

void check(int code) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail(ICEGEN_MPI_ERROR, "MPI: ", std::string(text, length));
}

bool mpi_finalised() {
  int finalised = 0;
  MPI_Finalized(&finalised);
  return finalised != 0;
}

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

void barrier(MPI_Comm comm) {
  MPI_Request request;
  check(MPI_Ibarrier(comm, &request));
  wait(request);
}

void broadcast(MPI_Comm comm, char *bytes, std::size_t size, int root) {
  for (std::size_t sent = 0; sent < size; sent += kPiece) {
    MPI_Request request;
    check(MPI_Ibcast(bytes + sent, static_cast<int>(std::min(kPiece, size - sent)), MPI_BYTE, root, comm, &request));
    wait(request);
  }
}

void sum(MPI_Comm comm, std::int64_t *numbers, std::size_t count) {
  for (std::size_t done = 0; done < count; done += kPiece) {
    MPI_Request request;
    check(MPI_Iallreduce(MPI_IN_PLACE, numbers + done, static_cast<int>(std::min(kPiece, count - done)), MPI_INT64_T,
                         MPI_SUM, comm, &request));
    wait(request);
  }
}

}  // namespace icegen
