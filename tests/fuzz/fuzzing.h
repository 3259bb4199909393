// SPDX-License-Identifier: MIT
// What the programs of libFuzzer share.
#pragma once

#include <error.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

// A file in memory, of which only the content changes.
class ScratchFile {
 public:
  ScratchFile() : descriptor_(memfd_create("fuzz", 0)), path_("/proc/self/fd/" + std::to_string(descriptor_)) {}

  const std::string &path() const { return path_; }
  void write(const void *data, std::size_t size) {
    if (ftruncate(descriptor_, 0) != 0 || pwrite(descriptor_, data, size, 0) != static_cast<ssize_t>(size)) abort();
  }

 private:
  int descriptor_;
  std::string path_;
};

// Stop, so that libFuzzer keeps the input, where a promise does not hold.
inline void require(bool holds, const char *promise, const std::string &seen = "") {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s (seen: %s)\n", promise, seen.c_str());
  abort();
}

// Run a parser: what it refuses, it refuses with this status and a message of one line.
template <class Parser>
void parse(icegen_status refusal, Parser parser) {
  try {
    parser();
  } catch (const icegen::Error &error) {
    const std::string message = error.what();
    require(error.status == refusal, "the status of a refusal", std::to_string(error.status) + ", " + message);
    require(!message.empty() && message.find('\n') == std::string::npos, "a message of one line", message);
  }
}
