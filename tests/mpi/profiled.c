/* SPDX-License-Identifier: MIT */
#include "profiled.h"

#include <mpi.h>
#include <stdlib.h>

static profile counted;

profile profile_now(void) { return counted; }

int profile_node_of(int rank) {
  const char *nodes = getenv("SIMULATED_NODES");
  int ranks;
  PMPI_Comm_size(MPI_COMM_WORLD, &ranks);
  return nodes == NULL ? 0 : rank * atoi(nodes) / ranks;
}

/* Count the messages along a binomial tree from a root, `times` through it. */
static void count_tree(MPI_Comm comm, int root, int times) {
  int rank, ranks;
  PMPI_Comm_rank(comm, &rank);
  PMPI_Comm_size(comm, &ranks);
  if (rank != 0) return;
  MPI_Group group, world;
  PMPI_Comm_group(comm, &group);
  PMPI_Comm_group(MPI_COMM_WORLD, &world);
  for (int i = 1; i < ranks; ++i) {
    const int pair[2] = {(i + root) % ranks, ((i & (i - 1)) + root) % ranks}; /* a rank and its parent */
    int in_world[2];
    PMPI_Group_translate_ranks(group, 2, pair, world, in_world);
    counted.messages += times;
    if (profile_node_of(in_world[0]) != profile_node_of(in_world[1])) counted.messages_between_nodes += times;
  }
  PMPI_Group_free(&group);
  PMPI_Group_free(&world);
}

static int several(MPI_Comm comm) {
  int ranks;
  PMPI_Comm_size(comm, &ranks);
  return ranks > 1;
}

int MPI_Iallreduce(const void *mine, void *all, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request *request) {
  counted.reductions += several(comm);
  count_tree(comm, 0, 2);
  return PMPI_Iallreduce(mine, all, count, type, op, comm, request);
}

int MPI_Ibcast(void *data, int count, MPI_Datatype type, int root, MPI_Comm comm, MPI_Request *request) {
  counted.broadcasts += several(comm);
  count_tree(comm, root, 1);
  return PMPI_Ibcast(data, count, type, root, comm, request);
}

int MPI_Bcast(void *data, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  counted.broadcasts += several(comm);
  count_tree(comm, root, 1);
  return PMPI_Bcast(data, count, type, root, comm);
}

int MPI_Ibarrier(MPI_Comm comm, MPI_Request *request) {
  counted.barriers += several(comm);
  count_tree(comm, 0, 2);
  return PMPI_Ibarrier(comm, request);
}

int MPI_Allgather(const void *mine, int count, MPI_Datatype type, void *all, int counts, MPI_Datatype types,
                  MPI_Comm comm) {
  counted.others += several(comm);
  count_tree(comm, 0, 2);
  return PMPI_Allgather(mine, count, type, all, counts, types, comm);
}

/* What the bridge is not to use. */
int MPI_Scatterv(const void *all, const int *counts, const int *offsets, MPI_Datatype type, void *mine, int count,
                 MPI_Datatype types, int root, MPI_Comm comm) {
  ++counted.others;
  return PMPI_Scatterv(all, counts, offsets, type, mine, count, types, root, comm);
}
int MPI_Gatherv(const void *mine, int count, MPI_Datatype type, void *all, const int *counts, const int *offsets,
                MPI_Datatype types, int root, MPI_Comm comm) {
  ++counted.others;
  return PMPI_Gatherv(mine, count, type, all, counts, offsets, types, root, comm);
}
int MPI_Gather(const void *mine, int count, MPI_Datatype type, void *all, int counts, MPI_Datatype types, int root,
               MPI_Comm comm) {
  ++counted.others;
  return PMPI_Gather(mine, count, type, all, counts, types, root, comm);
}
int MPI_Allreduce(const void *mine, void *all, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  ++counted.others;
  return PMPI_Allreduce(mine, all, count, type, op, comm);
}
int MPI_Send(const void *data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
  ++counted.others;
  return PMPI_Send(data, count, type, to, tag, comm);
}
int MPI_Isend(const void *data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request) {
  ++counted.others;
  return PMPI_Isend(data, count, type, to, tag, comm, request);
}

int MPI_Comm_split_type(MPI_Comm comm, int split_type, int key, MPI_Info info, MPI_Comm *part) {
  if (getenv("SIMULATED_NODES") == NULL || split_type != MPI_COMM_TYPE_SHARED)
    return PMPI_Comm_split_type(comm, split_type, key, info, part);
  int rank;
  PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return PMPI_Comm_split(comm, profile_node_of(rank), key, part);
}

int MPI_Win_allocate_shared(MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *window) {
  if (getenv("WITHOUT_WINDOWS") != NULL) return MPI_ERR_NO_MEM;
  return PMPI_Win_allocate_shared(size, unit, info, comm, base, window);
}
