/* SPDX-License-Identifier: MIT */
/*
 * icegen: generated Arctic sea ice for Earth-system models. The C interface; Fortran and Python are written over it.
 *
 * - Every function but icegen_version, icegen_get_placement and icegen_fill_categories_* is collective over
 *   icegen_open's communicator: all its ranks call the same functions in the same order. MPI is called from the
 *   caller's thread only.
 * - Every function returns a status, the same on all ranks, and on failure fills `message` (at most `message_size`
 *   bytes, the closing zero included; pass NULL and 0 if you do not need the message). After a failed call the emulator
 *   is as it was, except that a failed request leaves its slot empty.
 *   A handle that is NULL (the message tells why icegen_open failed) or was closed has no communicator. It is refused
 * on the ranks that pass it.
 * - The library never prints, stops, installs signal handlers, calls MPI_Init or MPI_Finalize, or communicates
 *   over MPI_COMM_WORLD.
 *   The floating-point environment of the caller is the same after each call.
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
 * namelist: path of a text file with the group &icegen_nml; read on the first rank.
 * emulator: receives the handle, NULL on failure. One that is open already is refused on all ranks, and stays open.
 */
ICEGEN_API int icegen_open(int comm, const char *namelist, icegen_emulator **emulator, char *message,
                           size_t message_size);

/*
 * Name a set of points at which this rank wants fields. To be done once per set, not per request. A point may come
 * more than once, as in halos, and on more than one rank; one that the archive's ocean does not reach is not valid,
 * which is no error.
 * n: this rank's number of points, 0 allowed.
 * lon, lat [n]: degrees; any longitude convention from -1080 to 1080.
 *
 * icegen_add_target interpolates bilinearly between the centres of ocean cells; a point is valid where they have at
 * least half of the weight.
 *
 * icegen_add_target_by:
 * units: "degrees" or "radians", of lon and lat.
 * method: "bilinear", or "nearest": the cell in which the point lies, if that is ocean.
 * distance: km; a point that is not valid so takes the nearest ocean cell within this distance. 0: none does.
 *
 * icegen_add_target_weights: conservative, or whatever the weights were made for. They are applied as they are; a
 * point is valid where an ocean cell has a weight.
 * weights: path of a NetCDF file in the SCRIP convention (cdo gencon) or with ESMF's names of the same, from the
 * archive's grid to the host's; read on the first rank.
 * cells [n]: the number of each point among the file's target cells, from 1; 0: none of them, so not valid.
 */
ICEGEN_API int icegen_add_target(icegen_emulator *emulator, const char *target, int64_t n, const double *lon,
                                 const double *lat, char *message, size_t message_size);
ICEGEN_API int icegen_add_target_by(icegen_emulator *emulator, const char *target, int64_t n, const double *lon,
                                    const double *lat, const char *units, const char *method, double distance,
                                    char *message, size_t message_size);
ICEGEN_API int icegen_add_target_weights(icegen_emulator *emulator, const char *target, int64_t n, const double *lon,
                                         const double *lat, const char *units, const char *weights, const int *cells,
                                         char *message, size_t message_size);

/* Forget a set of points and free its memory. Its name may be given to another. */
ICEGEN_API int icegen_remove_target(icegen_emulator *emulator, const char *target, char *message, size_t message_size);

/*
 * Ask for a sample of `members` members at a date. Returns at once; generation goes on beside the caller.
 * year, day_of_year: of the host's calendar, 1 to 9999 and 1 to the year's length. What they mean, the namelist says:
 *   history = 'continuous' (default for archives of contract 2): a member's dates hang together as nature's do; its
 *     noise is a function of time, counted in days of the calendar without gaps. 'independent' (the only one of
 *     contract 1): each date is a draw of its own.
 *   years = 'given' (default): a year beyond the archive's range is refused; 'held': it is conditioned on the first or
 *     last year of the range; '2007': all dates are conditioned on that year. Noise goes on through the years as given.
 *   calendar = 'standard' (proleptic Gregorian, default), '365_day', '360_day' or '366_day'. Samples are conditioned
 *     on day floor((day_of_year - 1/2) 365.25 / length) + 1 of the standard year, with the year's length in days.
 *   condition = 'none', or an archive without condition: the date has a part in the noise alone; of contract 1, in
 *     nothing.
 * first_member: the members are numbered from it; at least 1.
 * slot: any number from 1 by which the caller tells its requests apart. Each slot holds one: a request takes the place
 * of the one before it in its slot, whose members that have not started are cancelled. A request that the slot holds
 * already, with the same members, date and state (below), is not generated again, so a caller may request in each of
 * its steps. A request that is refused leaves the slot empty, unless ranks call with different arguments. A caller with
 * two slots asks for its next month in one while it receives this month's from the other. icegen_request is the same in
 * slot 1 from member 1.
 */
