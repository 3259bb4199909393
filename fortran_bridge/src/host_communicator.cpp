// SPDX-License-Identifier: MIT
#include "host_communicator.h"

#include "error.h"

namespace icegen {
namespace {

#ifdef OPEN_MPI

// Open MPI looks a handle up, and finds null for an invalid one. It must not do this before MPI_Init, so a host that
// uses only sessions is refused.
bool may_be_of_a_session(int) { return false; }
bool known(MPI_Comm comm) { return comm != nullptr; }

#else

// MPICH and its relatives write the kind of an object into its handle, and whether it is predefined.
bool may_be_of_a_session(int fortran_handle) {
  constexpr unsigned kind = 0x3c000000, storage = 0xc0000000;
  const auto handle = static_cast<unsigned>(fortran_handle), world = static_cast<unsigned>(MPI_COMM_WORLD);
  return MPI_VERSION >= 4 && (handle & kind) == (world & kind) && (handle & storage) != (world & storage);
}

// A handle that was freed, or is of something else, calls the error handler of MPI_COMM_WORLD, which is the host's.
// Another handler replaces it during the check.
bool known(MPI_Comm comm) {
  int initialised = 0, size = 0;
  MPI_Initialized(&initialised);
  if (!initialised) return true;  // by sessions only, with which MPI_COMM_WORLD must not be used
  MPI_Errhandler of_host;
  MPI_Comm_get_errhandler(MPI_COMM_WORLD, &of_host);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  const bool valid = MPI_Comm_size(comm, &size) == MPI_SUCCESS;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, of_host);
  MPI_Errhandler_free(&of_host);
  return valid;
}

#endif

}  // namespace

MPI_Comm host_communicator(int fortran_handle) {
  int initialised = 0, finalised = 0;
  MPI_Initialized(&initialised);
  MPI_Finalized(&finalised);
  if (finalised || (!initialised && !may_be_of_a_session(fortran_handle)))
    fail(ICEGEN_MPI_ERROR, "MPI is not initialised; the host calls MPI_Init before it opens icegen");
  const MPI_Comm host = MPI_Comm_f2c(fortran_handle);
  if (host == MPI_COMM_NULL) fail(ICEGEN_BAD_ARGUMENT, "comm is MPI_COMM_NULL; wanted a communicator of this rank");
  if (!known(host)) fail(ICEGEN_BAD_ARGUMENT, "comm is ", fortran_handle, ", which is no communicator");
  int between_groups = 0;
  MPI_Comm_test_inter(host, &between_groups);
  if (between_groups) fail(ICEGEN_BAD_ARGUMENT, "comm is an inter-communicator; wanted an intra-communicator");
  return host;
}

}  // namespace icegen
