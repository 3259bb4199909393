/* SPDX-License-Identifier: MIT */
/*
 * What libicegen_weights_netcdf.so offers the bridge: it reads weights of remapping from NetCDF files. The bridge loads
 * it with dlopen, on the first rank alone and when a host names such a file, and so does not link NetCDF itself, of
 * which the host may have another. Functions return 0, or fill `message` and return another value.
 */
#ifndef ICEGEN_WEIGHTS_NETCDF_H
#define ICEGEN_WEIGHTS_NETCDF_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct icegen_weights_sizes {
  int64_t links, source_cells, target_cells;
} icegen_weights_sizes;

typedef struct icegen_weights_reader {
  /* Open a file in the SCRIP convention (cdo, SCRIP), or with ESMF's names of the same. */
  int (*open)(const char *path, int *file, icegen_weights_sizes *sizes, char *message, size_t message_size);
  /* Read `count` links from `first`, counted from 0. source, target [count]: numbers of cells from 1;  weight [count].
   */
  int (*read)(int file, int64_t first, int64_t count, int32_t *source, int32_t *target, double *weight, char *message,
              size_t message_size);
  void (*close)(int file);
} icegen_weights_reader;

typedef const icegen_weights_reader *(*icegen_weights_entry)(void); /* icegen_weights_v1 */

#ifdef __cplusplus
}
#endif
#endif