ICEGEN_API int icegen_request(icegen_emulator *emulator, int members, int year, int day_of_year, char *message,
                              size_t message_size);
ICEGEN_API int icegen_request_slot(icegen_emulator *emulator, int slot, int first_member, int members, int year,
                                   int day_of_year, char *message, size_t message_size);

/* Tell without waiting for it whether the request in a slot is done. ready: 1 or 0, the same on all ranks. */
ICEGEN_API int icegen_test(icegen_emulator *emulator, int slot, int *ready, char *message, size_t message_size);

/*
 * Receive one field of the request in a slot at this rank's points, waiting for its member if need be; in any order,
 * and as often as wanted.
 * variable: id of a variable of the archive, in the archive's units, or one that follows from them:
 *   "sic"        concentration, 1
 *   "sit"        thickness as volume per area, m;  "sit_ice": as mean over the ice, sit / sic, 0 where sic is 0
 *   "siu", "siv" velocity along the x and y axes of the archive's grid, m s-1
 *   "siu_east", "siv_north": the same towards the east and the north
 *   "blend"      1, and less within `blend_km` of the namelist (200 km) of where the archive's grid ends in ocean: the
 *                distance to the centre of the nearest ocean cell at the grid's border over blend_km; 0 where not
 * valid. A host that multiplies the rate of its relaxation by it sees no front. Needs no request; slot and member are
 * not looked at n: number of points, as given for the target. values [n]: written where valid; elsewhere untouched, or
 * the `fill_value` of the namelist if that gives one. valid [n]: 1 where the point lies on the archive's ocean, else 0.
 * icegen_receive_f64 and _f32 are the same in slot 1.
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
 * placement: receives at most `placement_size` bytes, the closing zero included; what is longer is cut.
 */
ICEGEN_API int icegen_get_placement(icegen_emulator *emulator, char *placement, size_t placement_size, char *message,
                                    size_t message_size);

/*
 * Spread ice over thickness categories, as CICE-like hosts hold it. Not collective. Thickness over the ice is taken to
 * be distributed as h^2 exp(-h / H), whose mean is 3 H. Each point's area and volume are conserved to rounding, and a
 * category that has ice has area, volume, and a thickness within its bounds.
 * Where volume / area is none of ice, volume is conserved, and area becomes the nearest with which it is: it is raised
 * where thickness exceeds 20 m or the last bound (so is volume without area), and lowered where thickness lies below
 * .01 m or the first bound (so area without volume is no ice). States of archives that state their consistency need
 * none of this. A volume that no area up to 1 can hold is refused.
 * area [n]: concentration, 1.  volume [n]: m, per area of the cell ("sit").
 * bounds [categories + 1]: m, increasing; the first is 0 or the host's thinnest ice, the last its thickest.
 * category_area, category_volume [categories][n]: in Fortran's order (n, categories).
 */
ICEGEN_API int icegen_fill_categories_f64(int64_t n, const double *area, const double *volume, int categories,
                                          const double *bounds, double *category_area, double *category_volume,
                                          char *message, size_t message_size);
ICEGEN_API int icegen_fill_categories_f32(int64_t n, const float *area, const float *volume, int categories,
                                          const float *bounds, float *category_area, float *category_volume,
                                          char *message, size_t message_size);

/*
 * Free everything; waits for the members that are being generated. Sets the handle to NULL; a handle that is NULL, or
 * was closed through a copy, is no error. A program that ends without this call waits in the same way, in whatever
 * thread it ends; calls after that are refused.
 */
ICEGEN_API int icegen_close(icegen_emulator **emulator, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif
#endif
