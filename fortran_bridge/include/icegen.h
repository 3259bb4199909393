/* SPDX-License-Identifier: MIT */
/*
 * icegen: generated Arctic sea ice for Earth-system models. The C interface, which Fortran and Python call too.
 *
 * - Every function but icegen_version, icegen_get_placement and icegen_fill_categories_* is collective over the
 *   communicator of icegen_open: all its ranks call the same functions in the same order.
 *   MPI is called only from the caller's thread.
 * - Every function but icegen_version returns a status, which is the same on all ranks.
 *   On failure it fills `message` with at most `message_size` bytes, including the closing zero.
 *   Pass NULL and 0 if you do not need the message.
 * - A failed call does not change the emulator, except that a failed request leaves its slot empty.
 * - A handle that is NULL or closed has no communicator, so only the ranks that pass it get the error.
 *   If it is NULL, the message says why icegen_open failed.
 * - The library never prints, stops the program, installs signal handlers, calls MPI_Init or MPI_Finalize, or
 *   communicates over MPI_COMM_WORLD.
 * - The floating-point environment of the caller is the same after each call.
 */
#ifndef ICEGEN_H
#define ICEGEN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define ICEGEN_API __attribute__((visibility("default")))
#else
#define ICEGEN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum icegen_status {
  ICEGEN_SUCCESS = 0,
  ICEGEN_BAD_ARGUMENT = 1,  /* an argument of this call */
  ICEGEN_BAD_NAMELIST = 2,  /* the namelist file */
  ICEGEN_BAD_ARCHIVE = 3,   /* the archive: missing, damaged, of another contract */
  ICEGEN_BACKEND_ERROR = 4, /* loading or running the model */
  ICEGEN_MPI_ERROR = 5,
  ICEGEN_OUT_OF_MEMORY = 6,
  ICEGEN_INTERNAL_ERROR = 7
} icegen_status;

typedef struct icegen_emulator icegen_emulator;

/* The version of the library, as "1.2.3". Not collective. */
ICEGEN_API const char *icegen_version(void);

/*
 * Open an emulator.
 * comm: Fortran handle of an intra-communicator (MPI_Comm_c2f); it is duplicated. Any integer in a build without MPI.
 * namelist: path of a text file with the group &icegen_nml. Only the first rank reads it.
 * emulator: receives the handle, or NULL on failure. The call is refused if it holds an open handle, which stays open.
 */
ICEGEN_API int icegen_open(int comm, const char *namelist, icegen_emulator **emulator, char *message,
                           size_t message_size);

/*
 * Name a set of points at which this rank wants fields. Call it once for each set, not for each request.
 * A point may occur more than once, as in halos, and on more than one rank.
 * A point that the archive's ocean does not reach is not valid; this is no error.
 * n: number of points of this rank; it may be 0.
 * lon, lat [n]: degrees. Longitudes may be in any convention between -1080 and 1080.
 *
 * icegen_add_target interpolates bilinearly between the centres of ocean cells.
 * A point is valid if ocean cells have at least half of the weight.
 *
 * icegen_add_target_by has a choice of units and method.
 * units: of lon and lat, "degrees" or "radians".
 * method: "bilinear", or "nearest", which takes the cell that contains the point if this cell is ocean.
 * distance: in km. A point that is not valid by the method takes the nearest ocean cell within this distance.
 *
 * icegen_add_target_weights applies the weights of a file unchanged, so it is conservative if they are.
 * A point is valid if an ocean cell has a weight.
 * weights: path of a NetCDF file of weights from the archive's grid to the host's, in the SCRIP convention
 * (cdo gencon) or with ESMF's names for the same variables. Only the first rank reads it.
 * cells [n]: the number of each point among the file's target cells, from 1. A point with 0 is not valid.
 */
ICEGEN_API int icegen_add_target(icegen_emulator *emulator, const char *target, int64_t n, const double *lon,
                                 const double *lat, char *message, size_t message_size);
