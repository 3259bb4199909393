/* SPDX-License-Identifier: MIT */
/*
 * MPI's profiling interface for tests. The library of profiled.c is linked into a host or preloaded (LD_PRELOAD):
 *
 * - With SIMULATED_NODES in the environment the ranks that share memory are parted into so many nodes, blocks of
 *   neighbours.
 * - With WITHOUT_WINDOWS, shared memory is refused as an MPI would refuse it.
 * - It counts the communication of all ranks, and the messages that this takes if collectives go along binomial trees.
 */
#ifndef PROFILED_H
#define PROFILED_H

typedef struct profile {
  long reductions, broadcasts, barriers; /* calls of this rank over more than one rank */
  long others;                           /* calls that should not be: other collectives, and sends */
  long messages, messages_between_nodes; /* of the trees in which this rank is the first */
} profile;

/* What was counted so far. */
profile profile_now(void);

/* The simulated node of a rank of MPI_COMM_WORLD. */
int profile_node_of(int rank);

#endif
