// SPDX-License-Identifier: MIT
// The CPUs of the thread that generates. It inherits those of the host's thread. If a launcher or an OpenMP runtime has
// bound that thread, they are often a single core, while other cores are idle.
#pragma once

#include <set>
#include <string>

namespace icegen {

using Cpus = std::set<int>;  // numbers, as the operating system counts

// Conversion from and to a list such as "0,8-15". Throws Error(ICEGEN_BAD_NAMELIST) that names the text.
Cpus cpus_from(const std::string &list);
std::string list_of(const Cpus &cpus);

// The content of a file in /proc, empty if it cannot be read, as when its process ends meanwhile.
std::string text_of(const std::string &file);

// CPUs of this node, from the operating system.
struct NodeCpus {
  Cpus inherited;  // of the calling thread
  Cpus allowed;    // of the job on this node: no thread can leave them
  Cpus unused;     // those that the launcher may use, and to which none of its ranks has bound a thread
};

// Call it from the thread that generates.
NodeCpus look_at_node();

struct Placement {
  Cpus cpus;
  const char *reason;
};

// The CPUs of one of the generators of this node.
// list: of the namelist; the generators share these CPUs. If it is empty, the generator takes its share of the unused
// CPUs if the thread inherits no more than `threads` CPUs and the share has as many at least; else the inherited CPUs.
Placement choose_cpus(const NodeCpus &node, const std::string &list, int threads, int generator, int generators);

// Bind the calling thread, and those that it creates from now on. Throws Error(ICEGEN_INTERNAL_ERROR).
void bind_thread(const Cpus &cpus);

// The name of threads that generate: CPUs to which they are bound count as unused.
constexpr const char *kThreadName = "icegen";

}  // namespace icegen
