// SPDX-License-Identifier: MIT
// Runs TorchScript archives with libtorch.

#include <icegen_backend.h>
#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

namespace {

struct Model {
  torch::jit::Module module;
  torch::Device device;
};

// libtorch reports TorchScript frames before the cause and C++ frames after it.
std::string cause(const std::exception &error) {
  std::string text = error.what();
  text = text.substr(0, text.find("\nException raised from"));
  const std::string mark = "RuntimeError: ";
  if (const size_t at = text.rfind(mark); at != std::string::npos) text = text.substr(at + mark.size());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

void fill(char *message, size_t size, const std::string &text) {
  if (message == nullptr || size == 0) return;
  std::strncpy(message, text.c_str(), size - 1);
  message[size - 1] = '\0';
}

template <class Body>
int guarded(char *message, size_t size, Body body) {
  try {
    body();
    return 0;
  } catch (const std::exception &error) {
    fill(message, size, cause(error));
  } catch (...) {
    fill(message, size, "unknown exception in libtorch");
  }
  return 1;
}

int create(const char *archive, const char *device, int device_index, int threads, void **model, char *message,
           size_t size) {
  return guarded(message, size, [&] {
    *model = nullptr;
    torch::Device where(torch::kCPU);
    if (std::string(device) == "cuda") {
      const int count = static_cast<int>(torch::cuda::is_available() ? torch::cuda::device_count() : 0);
      // A launcher that shows each rank a GPU of its own names it device 0.
      if (count == 1 && std::getenv("CUDA_VISIBLE_DEVICES") != nullptr) device_index = 0;
      TORCH_CHECK(device_index < count, "device is 'cuda'; wanted CUDA device ", device_index, ", this node has ",
                  count);
      where = torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(device_index));
    }
    at::set_num_threads(threads);
    // Fused kernels replace others after the first calls, and with them the last bits of a sample.
    torch::jit::setTensorExprFuserEnabled(false);
    torch::jit::Module module = torch::jit::load(archive, where);
    module.to(torch::kFloat);  // parameters are stored in half precision
    module.eval();
    *model = new Model{std::move(module), where};
  });
}

int generate(void *handle, int64_t seed, int64_t members, const int64_t *member, int64_t conditions,
             const int64_t *condition, int64_t steps, float *state, size_t state_size, char *message, size_t size) {
  return guarded(message, size, [&] {
    auto *model = static_cast<Model *>(handle);
    c10::InferenceMode inference;
    const auto integers = torch::TensorOptions().dtype(torch::kLong);
    auto numbers = torch::from_blob(const_cast<int64_t *>(member), {members}, integers).to(model->device);
    auto conditioning = torch::from_blob(const_cast<int64_t *>(condition), {1, conditions}, integers)
                            .repeat({members, 1})
                            .to(model->device);
    torch::Tensor result = model->module.get_method("generate")({seed, numbers, conditioning, steps})
                               .toTensor()
                               .to(torch::kCPU, torch::kFloat)
                               .contiguous();
    TORCH_CHECK(static_cast<size_t>(result.numel()) == state_size, "the model made ", result.numel(),
                " values; wanted ", state_size);
    std::memcpy(state, result.const_data_ptr<float>(), state_size * sizeof(float));
  });
}

void destroy(void *handle) { delete static_cast<Model *>(handle); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const icegen_backend *icegen_backend_v1(void) {
  static const icegen_backend backend = {create, generate, destroy};
  return &backend;
}
