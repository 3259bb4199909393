/* SPDX-License-Identifier: MIT */
/* To be preloaded (LD_PRELOAD) into a host, through MPI's profiling interface: SIMULATED_NODES parts the ranks that
 * share memory into so many nodes, blocks of neighbours; WITHOUT_WINDOWS refuses shared memory as an MPI would. */

#include <mpi.h>
#include <stdlib.h>

int MPI_Comm_split_type(MPI_Comm comm, int split_type, int key, MPI_Info info, MPI_Comm *part) {
  const char *nodes = getenv("SIMULATED_NODES");
  if (nodes == NULL || split_type != MPI_COMM_TYPE_SHARED) return PMPI_Comm_split_type(comm, split_type, key, info, part);
  int rank, ranks;
  PMPI_Comm_rank(comm, &rank);
  PMPI_Comm_size(comm, &ranks);
  return PMPI_Comm_split(comm, rank * atoi(nodes) / ranks, key, part);
}

int MPI_Win_allocate_shared(MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *window) {
  if (getenv("WITHOUT_WINDOWS") != NULL) return MPI_ERR_NO_MEM;
  return PMPI_Win_allocate_shared(size, unit, info, comm, base, window);
}