ICEGEN_API int icegen_add_target_by(icegen_emulator *emulator, const char *target, int64_t n, const double *lon,
                                    const double *lat, const char *units, const char *method, double distance,
                                    char *message, size_t message_size);
ICEGEN_API int icegen_add_target_weights(icegen_emulator *emulator, const char *target, int64_t n, const double *lon,
                                         const double *lat, const char *units, const char *weights, const int *cells,
                                         char *message, size_t message_size);

/* Remove a set of points and free its memory. Its name can be given to another set. */
ICEGEN_API int icegen_remove_target(icegen_emulator *emulator, const char *target, char *message, size_t message_size);

/*
 * Request a sample of `members` members at a date. Returns at once; the members are generated while the caller goes on.
 * year, day_of_year: date in the host's calendar. The year is 1 to 9999, the day 1 to the length of the year.
 * first_member: number of the first member, at least 1.
 * slot: a number from 1, by which the caller distinguishes its requests.
 *
 * These keys of the namelist say what the date means:
 *
 * - history = 'continuous' (default for archives of contract 2): a member's states on different dates are correlated as
 *   in nature. Their noise is a function of time, counted in days of the calendar.
 *   'independent' (the only choice for contract 1): each date is a draw of its own.
 * - years = 'given' (default): a year outside the archive's range is refused. 'held': the sample is conditioned on the
 *   first or last year of the range instead. '2007': all dates are conditioned on this year.
 *   The noise is that of the given year in all cases.
 * - calendar = 'standard' (proleptic Gregorian, default), '365_day', '360_day' or '366_day'. Samples are conditioned
 *   on day floor((day_of_year - 1/2) 365.25 / length) + 1 of the standard year, with the length of the host's year in
 *   days.
 * - condition = 'none', or an archive without condition: only the noise depends on the date.
 *   With contract 1, nothing depends on it.
 *
 * Each slot holds one request. A new request replaces the previous one of its slot, and cancels those of its members
 * that have not started.
 * If members, date and state (see icegen_get_state) are those of the previous request, nothing is generated again, so
 * a caller may request in each of its steps.
 * A refused request leaves the slot empty, unless the ranks call with different arguments.
 * With two slots, a caller can request the next month in one while it receives this month from the other.
 * icegen_request uses slot 1 and starts with member 1.
 */
ICEGEN_API int icegen_request(icegen_emulator *emulator, int members, int year, int day_of_year, char *message,
                              size_t message_size);
ICEGEN_API int icegen_request_slot(icegen_emulator *emulator, int slot, int first_member, int members, int year,
                                   int day_of_year, char *message, size_t message_size);

/*
 * Give the host's own ice, near which icegen_perturb generates states.
 * A cell of the archive's grid takes the mean of the points that are interpolated from it, weighted as there, with
 * weights from 0 to 1. Cells that no point reaches, and variables that are not given, take what the archive tells from
 * the date and from the cells around. The sums do not depend on the host's decomposition. target: a set of points, as
 * given to icegen_add_target. variable: id of a variable of the archive, such as "sic" or "sit". Each variable is given
 * once for a perturbation. n: number of points, as given for the target. values [n]: in the archive's units, finite and
 * within its bounds. valid [n]: 0 where a point is left out, such as a halo's or one on land; all ranks together give
 * each point once. NULL: no point is left out.
 */
ICEGEN_API int icegen_give_f64(icegen_emulator *emulator, const char *target, const char *variable, int64_t n,
                               const double *values, const signed char *valid, char *message, size_t message_size);
ICEGEN_API int icegen_give_f32(icegen_emulator *emulator, const char *target, const char *variable, int64_t n,
                               const float *values, const signed char *valid, char *message, size_t message_size);

