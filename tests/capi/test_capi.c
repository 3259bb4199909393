/* SPDX-License-Identifier: MIT */
/* Null pointers, wrong files, single precision, who generates what when, perturbations and observations, through
 * icegen.h: test_capi FOLDER BACKEND, a folder made by tests/tiny.py and the library of fault_backend.c. */

#include <icegen.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

static void check(int fine, const char *what, const char *message) {
  if (fine) return;
  ++failures;
  fprintf(stderr, "FAILED: %s (message: %s)\n", what, message);
}

static int receive(icegen_emulator *ice, int slot, int member, char *message, size_t size) {
  double value;
  signed char valid;
  return icegen_receive_slot_f64(ice, slot, "pole", "sic", member, 1, &value, &valid, message, size);
}

/* Open an emulator of the tiny archive with the backend, every rank a generator. */
static icegen_emulator *open_with_backend(const char *folder, const char *backend, const char *name) {
  char path[1024], message[512];
  icegen_emulator *ice = NULL;
  int rank, ranks;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  snprintf(path, sizeof path, "%s/%s_%d.nml", folder, name, ranks);
  if (rank == 0) {
    FILE *file = fopen(path, "w");
    if (file == NULL) MPI_Abort(MPI_COMM_WORLD, 2);
    fprintf(file, "&icegen_nml archive = '%s/tiny.pt', generators = %d, backend = '%s' /\n", folder, ranks, backend);
    fclose(file);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  check(icegen_open(MPI_Comm_c2f(MPI_COMM_WORLD), path, &ice, message, sizeof message) == ICEGEN_SUCCESS, "open",
        message);
  return ice;
}

/* What is received next is generated next, and each request's first member falls to the generator after the last. */
static void test_order(const char *folder, const char *backend) {
  char message[512];
  int ranks, ready = -1;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  icegen_emulator *ice = open_with_backend(folder, backend, "order");
  const double lon = 0, lat = 90;
  icegen_add_target(ice, "pole", 1, &lon, &lat, message, sizeof message);

  /* On the 15th each of 3 members of a generator takes half a second; the other slot's need not wait for them all. */
  icegen_request_slot(ice, 2, 1, 3 * ranks, 2001, 15, message, sizeof message);
  icegen_request_slot(ice, 1, 1, ranks, 2001, 20, message, sizeof message);
  check(receive(ice, 1, ranks, message, sizeof message) == ICEGEN_SUCCESS, "receive from the second request", message);
  check(icegen_test(ice, 2, &ready, message, sizeof message) == ICEGEN_SUCCESS && ready == 0,
        "which passed the first one", message);

  /* On the 13th generation fails, and the message names the rank. */
  for (int i = 0; i < 2 * ranks && ranks > 1; ++i) {
    char where[32];
    snprintf(where, sizeof where, "on rank %d: ", i % ranks);
    icegen_request(ice, 1, 2001, 13, message, sizeof message);
    check(receive(ice, 1, 1, message, sizeof message) == ICEGEN_BACKEND_ERROR && strstr(message, where) == message,
          "requests of one member go round the generators", message);
  }
  check(icegen_close(&ice, message, sizeof message) == ICEGEN_SUCCESS, "close", message);
}

/* The host's own ice: what is refused, and that a refused perturbation keeps what was given. The backend's member m has
 * less of everything by m thousandths of the level. */
static void test_perturb(const char *folder, const char *backend) {
  char message[512];
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  icegen_emulator *ice = open_with_backend(folder, backend, "perturb");
  const double lon[] = {0.0, 0.0, 180.0}, lat[] = {89.0, -45.0, 88.0};
  icegen_add_target(ice, "T", 3, lon, lat, message, sizeof message);

  const double sic[] = {0.5, 0.25, 0.5}, other[] = {0.75, 0.75, 0.75}, no_points[] = {1e30, 1e30, 1e30},
               much[] = {0.5, 0.5, 1.5};
  const float sit[] = {1, 1, 1};
  const signed char none[] = {0, 0, 0}, *valid = rank == 0 ? NULL : none; /* the first rank gives all points */
  check(icegen_give_f64(NULL, "T", "sic", 3, sic, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "closed",
        message);
  check(icegen_perturb(NULL, 1, 1, 1, 0.5, 2001, 60, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "closed",
        message);
  check(icegen_perturb(ice, 1, 1, 1, 0.5, 2001, 60, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "no field was given") != NULL,
        "nothing given", message);
  check(icegen_give_f64(ice, NULL, "sic", 3, sic, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null target",
        message);
  check(icegen_give_f64(ice, "T", NULL, 3, sic, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null variable",
        message);
  check(icegen_give_f64(ice, "T", "sic", 3, NULL, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null values",
        message);
  check(icegen_give_f32(ice, "T", "sic", 2, sit, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "has 3 points here; the arrays hold 2") != NULL,
        "wrong n", message);
  check(icegen_give_f64(ice, "T", "sic", 3, much, NULL, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "sic of point 3 is 1.5; wanted 0 to 1") != NULL,
        "out of bounds", message);
  check(icegen_give_f64(ice, "T", "sic", 3, rank == 0 ? sic : no_points, valid, message, sizeof message) ==
            ICEGEN_SUCCESS,
        "give, and values that are left out may be anything", message);
  check(icegen_give_f64(ice, "T", "sic", 3, sic, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "sic was given already") != NULL,
        "given twice", message);
  check(icegen_give_f32(ice, "T", "sit", 3, sit, valid, message, sizeof message) == ICEGEN_SUCCESS, "give in float",
        message);
  check(icegen_perturb(ice, 1, 1, 1, 1.5, 2001, 60, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "level is 1.5; wanted 0 to 1") != NULL,
        "level", message);
  check(icegen_perturb(ice, 1, 1, 1, 0.5, 1800, 60, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "year", message);
  check(icegen_perturb(ice, 1, 1, 3, 0.5, 2001, 60, message, sizeof message) == ICEGEN_SUCCESS,
        "what was given is still there", message);
  check(icegen_perturb(ice, 2, 1, 3, 0.5, 2001, 60, message, sizeof message) == ICEGEN_BAD_ARGUMENT,
        "a perturbation takes what was given", message);

  double given[3] = {-1, -1, -1}, perturbed[3], increment[3], thickness[3];
  signed char there[3];
  const int received =
      icegen_receive_f64(ice, "T", "sic", 0, 3, given, there, message, sizeof message) |
      icegen_receive_f64(ice, "T", "sic", 2, 3, perturbed, there, message, sizeof message) |
      icegen_receive_f64(ice, "T", "sic_increment", 2, 3, increment, there, message, sizeof message) |
      icegen_receive_f64(ice, "T", "sit_ice_increment", 2, 3, thickness, there, message, sizeof message);
  check(received == ICEGEN_SUCCESS, "receive", message);
  check(given[0] == 0.5 && given[1] == -1 && given[2] == 0.5, "member 0 is the given state", message);
  check(perturbed[0] == (double)(float)(0.999 * 0.5), "a member of the backend", message);
  check(increment[0] == perturbed[0] - given[0] && increment[2] == perturbed[2] - given[2], "the difference", message);
  check(thickness[0] > -1e-6 && thickness[0] < 1e-6, "of a field derived from two", message);
  check(icegen_receive_f64(ice, "T", "sic", 4, 3, given, there, message, sizeof message) == ICEGEN_BAD_ARGUMENT,
        "a member that was not requested", message);

  /* On the 15th each member takes half a second. The same ice again is not generated again, other ice is. */
  int ready = -1;
  for (int again = 0; again < 3; ++again) {
    icegen_give_f64(ice, "T", "sic", 3, again == 2 ? other : sic, valid, message, sizeof message);
    icegen_give_f32(ice, "T", "sit", 3, sit, valid, message, sizeof message);
    check(icegen_perturb(ice, 1, 1, 1, 0.5, 2001, 15, message, sizeof message) == ICEGEN_SUCCESS, "perturb", message);
    check(icegen_test(ice, 1, &ready, message, sizeof message) == ICEGEN_SUCCESS && ready == (again == 1),
          "the same perturbation is not generated again", message);
    check(icegen_receive_f64(ice, "T", "sic", 1, 3, perturbed, there, message, sizeof message) == ICEGEN_SUCCESS &&
              icegen_receive_f64(ice, "T", "sic", 0, 3, given, there, message, sizeof message) == ICEGEN_SUCCESS,
          "receive", message);
  }
  check(given[0] == 0.75, "other ice", message);
  icegen_give_f64(ice, "T", "sic", 3, sic, valid, message, sizeof message);
  icegen_perturb(ice, 1, 1, 1, 0.5, 2001, 13, message, sizeof message);
  check(icegen_receive_f64(ice, "T", "sic_increment", 1, 3, increment, there, message, sizeof message) ==
            ICEGEN_BACKEND_ERROR,
        "a perturbation that fails", message);

  icegen_request(ice, 1, 2001, 60, message, sizeof message);
  check(icegen_receive_f64(ice, "T", "sic_increment", 1, 3, given, there, message, sizeof message) ==
                ICEGEN_BAD_ARGUMENT &&
            strstr(message, "sic_increment is known after perturb") != NULL,
        "increments of a request", message);
  check(icegen_receive_f64(ice, "T", "sic", 0, 3, given, there, message, sizeof message) == ICEGEN_BAD_ARGUMENT,
        "member 0 of a request", message);
  check(icegen_close(&ice, message, sizeof message) == ICEGEN_SUCCESS, "close", message);
}

/* So many observations in all that their sums could leave 64 bits. Those that are left out do not count. */
static void test_most_observations(icegen_emulator *ice, const signed char *valid) {
  const int half = 500001;
  char message[512];
  double *lon = malloc(half * sizeof *lon), *lat = malloc(half * sizeof *lat), *error = malloc(half * sizeof *error);
  signed char *none = calloc(half, 1);
  for (int i = 0; i < half; ++i) lon[i] = 0, lat[i] = 1, error[i] = 0.001;
  icegen_add_target(ice, "most", half, lon, lon, message, sizeof message); /* the equator is not on the grid */
  check(icegen_observe_f64(ice, "most", "sic", half, lat, error, valid == NULL ? NULL : none, message,
                           sizeof message) == ICEGEN_SUCCESS,
        "observations elsewhere do not count", message);
  icegen_remove_target(ice, "most", message, sizeof message);
  for (int i = 0; i < half; ++i) lat[i] = 89;
  icegen_add_target(ice, "most", half, lon, lat, message, sizeof message);
  for (int i = 0; i < half; ++i) lat[i] = 1;
  for (int again = 0; again < 2; ++again) {
    const int status =
        icegen_observe_f64(ice, "most", "sic", half, lat, error, valid == NULL ? NULL : none, message, sizeof message);
    check(again ? status == ICEGEN_BAD_ARGUMENT &&
                      strstr(message, "there are 1000002 observations since the last analysis; wanted at most 1000000")
                : status == ICEGEN_SUCCESS,
          "the most observations", message);
  }
  free(lon), free(lat), free(error), free(none);
}

/* Observations: what is refused, and that a refused analysis keeps them. The backend's member m is the mean of all
 * observations less m thousandths of it. */
static void test_observe(const char *folder, const char *backend) {
  char message[512];
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  icegen_emulator *ice = open_with_backend(folder, backend, "observe");
  const double lon[] = {0.0, 0.0, 180.0}, lat[] = {90.0, -45.0, 80.0};
  icegen_add_target(ice, "T", 3, lon, lat, message, sizeof message);

  const double sic[] = {0.5, 0.5, 0.5}, errors[] = {0.5, 0.5, 0.5}, no_points[] = {1e30, -1e30, 0};
  const float single[] = {1, 1, 1}, sure[] = {0.25F, 0.25F, 0.25F};
  const signed char none[] = {0, 0, 0}, outside[] = {0, 1, 0};
  const signed char *valid = rank == 0 ? NULL : none; /* the first rank has all observations */
  check(icegen_observe_f64(NULL, "T", "sic", 3, sic, errors, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT,
        "closed", message);
  check(icegen_analyse(NULL, 1, 1, 1, 2001, 60, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "closed", message);
  check(icegen_analyse(ice, 1, 1, 1, 2001, 60, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "the archive's ocean was not observed since the last analysis") != NULL,
        "nothing observed", message);
  const struct {
    const char *target, *variable;
    int n;
    double value, error;
    const char *words;
  } refused[] = {{NULL, "sic", 3, 0.5, 0.5, "target is a null pointer"},
                 {"T", NULL, 3, 0.5, 0.5, "variable is a null pointer"},
                 {"U", "sic", 3, 0.5, 0.5, "unknown target 'U'"},
                 {"T", "sic", 2, 0.5, 0.5, "target 'T' has 3 points here; the arrays hold 2"},
                 {"T", "sit_ice", 3, 0.5, 0.5, "variable 'sit_ice' cannot be observed; wanted one of sic, sit"},
                 {"T", "sic", 3, 1.5, 0.5, "sic of point 3 is 1.5; wanted 0 to 1"},
                 {"T", "sic", 3, -0.01, 0.5, "sic of point 3 is -0.01; wanted 0 to 1"},
                 {"T", "sit", 3, 101, 0.5, "sit of point 3 is 101; wanted 0 to "},
                 {"T", "sic", 3, 0.0 / 0.0, 0.5, "nan; wanted 0 to 1"},
                 {"T", "sic", 3, 0.5, 0, "the error of sic of point 3 is 0; wanted 0.001 to 10"},
                 {"T", "sic", 3, 0.5, -1, "the error of sic of point 3 is -1; wanted 0.001 to 10"},
                 {"T", "sic", 3, 0.5, 10.5, "the error of sic of point 3 is 10.5; wanted 0.001 to 10"},
                 {"T", "sic", 3, 0.5, 0.0 / 0.0, "nan; wanted 0.001 to 10"}};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; ++i) {
    const double values[] = {0.5, 0.5, refused[i].value}, deviations[] = {0.5, 0.5, refused[i].error};
    check(icegen_observe_f64(ice, refused[i].target, refused[i].variable, refused[i].n, values, deviations, NULL,
                             message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
              strstr(message, refused[i].words) != NULL,
          refused[i].words, message);
  }
  check(icegen_observe_f64(ice, "T", "sic", 3, NULL, errors, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "values is a null pointer") != NULL,
        "null values", message);
  check(icegen_observe_f32(ice, "T", "sic", 3, single, NULL, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "errors is a null pointer") != NULL,
        "null errors", message);
  check(icegen_observe_f64(ice, "T", "sic", 3, no_points, no_points, none, message, sizeof message) == ICEGEN_SUCCESS &&
            icegen_observe_f64(ice, "T", "sic", 3, sic, errors, outside, message, sizeof message) == ICEGEN_SUCCESS &&
            icegen_analyse(ice, 1, 1, 1, 2001, 60, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "the archive's ocean was not observed since the last analysis") != NULL,
        "observations that are left out, and outside the archive's ocean", message);

  /* Two of precision 4, and two of precision 16. */
  check(icegen_observe_f64(ice, "T", "sic", 3, sic, errors, valid, message, sizeof message) == ICEGEN_SUCCESS &&
            icegen_observe_f32(ice, "T", "sic", 3, single, sure, valid, message, sizeof message) == ICEGEN_SUCCESS,
        "observe", message);
  check(icegen_analyse(ice, 1, 1, 1, 1800, 60, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "year", message);
  double received[3] = {-1, -1, -1};
  signed char there[3];
  check(icegen_receive_f64(ice, "T", "sic", 1, 3, received, there, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "slot 1 is empty") != NULL,
        "a refused analysis leaves its slot empty", message);
  check(icegen_analyse(ice, 1, 1, 3, 2001, 60, message, sizeof message) == ICEGEN_SUCCESS,
        "what was observed is still there", message);
  check(icegen_analyse(ice, 2, 1, 3, 2001, 60, message, sizeof message) == ICEGEN_BAD_ARGUMENT,
        "an analysis takes what was observed", message);
  check(icegen_receive_f64(ice, "T", "sic", 2, 3, received, there, message, sizeof message) == ICEGEN_SUCCESS &&
            received[0] == (double)(float)(0.998 * 0.9) && received[1] == -1 && received[2] == received[0],
        "the mean, weighted by precision", message);
  check(icegen_receive_f64(ice, "T", "sic", 0, 3, received, there, message, sizeof message) == ICEGEN_BAD_ARGUMENT &&
            strstr(message, "member is 0; the request was for 1 to 3") != NULL,
        "an analysis has no member 0", message);
  check(icegen_receive_f64(ice, "T", "sic_increment", 1, 3, received, there, message, sizeof message) ==
                ICEGEN_BAD_ARGUMENT &&
            strstr(message, "sic_increment is known after perturb; slot 1 holds a request") != NULL,
        "an analysis has no increments", message);

  /* On the 15th each member takes half a second. The same observations again are not generated again, others are. */
  int ready = -1;
  for (int again = 0; again < 3; ++again) {
    icegen_observe_f64(ice, "T", "sic", 3, sic, errors, valid, message, sizeof message);
    if (again == 2) icegen_observe_f32(ice, "T", "sit", 3, single, sure, valid, message, sizeof message);
    check(icegen_analyse(ice, 1, 1, 1, 2001, 15, message, sizeof message) == ICEGEN_SUCCESS, "analyse", message);
    check(icegen_test(ice, 1, &ready, message, sizeof message) == ICEGEN_SUCCESS && ready == (again == 1),
          "the same analysis is not generated again", message);
    check(icegen_receive_f64(ice, "T", "sic", 1, 3, received, there, message, sizeof message) == ICEGEN_SUCCESS,
          "receive", message);
  }
  icegen_observe_f64(ice, "T", "sic", 3, sic, errors, valid, message, sizeof message);
  icegen_analyse(ice, 1, 1, 1, 2001, 13, message, sizeof message);
  check(icegen_receive_f64(ice, "T", "sic", 1, 3, received, there, message, sizeof message) == ICEGEN_BACKEND_ERROR,
        "an analysis that fails", message);
  test_most_observations(ice, valid);
  check(icegen_close(&ice, message, sizeof message) == ICEGEN_SUCCESS, "close", message);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  if (argc != 3) return 2;
  const int world = MPI_Comm_c2f(MPI_COMM_WORLD);
  char message[512] = "", path[1024], tiny[8];
  icegen_emulator *ice = NULL;

  check(strlen(icegen_version()) >= 5, "version", "");
  check(icegen_open(world, NULL, &ice, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null namelist", message);
  check(icegen_open(world, "x.nml", NULL, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null handle", message);
  check(icegen_open(world, "x.nml", &ice, NULL, 0) == ICEGEN_BAD_NAMELIST && ice == NULL, "no namelist file", "");
  check(icegen_open(world, "x.nml", &ice, tiny, sizeof tiny) == ICEGEN_BAD_NAMELIST && strlen(tiny) == 7,
        "message cut to its buffer", tiny);
  check(icegen_request(NULL, 1, 2001, 1, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "closed", message);
  check(icegen_close(&ice, message, sizeof message) == ICEGEN_SUCCESS, "close a null handle", message);

  snprintf(path, sizeof path, "%s/icegen.nml", argv[1]);
  check(icegen_open(world, path, &ice, message, sizeof message) == ICEGEN_SUCCESS, "open", message);
  const double lon[] = {0.0, 0.0, 180.0}, lat[] = {89.0, -45.0, 88.0};
  check(icegen_add_target(ice, "T", 3, NULL, lat, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null lon", message);
  check(icegen_add_target(ice, NULL, 3, lon, lat, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "no name", message);
  check(icegen_add_target(ice, "T", -3, lon, lat, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "n < 0", message);
  check(icegen_add_target(ice, "T", 3, lon, lat, message, sizeof message) == ICEGEN_SUCCESS, "target", message);
  check(icegen_request(ice, 2, 2001, 60, message, sizeof message) == ICEGEN_SUCCESS, "request", message);

  double values[3] = {-1, -1, -1};
  float singles[3] = {-1, -1, -1};
  signed char valid[3];
  check(icegen_receive_f64(ice, "T", "sic", 2, 3, NULL, valid, message, sizeof message) == ICEGEN_BAD_ARGUMENT,
        "null values", message);
  check(icegen_receive_f64(ice, "T", "sic", 2, 3, values, valid, message, sizeof message) == ICEGEN_SUCCESS &&
            icegen_receive_f32(ice, "T", "sic", 2, 3, singles, valid, message, sizeof message) == ICEGEN_SUCCESS,
        "receive", message);
  check(valid[0] == 1 && valid[1] == 0 && valid[2] == 1, "valid in the Arctic alone", message);
  check(values[0] >= 0 && values[0] <= 1 && values[1] == -1, "within bounds, untouched where not valid", message);
  check((double)singles[0] == values[0] && (double)singles[2] == values[2], "real32 and real64 agree", message);
  const int cells[3] = {1, 2, 3};
  check(icegen_add_target_by(ice, "R", 3, lon, lat, NULL, "nearest", 0, message, sizeof message) == ICEGEN_BAD_ARGUMENT,
        "null units", message);
  check(icegen_add_target_by(ice, "R", 3, lon, lat, "degrees", NULL, 0, message, sizeof message) == ICEGEN_BAD_ARGUMENT,
        "null method", message);
  check(icegen_add_target_weights(ice, "R", 3, lon, lat, "degrees", NULL, cells, message, sizeof message) ==
            ICEGEN_BAD_ARGUMENT,
        "null weights", message);
  check(icegen_add_target_weights(ice, "R", 3, lon, lat, "degrees", "w.nc", NULL, message, sizeof message) ==
            ICEGEN_BAD_ARGUMENT,
        "null cells", message);
  check(icegen_add_target_by(ice, "R", 3, lon, lat, "degrees", "nearest", 0, message, sizeof message) == ICEGEN_SUCCESS,
        "target by another method", message);

  check(icegen_remove_target(ice, NULL, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "remove no name", message);
  check(icegen_remove_target(ice, "S", message, sizeof message) == ICEGEN_BAD_ARGUMENT, "remove what is not", message);
  check(icegen_remove_target(ice, "R", message, sizeof message) == ICEGEN_SUCCESS, "remove_target", message);

  char state[ICEGEN_STATE_SIZE];
  check(icegen_get_state(ice, NULL, sizeof state, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null", message);
  check(icegen_get_state(ice, state, 20, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "small state", message);
  check(icegen_get_state(ice, state, sizeof state, message, sizeof message) == ICEGEN_SUCCESS, "get_state", message);
  check(icegen_set_state(ice, NULL, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null state", message);
  check(icegen_set_state(ice, state, message, sizeof message) == ICEGEN_SUCCESS, "set_state", message);

  const double area[] = {0.9}, volume[] = {1.8}, bounds[] = {0, 1, 3};
  double aicen[2], vicen[2];
  check(icegen_fill_categories_f64(1, area, volume, 2, NULL, aicen, vicen, message, sizeof message) ==
            ICEGEN_BAD_ARGUMENT,
        "null bounds", message);
  check(
      icegen_fill_categories_f64(1, area, volume, 2, bounds, aicen, vicen, message, sizeof message) == ICEGEN_SUCCESS &&
          aicen[0] > 0 && aicen[1] > aicen[0] && vicen[1] > vicen[0],
      "categories", message);

  int ready = -1;
  check(icegen_request_slot(ice, 5, 2, 1, 2001, 60, message, sizeof message) == ICEGEN_SUCCESS, "slot 5", message);
  check(icegen_test(ice, 5, NULL, message, sizeof message) == ICEGEN_BAD_ARGUMENT, "null ready", message);
  check(icegen_test(ice, 5, &ready, message, sizeof message) == ICEGEN_SUCCESS && (ready == 0 || ready == 1), "test",
        message);
  double again[3] = {-1, -1, -1};
  check(
      icegen_receive_slot_f64(ice, 5, "T", "sic", 2, 3, again, valid, message, sizeof message) == ICEGEN_SUCCESS &&
          icegen_receive_slot_f32(ice, 5, "T", "sic", 2, 3, singles, valid, message, sizeof message) == ICEGEN_SUCCESS,
      "receive from a slot", message);
  check(again[0] == values[0] && (double)singles[2] == values[2], "a member alone has its own bits", message);
  check(icegen_test(ice, 5, &ready, message, sizeof message) == ICEGEN_SUCCESS && ready == 1, "ready", message);
  check(icegen_close(&ice, message, sizeof message) == ICEGEN_SUCCESS && ice == NULL, "close", message);

  test_order(argv[1], argv[2]);
  test_perturb(argv[1], argv[2]);
  test_observe(argv[1], argv[2]);
  MPI_Finalize();
  printf("%s\n", failures == 0 ? "all checks passed" : "some checks failed");
  return failures != 0;
}
