/* SPDX-License-Identifier: MIT */
/* A host that uses MPI through a session alone (MPI 4), and never calls MPI_Init: sessions FOLDER BACKEND. */

#include "host.h"

#if defined(ICEGEN_TEST_MPI) && MPI_VERSION >= 4 && !defined(OPEN_MPI)
int main(int argc, char **argv) {
  if (argc != 3) return 2;
  MPI_Session session;
  MPI_Group group;
  MPI_Comm comm;
  icegen_emulator *ice = NULL;
  double value = 0;
  signed char valid = 0;
  const double lon = 0, lat = 90;
  char path[1024];

  /* Before the session, no integer is taken for a communicator. */
  const int no_communicators[] = {0, 1, 42, (int)MPI_Comm_c2f(MPI_COMM_WORLD)};
  for (int i = 0; i < 4; ++i)
    check(icegen_open(no_communicators[i], "x.nml", &ice, message, sizeof message) == ICEGEN_MPI_ERROR, "no MPI");

  MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &session);
  MPI_Group_from_session_pset(session, "mpi://WORLD", &group);
  MPI_Comm_create_from_group(group, "icegen", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm);
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  snprintf(path, sizeof path, "%s/sessions_%d.nml", argv[1], ranks);
  if (rank == 0) {
    FILE *file = fopen(path, "w");
    if (file == NULL) return 2;
    fprintf(file, "&icegen_nml archive = '%s/tiny.pt', generators = 2, backend = '%s' /\n", argv[1], argv[2]);
    fclose(file);
  }
#define CALL(call, what) check((call) == ICEGEN_SUCCESS, what)
  CALL(icegen_open((int)MPI_Comm_c2f(comm), path, &ice, message, sizeof message), "open");
  CALL(icegen_add_target(ice, "pole", 1, &lon, &lat, message, sizeof message), "target");
  CALL(icegen_request(ice, 2, 2001, 20, message, sizeof message), "request");
  CALL(icegen_receive_f64(ice, "pole", "sic", 2, 1, &value, &valid, message, sizeof message), "receive");
  check(valid && value > 0, "its value");
  CALL(icegen_close(&ice, message, sizeof message), "close");
  MPI_Group_free(&group);
  MPI_Comm_free(&comm);
  MPI_Session_finalize(&session);
  return failures != 0;
}
#else
int main(void) { return 77; /* skipped */ }
#endif
