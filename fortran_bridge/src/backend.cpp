// SPDX-License-Identifier: MIT
#include "backend.h"

#include "error.h"
#include "plugin.h"

namespace icegen {

Model::Model(const std::string &backend, const std::string &archive, const std::string &device, int device_index,
             int threads) {
  const bool is_path = backend.find('/') != std::string::npos;
  std::string reason;
  void *entry = load_entry(is_path ? backend : "icegen_backend_" + backend, "icegen_backend_v1", reason);
  if (entry == nullptr) fail(ICEGEN_BACKEND_ERROR, "backend '", backend, "' cannot be loaded: ", reason);
  functions_ = reinterpret_cast<icegen_backend_entry>(entry)();
  if (functions_ == nullptr) fail(ICEGEN_BACKEND_ERROR, "backend '", backend, "' does not work here");
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