/*
 * Request states near the ice that was given since the last perturbation: in the latent space, its departure from the
 * mean of the date is mixed with that of a sample.
 * level: 0 to 1, the spread of the members over that of icegen_request_slot's. 0 gives the given state.
 * The other arguments, and what is done with slots, are as for icegen_request_slot. It needs an archive of contract 2.
 *
 * Member 0 is the given state as the archive's grid has it, completed and made consistent.
 * A name with "_increment", such as "sic_increment", is the difference of a field to that of member 0: what a host adds
 * to its own ice, and so keeps its own fine scales.
 */
ICEGEN_API int icegen_perturb(icegen_emulator *emulator, int slot, int first_member, int members, double level,
                              int year, int day_of_year, char *message, size_t message_size);

/*
 * Pass observations, with which the members of icegen_analyse agree.
 * A cell of the archive's grid takes the mean of the observations at the points that are interpolated from it. An
 * observation's weight is that of the interpolation, from 0 to 1, divided by the square of its error. Calls for other
 * targets, other variables, or the same again, add to what was observed since the last analysis. The sums do not depend
 * on the host's decomposition, nor on the order of the calls. All ranks together pass at most 1000000 observations for
 * an analysis.
 * target: a set of points, as given to icegen_add_target. Observations outside the archive's ocean do not count.
 * variable: id of a variable of the archive, such as "sic" or "sit". Drift is observed as "siu_east" and "siv_north",
 *   both at the same points with the same errors.
 * n: number of points, as given for the target.
 * values [n]: in the archive's units, finite, within its bounds, and at most 100 in size.
 * errors [n]: the standard deviation of each value's error, 0.001 to 10 in the same unit.
 * valid [n]: 0 where a point is left out; all ranks together pass each observation once. NULL: no point is left out.
 */
ICEGEN_API int icegen_observe_f64(icegen_emulator *emulator, const char *target, const char *variable, int64_t n,
                                  const double *values, const double *errors, const signed char *valid, char *message,
                                  size_t message_size);
ICEGEN_API int icegen_observe_f32(icegen_emulator *emulator, const char *target, const char *variable, int64_t n,
                                  const float *values, const float *errors, const signed char *valid, char *message,
                                  size_t message_size);

/*
 * Request a sample whose members agree with what was observed since the last analysis, within its errors. Each is the
 * member of icegen_request_slot, changed by an analysis with the covariance of the archive's climate, for which errors
 * of its observations are drawn. A request that succeeds takes the observations.
 *
 * The arguments, and what is done with slots, are as for icegen_request_slot. It needs an archive that takes
 * observations. There is no member 0, and no name with "_increment".
 */
ICEGEN_API int icegen_analyse(icegen_emulator *emulator, int slot, int first_member, int members, int year,
                              int day_of_year, char *message, size_t message_size);

/*
 * Test whether the request in a slot is complete, without waiting for it.
 * ready: 1 or 0, the same on all ranks.
 */
ICEGEN_API int icegen_test(icegen_emulator *emulator, int slot, int *ready, char *message, size_t message_size);

/*
 * Receive one field of the request in a slot at this rank's points. Waits until the member is generated.
 * Fields can be received in any order, and more than once.
 * variable: id of a variable of the archive, or of one that is derived from them:
 *   - "sic": concentration, 1
 *   - "sit": thickness as volume per area, m
 *   - "sit_ice": mean thickness of the ice, sit / sic, m; 0 where sic is 0
 *   - "siu", "siv": velocity along the x and y axes of the archive's grid, m s-1
 *   - "siu_east", "siv_north": velocity towards the east and the north, m s-1
 *   - "blend": factor for the rate of a relaxation, which prevents a jump at the edge of the archive's grid, 1.
 *     It is the distance to the nearest ocean cell on the border of the grid, divided by the namelist's blend_km, but
 *     at most 1; and 0 where the point is not valid. It needs no request, and ignores slot and member.
 * n: number of points, as given for the target.
 * values [n]: written where the point is valid. Elsewhere they do not change, or become the namelist's fill_value.
 * valid [n]: 1 where the point lies on the archive's ocean, else 0.
 *
 * icegen_receive_f64 and icegen_receive_f32 receive from slot 1.
 */
