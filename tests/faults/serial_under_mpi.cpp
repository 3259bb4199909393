// SPDX-License-Identifier: MIT
// The communicator of a build without MPI, in a host that runs under MPI: told on more ranks than one.

#include "communicator.h"
#include "host.h"

int main(int argc, char **argv) {
  const auto opened = [] { icegen::Communicator communicator(0); };
  check(icegen::outcome_of(opened).status == ICEGEN_SUCCESS, "before MPI_Init");
  host_begin(&argc, &argv);
  const icegen::Error outcome = icegen::outcome_of(opened);
  const std::string wanted =
      ranks == 1 ? "" : "the host runs on " + std::to_string(ranks) + " ranks of MPI; this icegen is built without MPI";
  snprintf(message, sizeof message, "%.500s", outcome.what());
  check(message == wanted && (outcome.status == ICEGEN_MPI_ERROR) == (ranks > 1), "under MPI");
  return host_end();
}
