// SPDX-License-Identifier: MIT
// On which CPUs of its node the thread that generates runs. It inherits those of the host's thread, which under a
// launcher or an OpenMP runtime that binds is often a single core, while others are idle.
#pragma once

#include <set>
#include <string>

namespace icegen {

using Cpus = std::set<int>;  // numbers, as the operating system counts

// From and to a list such as "0,8-15". Throws Error(ICEGEN_BAD_NAMELIST) that names the text.
Cpus cpus_from(const std::string &list);
std::string list_of(const Cpus &cpus);

// What the operating system says.
struct NodeCpus {
  Cpus inherited;  // of the calling thread
  Cpus allowed;    // of the job on this node: no thread can leave them
  Cpus unused;     // of those, the ones that the launcher may use and to which no rank of it has bound a thread
};

// Look, from the thread that is to generate.
NodeCpus look_at_node();

struct Placement {
  Cpus cpus;
  const char *reason;
};

// Where the thread of one generator of several on this node runs.
// list: of the namelist; the generators share it. Empty: unused CPUs, if the thread inherits no more than the model has
// threads, and there are as many of the others for it.
Placement choose_cpus(const NodeCpus &node, const std::string &list, int threads, int generator, int generators);

// Bind the calling thread, and those that it creates from now on. Throws Error(ICEGEN_INTERNAL_ERROR).
void bind_thread(const Cpus &cpus);

// The name of threads that generate: CPUs to which they are bound count as unused.
constexpr const char *kThreadName = "icegen";

}  // namespace icegen
