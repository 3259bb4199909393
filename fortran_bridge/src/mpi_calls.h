// SPDX-License-Identifier: MIT
// Help for MPI calls: they throw their errors, and a rank that waits does not occupy a core.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>

namespace icegen {

// Throws Error(ICEGEN_MPI_ERROR) if an MPI call did not return MPI_SUCCESS.
void check(int code);

// Whether the host has called MPI_Finalize.
bool mpi_finalised();

// Wait for a request without keeping a core busy: a rank that waits for a sample leaves its core to the thread that
// generates it.
void wait(MPI_Request &request);

// Collective over `comm`.
void barrier(MPI_Comm comm);
void broadcast(MPI_Comm comm, char *bytes, std::size_t size, int root);
void sum(MPI_Comm comm, std::int64_t *numbers, std::size_t count);  // in place

}  // namespace icegen
