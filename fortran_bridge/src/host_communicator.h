// SPDX-License-Identifier: MIT
// The communicator that a host gives, checked without a call that may end the program.
#pragma once

#include <mpi.h>

namespace icegen {

// The intra-communicator behind a Fortran handle. Throws Error(ICEGEN_MPI_ERROR) if MPI is not in use, and
// Error(ICEGEN_BAD_ARGUMENT) if the handle is of no such communicator.
MPI_Comm host_communicator(int fortran_handle);

}  // namespace icegen
