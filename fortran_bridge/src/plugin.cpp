// SPDX-License-Identifier: MIT
#include "plugin.h"

#include <dlfcn.h>
#include <icegen.h>

#include <fstream>

namespace icegen {
namespace {

// The folder of this shared library, or of the program that it was linked into.
std::string own_folder() {
  Dl_info info = {};
  if (dladdr(reinterpret_cast<void *>(&icegen_version), &info) == 0 || info.dli_fname == nullptr) return ".";
  const std::string path = info.dli_fname;
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string path_of(const std::string &name) {
  if (name.find('/') != std::string::npos) return name;
  const std::string file = "lib" + name + ".so", beside = own_folder() + "/" + file;
  return std::ifstream(beside) ? beside : file;
}

}  // namespace

void *load_entry(const std::string &name, const char *entry, std::string &reason) {
  void *library = dlopen(path_of(name).c_str(), RTLD_NOW | RTLD_LOCAL);
  void *function = library == nullptr ? nullptr : dlsym(library, entry);
  if (function == nullptr) reason = dlerror();
  return function;
}

}  // namespace icegen
