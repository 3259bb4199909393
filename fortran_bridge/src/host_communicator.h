// SPDX-License-Identifier: MIT
// The communicator that a host passes. The checks make no call that may end the program.
#pragma once

#include <mpi.h>

namespace icegen {

// The intra-communicator behind a Fortran handle. Throws Error(ICEGEN_MPI_ERROR) if MPI is not in use, and
// Error(ICEGEN_BAD_ARGUMENT) if it is the handle of something else.
MPI_Comm host_communicator(int fortran_handle);

}  // namespace icegen
