// SPDX-License-Identifier: MIT
#include "placement.h"

#include <dirent.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "error.h"

namespace icegen {
namespace {

namespace fs = std::filesystem;

constexpr int kMostCpus = 16 * CPU_SETSIZE;
using Mask = std::array<cpu_set_t, kMostCpus / CPU_SETSIZE>;

// The CPUs to which a thread is bound; empty if the system does not say.
Cpus affinity_of(pid_t thread) {
  Mask mask = {};
  Cpus cpus;
  if (sched_getaffinity(thread, sizeof mask, mask.data()) != 0) return cpus;
  const auto count = static_cast<std::size_t>(CPU_COUNT_S(sizeof mask, mask.data()));
  for (int cpu = 0; cpus.size() < count; ++cpu)
    if (CPU_ISSET_S(cpu, sizeof mask, mask.data())) cpus.insert(cpus.end(), cpu);
  return cpus;
}

bool bind_self(const Cpus &cpus) {
  Mask mask = {};
  for (const int cpu : cpus) CPU_SET_S(cpu, sizeof mask, mask.data());
  return sched_setaffinity(0, sizeof mask, mask.data()) == 0;
}

// The CPUs of the job's control group. If a thread asks for all CPUs, the kernel gives it these.
Cpus allowed_here(const Cpus &inherited) {
  Mask all;
  all.fill({});
  for (int cpu = 0; cpu < kMostCpus; ++cpu) CPU_SET_S(cpu, sizeof all, all.data());
  if (sched_setaffinity(0, sizeof all, all.data()) != 0) return inherited;
  const Cpus allowed = affinity_of(0);
  bind_self(inherited);
  return allowed;
}

Cpus intersection(const Cpus &a, const Cpus &b) {
  Cpus both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
  return both;
}

Cpus difference(const Cpus &a, const Cpus &b) {
  Cpus rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(rest, rest.end()));
  return rest;
}

// The first word of a file, empty if there is none.
std::string word_of(const fs::path &file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

// Parent of a process, 0 if it has ended. The process's name precedes it in the file, and may contain blanks.
pid_t parent_of(const fs::path &process) {
  const std::string text = text_of(process / "stat");
  char state = 0;
  int parent = 0;
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos || std::sscanf(text.c_str() + end, ") %c %d", &state, &parent) != 2) return 0;
  return parent;
}

template <class Use>
void for_each_number(const fs::path &folder, const Use &use) {
  // Not by fs::directory_iterator, which ends the program if it runs out of memory. Processes and threads come and go.
  const std::unique_ptr<DIR, int (*)(DIR *)> listing(opendir(folder.c_str()), closedir);
  while (const dirent *entry = listing ? readdir(listing.get()) : nullptr) {
    const std::string name = entry->d_name;
    int number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size()) use(folder / name, number);
  }
}

// The CPUs to which the children of a process have bound threads: the children of the launcher are the ranks on this
// node. A thread that may run anywhere does not count.
Cpus bound_by_children_of(pid_t parent, const Cpus &anywhere) {
  Cpus bound;
  for_each_number("/proc", [&](const fs::path &process, int) {
    if (parent_of(process) != parent) return;
    for_each_number(process / "task", [&](const fs::path &thread, int id) {
      const Cpus cpus = affinity_of(id);
      if (difference(anywhere, cpus).empty() || word_of(thread / "comm") == kThreadName) return;
      bound.insert(cpus.begin(), cpus.end());
    });
  });
  return bound;
}

// The share of one generator; all CPUs if there are fewer CPUs than generators.
Cpus share_of(const Cpus &cpus, int generator, int generators) {
  const auto count = static_cast<int>(cpus.size());
  if (count < generators) return cpus;
  const auto at = [&](int part) { return std::next(cpus.begin(), static_cast<long>(part) * count / generators); };
  return {at(generator), at(generator + 1)};
}

}  // namespace

Cpus cpus_from(const std::string &list) {
  Cpus cpus;
  const auto refuse = [&] {
    fail(ICEGEN_BAD_NAMELIST, "cpus is '", list, "'; wanted numbers and ranges of CPUs, such as '0,8-15', or nothing");
  };
  const char *next = list.data(), *end = next + list.size();
  const auto number = [&] {
    int value = -1;
    const auto parsed = std::from_chars(next, end, value);
    if (parsed.ec != std::errc() || value < 0 || value >= kMostCpus) refuse();
    next = parsed.ptr;
    return value;
  };
  while (next != end) {
    const int first = number();
    const int last = next != end && *next == '-' ? (++next, number()) : first;
    if (last < first) refuse();
    for (int cpu = first; cpu <= last; ++cpu) cpus.insert(cpu);
    if (next == end) break;
    if (*next++ != ',' || next == end) refuse();
  }
  return cpus;
}

std::string list_of(const Cpus &cpus) {
  std::string list;
  for (auto cpu = cpus.begin(); cpu != cpus.end();) {
    const int first = *cpu;
    int last = first;
    while (++cpu != cpus.end() && *cpu == last + 1) last = *cpu;
    list += (list.empty() ? "" : ",") + std::to_string(first) + (last > first ? "-" + std::to_string(last) : "");
  }
  return list;
}

std::string text_of(const std::string &file) {
  std::ifstream in(file);
  std::string text;
  std::getline(in, text, '\0');  // does not throw if reading fails; an iterator over the file does
  return text;
}

NodeCpus look_at_node() {
  const Cpus inherited = affinity_of(0), allowed = allowed_here(inherited);
  const pid_t launcher = getppid();
  const Cpus launched = intersection(allowed, affinity_of(launcher));
  return {inherited, allowed, difference(launched, bound_by_children_of(launcher, launched))};
}

Placement choose_cpus(const NodeCpus &node, const std::string &list, int threads, int generator, int generators) {
  if (!list.empty()) {
    const Cpus wanted = cpus_from(list);
    if (!difference(wanted, node.allowed).empty())
      fail(ICEGEN_BAD_NAMELIST, "cpus is '", list, "'; this job may use ", list_of(node.allowed), " of this node");
    return {share_of(wanted, generator, generators), "as the namelist says"};
  }
  const Cpus unused = share_of(node.unused, generator, generators);
  if (node.inherited.size() <= static_cast<std::size_t>(threads) && unused.size() >= node.inherited.size())
    return {unused, "which the host does not use"};
  return {node.inherited, "as the host's thread"};
}

void bind_thread(const Cpus &cpus) {
  if (!bind_self(cpus)) fail(ICEGEN_INTERNAL_ERROR, "cannot bind a thread to the CPUs ", list_of(cpus));
}

}  // namespace icegen
