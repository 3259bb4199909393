/* SPDX-License-Identifier: MIT */
#include "weights_netcdf.h"

#include <netcdf.h>
#include <stdio.h>

static int report(int code, const char *what, char *message, size_t size) {
  if (code != NC_NOERR) snprintf(message, size, "%s: %s", what, nc_strerror(code));
  return code;
}

static int absent(const char *kind, const char *scrip, const char *esmf, char *message, size_t size) {
  snprintf(message, size, "it has no %s %s; wanted that of SCRIP, or %s of ESMF", kind, scrip, esmf);
  return 1;
}

/* The length of the dimension with one of two names. */
static int length_of(int file, const char *scrip, const char *esmf, int64_t *length, char *message, size_t size) {
  int dimension;
  size_t found = 0;
  if (nc_inq_dimid(file, scrip, &dimension) != NC_NOERR && nc_inq_dimid(file, esmf, &dimension) != NC_NOERR)
    return absent("dimension", scrip, esmf, message, size);
  const int code = nc_inq_dimlen(file, dimension, &found);
  *length = (int64_t)found;
  return report(code, scrip, message, size);
}

/* The variable with one of two names: a number for each of at least `links` links. */
static int variable_of(int file, const char *scrip, const char *esmf, int64_t links, int *variable, char *message,
                       size_t size) {
  if (nc_inq_varid(file, scrip, variable) != NC_NOERR && nc_inq_varid(file, esmf, variable) != NC_NOERR)
    return absent("variable", scrip, esmf, message, size);
  int dimensions, dimension[NC_MAX_VAR_DIMS];
  size_t numbers = 0, columns = 1;
  const int code = nc_inq_var(file, *variable, NULL, NULL, &dimensions, dimension, NULL);
  if (code != NC_NOERR) return report(code, scrip, message, size);
  if (dimensions > 0) nc_inq_dimlen(file, dimension[0], &numbers);
  if (dimensions > 1) nc_inq_dimlen(file, dimension[1], &columns);
  if (dimensions <= 2 && columns == 1 && (int64_t)numbers >= links) return 0;
  snprintf(message, size, "%s has %d dimensions, the first of %zu; wanted a number for each of %lld links", scrip,
           dimensions, numbers, (long long)links);
  return 1;
}

static int open_file(const char *path, int *file, icegen_weights_sizes *sizes, char *message, size_t size) {
  if (report(nc_open(path, NC_NOWRITE, file), "it cannot be opened", message, size) != NC_NOERR) return 1;
  int dimension;
  size_t weights = 1;
  if (nc_inq_dimid(*file, "num_wgts", &dimension) == NC_NOERR) nc_inq_dimlen(*file, dimension, &weights);
  int failed = weights != 1;
  if (failed) snprintf(message, size, "num_wgts is %zu; wanted 1, as of a first-order remapping", weights);
  failed = failed || length_of(*file, "num_links", "n_s", &sizes->links, message, size) ||
           length_of(*file, "src_grid_size", "n_a", &sizes->source_cells, message, size) ||
           length_of(*file, "dst_grid_size", "n_b", &sizes->target_cells, message, size);
  if (failed) nc_close(*file);
  return failed;
}

static int read_links(int file, int64_t first, int64_t count, int32_t *source, int32_t *target, double *weight,
                      char *message, size_t size) {
  const size_t start[2] = {(size_t)first, 0}, counts[2] = {(size_t)count, 1};
  int variable;
  return variable_of(file, "src_address", "col", first + count, &variable, message, size) ||
         report(nc_get_vara_int(file, variable, start, counts, source), "src_address", message, size) ||
         variable_of(file, "dst_address", "row", first + count, &variable, message, size) ||
         report(nc_get_vara_int(file, variable, start, counts, target), "dst_address", message, size) ||
         variable_of(file, "remap_matrix", "S", first + count, &variable, message, size) ||
         report(nc_get_vara_double(file, variable, start, counts, weight), "remap_matrix", message, size);
}

static void close_file(int file) { nc_close(file); }

__attribute__((visibility("default"))) const icegen_weights_reader *icegen_weights_v1(void) {
  static const icegen_weights_reader reader = {open_file, read_links, close_file};
  return &reader;
}
