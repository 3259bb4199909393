// SPDX-License-Identifier: MIT
#include "backend.h"

#include <dlfcn.h>

#include <fstream>

#include "error.h"

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

// The path of a backend: beside this library, else where the loader looks, the program's run path included.
std::string library_of(const std::string &backend) {
  if (backend.find('/') != std::string::npos) return backend;
  const std::string name = "libicegen_backend_" + backend + ".so", beside = own_folder() + "/" + name;
  return std::ifstream(beside) ? beside : name;
}

}  // namespace

Model::Model(const std::string &backend, const std::string &archive, const std::string &device, int device_index,
             int threads) {
  const std::string path = library_of(backend);
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(ICEGEN_BACKEND_ERROR, "backend '", backend, "' cannot be loaded: ", dlerror());
  void *entry = dlsym(library, "icegen_backend_v1");
  if (entry == nullptr) fail(ICEGEN_BACKEND_ERROR, path, " is not an icegen backend: ", dlerror());
  functions_ = reinterpret_cast<icegen_backend_entry>(entry)();
  if (functions_ == nullptr) fail(ICEGEN_BACKEND_ERROR, path, " does not work here");
  char message[512] = "";
  if (functions_->create(archive.c_str(), device.c_str(), device_index, threads, &handle_, message, sizeof message) !=
      0)
    fail(ICEGEN_BACKEND_ERROR, "backend '", backend, "' cannot load ", archive, ": ", message);
}

Model::~Model() { functions_->destroy(handle_); }

void Model::generate(std::int64_t seed, const std::vector<std::int64_t> &members,
                     const std::vector<std::int64_t> &condition, int steps, std::vector<float> &state) {
  char message[512] = "";
  if (functions_->generate(handle_, seed, static_cast<std::int64_t>(members.size()), members.data(),
                           static_cast<std::int64_t>(condition.size()), condition.data(), steps, state.data(),
                           state.size(), message, sizeof message) != 0)
    fail(ICEGEN_BACKEND_ERROR, "generation failed: ", message);
}

}  // namespace icegen
