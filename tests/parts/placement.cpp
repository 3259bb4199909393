// SPDX-License-Identifier: MIT
// Which CPUs and which GPU a generator takes.

#include "placement.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "device_claim.h"
#include "parts.h"

namespace {

void test_cpus() {
  using icegen::choose_cpus, icegen::cpus_from, icegen::list_of;
  check(list_of(cpus_from("9,0-2,1,3")) == "0-3,9", "a list of CPUs");
  const icegen::NodeCpus bound = {{0}, cpus_from("0-15"), cpus_from("8-15")};
  check(list_of(choose_cpus(bound, "", 1, 0, 1).cpus) == "8-15", "CPUs that the host does not use");
  check(list_of(choose_cpus(bound, "", 4, 1, 2).cpus) == "12-15", "the second of two generators");
  check(list_of(choose_cpus(bound, "2-5", 4, 1, 2).cpus) == "4-5", "its part of the namelist's CPUs");
  const icegen::NodeCpus wide = {cpus_from("0-7"), cpus_from("0-15"), cpus_from("8-15")};
  check(list_of(choose_cpus(wide, "", 4, 0, 1).cpus) == "0-7", "a host that leaves room in its own CPUs");
  const icegen::NodeCpus full = {{0}, cpus_from("0-15"), {}};
  check(list_of(choose_cpus(full, "", 1, 0, 1).cpus) == "0", "no CPU is left");
}

// A process may end between the opening of its file and the reading, which then fails, as it does for this file.
void test_files_that_cannot_be_read() {
  check(icegen::text_of("/proc/self/mem").empty(), "a file that opens and cannot be read");
  check(icegen::text_of("/proc/self/nothing").empty(), "a file that does not exist");
  check(icegen::text_of("/proc/self/stat").find(std::to_string(getpid()) + " (") == 0, "a file that can be read");
}

void test_gpus() {
  for (const char *variable : {"HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"}) unsetenv(variable);
  setenv("CUDA_VISIBLE_DEVICES", "4,5,GPU-x,7", 1);
  check(DeviceClaim::name_of(0) == "4" && DeviceClaim::name_of(2) == "GPU-x", "names that the launcher shows");
  check(DeviceClaim::name_of(4) == "4", "an index that the launcher does not show");
  DeviceClaim first, second, third, below, last;
  check(first.take(0, 4) == 0, "the GPU of the first model");
  check(second.take(1, 4) == 1, "the GPU of a second generator");
  check(third.take(0, 4) == 2, "another emulator takes a GPU that is free");
  check(last.take(3, 4) == 3, "the GPU that is left");
  check(below.take(1, 4) == 1, "a GPU is shared where none is free");
  first = DeviceClaim();
  check(below.take(1, 4) == 1, "no GPU below the first of the namelist");
  check(below.take(0, 4) == 0, "a GPU is free again when its model ends");
  setenv("CUDA_VISIBLE_DEVICES", "7,8", 1);
  check(DeviceClaim().take(0, 2) == 1, "a GPU that another process sees at another index");
  unsetenv("CUDA_VISIBLE_DEVICES");
}

}  // namespace

void test_placement() {
  test_cpus();
  test_files_that_cannot_be_read();
  test_gpus();
}