ICEGEN_API int icegen_receive_f64(icegen_emulator *emulator, const char *target, const char *variable, int member,
                                  int64_t n, double *values, signed char *valid, char *message, size_t message_size);
ICEGEN_API int icegen_receive_f32(icegen_emulator *emulator, const char *target, const char *variable, int member,
                                  int64_t n, float *values, signed char *valid, char *message, size_t message_size);
ICEGEN_API int icegen_receive_slot_f64(icegen_emulator *emulator, int slot, const char *target, const char *variable,
                                       int member, int64_t n, double *values, signed char *valid, char *message,
                                       size_t message_size);
ICEGEN_API int icegen_receive_slot_f32(icegen_emulator *emulator, int slot, const char *target, const char *variable,
                                       int member, int64_t n, float *values, signed char *valid, char *message,
                                       size_t message_size);

/*
 * What a host may keep in its restart files, as a text of less than ICEGEN_STATE_SIZE bytes: which archive, seed,
 * steps, condition, history, years and calendar. icegen_set_state takes them from it for the requests that follow, and
 * refuses a state of another archive. A host whose namelist and archive stay as they were needs neither.
 */
#define ICEGEN_STATE_SIZE 256
ICEGEN_API int icegen_get_state(icegen_emulator *emulator, char *state, size_t state_size, char *message,
                                size_t message_size);
ICEGEN_API int icegen_set_state(icegen_emulator *emulator, const char *state, char *message, size_t message_size);

/*
 * Say in one line whether this rank generates, and on which CPUs: "generator 1 of 2 on this node, CPUs 8-15 (which the
 * host does not use)" or "no generator". Not collective.
 * placement: receives at most `placement_size` bytes, including the closing zero. A longer line is cut.
 */
ICEGEN_API int icegen_get_placement(icegen_emulator *emulator, char *placement, size_t placement_size, char *message,
                                    size_t message_size);

/*
 * Distribute ice over thickness categories, such as those of CICE. Not collective.
 * The thickness of the ice is assumed to have the distribution h^2 exp(-h / H), whose mean is 3 H.
 * Area and volume of each point are conserved to rounding.
 * A category with ice has area, volume, and a thickness within its bounds.
 *
 * If volume / area is no possible thickness of ice, the volume is conserved and the area changes as little as needed:
 *
 * - it increases if the thickness exceeds 20 m or the last bound, or if there is volume without area;
 * - it decreases if the thickness is below .01 m or the first bound; area without volume becomes 0.
 *
 * This never happens with an archive whose stated range of thickness lies within these limits.
 * A volume that would need an area above 1 is refused.
 * area [n]: concentration, 1.
 * volume [n]: volume per area of the cell ("sit"), m.
 * bounds [categories + 1]: in m, increasing. The first is 0 or the host's thinnest ice, the last its thickest.
 * category_area, category_volume [categories][n]: in Fortran's order (n, categories).
 */
ICEGEN_API int icegen_fill_categories_f64(int64_t n, const double *area, const double *volume, int categories,
                                          const double *bounds, double *category_area, double *category_volume,
                                          char *message, size_t message_size);
ICEGEN_API int icegen_fill_categories_f32(int64_t n, const float *area, const float *volume, int categories,
                                          const float *bounds, float *category_area, float *category_volume,
                                          char *message, size_t message_size);

/*
 * Free everything, after waiting for the members that are being generated. Sets the handle to NULL.
 * A handle that is NULL, or was closed through a copy, is no error.
 * A program that ends without this call waits in the same way, in whichever thread it ends; later calls are refused.
 */
ICEGEN_API int icegen_close(icegen_emulator **emulator, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif
#endif
