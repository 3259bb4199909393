// SPDX-License-Identifier: MIT
// NetCDF files whose dimensions, variables, types and values are anything. Their bytes are NetCDF's own: what that
// library makes of damaged ones is not ours.
#include <fuzzer/FuzzedDataProvider.h>
#include <netcdf.h>
#include <netcdf_mem.h>
#include <weights.h>

#include <cmath>

#include "fuzzing.h"

using namespace icegen;

// In the order in which the parser wants them; the second half are ESMF's names.
static const char *const kDimensions[] = {"num_links", "src_grid_size", "dst_grid_size", "num_wgts", "n_s", "n_a",
                                          "n_b"};
static const char *const kVariables[] = {"src_address", "dst_address", "remap_matrix", "col", "row", "S"};
static const nc_type kTypes[] = {NC_INT, NC_DOUBLE, NC_FLOAT, NC_SHORT, NC_BYTE, NC_CHAR};

static void write_file(FuzzedDataProvider &fuzz, ScratchFile &file) {
  int nc;
  NC_memio memory = {};
  if (nc_create_mem("fuzz", NC_NOFILL, 4096, &nc) != NC_NOERR) abort();
  const bool esmf = fuzz.ConsumeBool();
  std::vector<int> dimensions;
  for (int i = 0; i < 4; ++i) {
    if (fuzz.ConsumeIntegralInRange(0, 9) == 0) continue;  // missing
    const bool few = i == 3 || fuzz.ConsumeBool();
    const std::size_t length = fuzz.ConsumeIntegralInRange<std::size_t>(0, few ? 2 : 12);
    int dimension;
    if (nc_def_dim(nc, kDimensions[i + (esmf && i < 3 ? 4 : 0)], length, &dimension) == NC_NOERR)
      dimensions.push_back(dimension);
  }
  std::vector<int> variables;
  for (int i = 0; i < 3 && !dimensions.empty(); ++i) {
    if (fuzz.ConsumeIntegralInRange(0, 9) == 0) continue;
    const bool usual = fuzz.ConsumeIntegralInRange(0, 3) > 0;
    const nc_type type = usual ? (i < 2 ? NC_INT : NC_DOUBLE) : fuzz.PickValueInArray(kTypes);
    std::vector<int> shape = {dimensions.front()};
    if (!usual) {
      shape.clear();
      for (int rank = fuzz.ConsumeIntegralInRange(0, 4); rank > 0; --rank)
        shape.push_back(dimensions[fuzz.ConsumeIntegralInRange<std::size_t>(0, dimensions.size() - 1)]);
    }
    int variable;
    if (nc_def_var(nc, kVariables[i + (esmf ? 3 : 0)], type, static_cast<int>(shape.size()), shape.data(), &variable) ==
        NC_NOERR)
      variables.push_back(variable);
  }
  nc_enddef(nc);
  for (const int variable : variables) {
    int rank, shape[4];
    nc_type type;
    std::size_t count = 1, length;
    nc_inq_var(nc, variable, nullptr, &type, &rank, shape, nullptr);
    for (int i = 0; i < rank; ++i) nc_inq_dimlen(nc, shape[i], &length), count *= std::max<std::size_t>(length, 1);
    if (type == NC_CHAR) continue;
    std::vector<double> values(count);
    for (double &value : values)
      value = type == NC_DOUBLE ? fuzz.ConsumeFloatingPoint<double>() : fuzz.ConsumeIntegralInRange(-1, 13);
    nc_put_var_double(nc, variable, values.data());
  }
  if (nc_close_memio(nc, &memory) != NC_NOERR) abort();
  file.write(memory.memory, memory.size);
  free(memory.memory);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  static ScratchFile file;
  FuzzedDataProvider fuzz(data, size);
  std::vector<std::int32_t> cells(fuzz.ConsumeIntegralInRange(0, 4));
  for (auto &cell : cells) cell = fuzz.ConsumeIntegralInRange(-1, 13);
  std::string ocean(fuzz.ConsumeIntegralInRange(1, 12), 0);
  for (char &cell : ocean) cell = fuzz.ConsumeBool();
  const Mask mask(1, static_cast<int>(ocean.size()), ocean);
  write_file(fuzz, file);
  parse(ICEGEN_BAD_ARGUMENT, [&] {
    Communicator comm(0);
    std::int32_t before = 0;
    for (const Weight &weight : read_weights(comm, file.path(), mask, cells)) {
      require(weight.point >= before && weight.point < static_cast<int>(cells.size()), "weights of points, in order");
      require(weight.cell >= 0 && weight.cell < mask.cells() && mask.ocean(weight.cell), "weights of ocean cells");
      require(std::isfinite(weight.weight), "finite weights");
      before = weight.point;
    }
  });
  return 0;
}
