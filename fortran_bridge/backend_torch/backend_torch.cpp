// SPDX-License-Identifier: MIT
// Runs the sampler of an archive with libtorch. Both backends over libtorch contain this file.

#include <ATen/autocast_mode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <icegen_backend.h>
#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "device_claim.h"
#include "networks.h"
#include "recent.h"

#if __has_include(<ATen/accelerator/Graph.h>)  // torch 2.13
#include <ATen/accelerator/Graph.h>
#define RECORDS
#endif

namespace {

struct Recording;

struct Model {
  torch::jit::Module module;
  torch::Device device;
  c10::Stream stream;  // runs all its work; on a GPU not the default stream, which cannot be recorded
  bool half;           // bfloat16 products in the sampler's networks
  bool records;        // the sampler's work is recorded and replayed
  DeviceClaim claim;   // keeps other models off the GPU
  Recent<std::array<int64_t, 3>, std::shared_ptr<Recording>, 4> recordings;  // key: members, conditions, steps
  // What all batches of a request share, by a text of all bytes that it depends on.
  Recent<std::string, torch::Tensor, 1> gains;                 // of observations
  Recent<std::string, std::array<torch::Tensor, 2>, 1> given;  // a given state, completed, and its latent

  torch::Tensor run(const char *method, std::vector<c10::IValue> arguments) {
    return module.get_method(method)(std::move(arguments)).toTensor();
  }
};

// The counterpart of torch.autocast in Python.
class Autocast {
 public:
  Autocast(torch::DeviceType device, bool half) : device_(device) {
    at::autocast::set_autocast_dtype(device_, torch::kBFloat16);
    at::autocast::set_autocast_enabled(device_, half);
  }
  ~Autocast() {
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, false);
  }
  Autocast(const Autocast &) = delete;
  Autocast &operator=(const Autocast &) = delete;

 private:
  torch::DeviceType device_;
};

// The cause of an error: libtorch reports TorchScript frames before it and C++ frames after it.
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

// The noise of members at a date. It depends on the time in contract 2, and on the condition in contract 1.
torch::Tensor draw(Model &model, int64_t seed, const torch::Tensor &member, const torch::Tensor &condition,
                   int64_t time, bool history) {
  const bool first_contract = model.module.get_method("noise").function().getSchema().arguments().size() == 4;
  if (first_contract) return model.run("noise", {seed, member, condition});
  return model.run("noise", {seed, member, torch::full_like(member, time), history});
}

// The latents that the sampler computes from noise.
torch::Tensor solve(Model &model, const torch::Tensor &noise, const torch::Tensor &condition, int64_t steps) {
  const Autocast autocast(model.device.type(), model.half);
  return model.run("solve", {noise, condition, steps});
}

#ifdef RECORDS
// A recording of the sampler on a GPU, for one shape of inputs. The sampler consists of thousands of small kernels.
// Replaying them is faster than launching them one by one.
struct Recording {
  torch::Tensor noise, condition, latent;
  at::accelerator::Graph graph;

  Recording(Model &model, const torch::Tensor &some_noise, const torch::Tensor &some_condition, int64_t steps)
      : noise(some_noise.clone()), condition(some_condition.clone()) {
    for (int i = 0; i < 2; ++i) solve(model, noise, condition, steps);  // the first calls initialise libtorch
    graph.capture_begin({0, 0}, at::GraphCaptureMode::ThreadLocal);
    try {
      latent = solve(model, noise, condition, steps);
    } catch (...) {
      guarded(nullptr, 0, [&] { graph.capture_end(); });  // report the first failure only
      throw;
    }
    graph.capture_end();
  }
};

// The latents of solve, from a recording.
torch::Tensor replay(Model &model, const torch::Tensor &noise, const torch::Tensor &condition, int64_t steps) {
  std::shared_ptr<Recording> &recording = model.recordings[{noise.size(0), condition.size(1), steps}];
  if (!recording) recording = std::make_shared<Recording>(model, noise, condition, steps);
  recording->noise.copy_(noise), recording->condition.copy_(condition);
  recording->graph.replay();
  return recording->latent;
}
#else
const auto &replay = solve;
#endif

// Numbers are stored in half precision. Module::to would convert indices too.
void use_single_precision(const torch::jit::Module &module) {
  const auto convert = [](torch::Tensor tensor) {
    if (tensor.is_floating_point()) tensor.set_data(tensor.to(torch::kFloat));
  };
  for (const torch::Tensor &parameter : module.parameters()) convert(parameter);
  for (const torch::Tensor &buffer : module.buffers()) convert(buffer);
}

// Run the model, because libtorch initialises itself in its first calls. The host's first request need not wait for it.
void warm_up(Model &model) {
  c10::InferenceMode inference;
  const c10::StreamGuard guard(model.stream);
  const auto member = torch::ones({1}, torch::kLong);
  const auto condition = torch::ones({1, model.module.attr("conditional").toBool() ? 2 : 0}, torch::kLong);
  for (int i = 0; i < 2; ++i) {
    const auto noise = draw(model, 0, member, condition, 1, true);
    const auto latent = solve(model, noise, condition.to(model.device), 3);
    model.run("decode", {latent, model.module.attr("latent_noise")});
  }
}

// Whether a GPU's work is recorded. ICEGEN_RECORD=off tells what recording gains, and whether a failure is its own.
bool recording_wanted() {
  const char *word = std::getenv("ICEGEN_RECORD");
  const std::string wanted = word == nullptr ? "on" : word;
  TORCH_CHECK(wanted == "on" || wanted == "off", "ICEGEN_RECORD is '", wanted, "'; wanted on or off");
  return wanted == "on";
}

int create(const char *archive, const char *device, int device_index, const char *precision, int threads, void **model,
           char *message, size_t size) {
  return guarded(message, size, [&] {
    *model = nullptr;
    torch::Device where(torch::kCPU);
    DeviceClaim claim;
    if (std::string(device) == "cuda") {
      const int count = static_cast<int>(torch::cuda::is_available() ? torch::cuda::device_count() : 0);
      // If the launcher shows each rank only its own GPU, that GPU is device 0.
      for (const char *visible : {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"})
        if (count == 1 && std::getenv(visible) != nullptr) device_index = 0;
      TORCH_CHECK(device_index < count, "device is 'cuda'; wanted CUDA device ", device_index, ", this node has ",
                  count);
      device_index = claim.take(device_index, count);
      where = torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(device_index));
    }
    at::set_num_threads(threads);
    // Fused kernels would replace others after the first calls, and change the last bits of a sample.
    torch::jit::setTensorExprFuserEnabled(false);
    torch::jit::Module module = torch::jit::load(archive, where);
    use_single_precision(module);
    module.eval();
    take_networks(module, archive, where, precision);
    const c10::impl::VirtualGuardImpl streams(where.type());
    const c10::Stream stream = where.is_cpu() ? streams.getStream(where) : streams.getStreamFromGlobalPool(where);
    const bool half = std::string(precision) == "bfloat16";
    const bool records = recording_wanted() && !where.is_cpu();
    auto made =
        std::make_unique<Model>(Model{std::move(module), where, stream, half, records, std::move(claim), {}, {}, {}});
    warm_up(*made);
    *model = made.release();
  });
}

// Members that are to be generated, and where to; the arguments of icegen_backend's functions.
struct Wanted {
  int64_t seed, members;
  const int64_t *member;
  int64_t conditions;
  const int64_t *condition;
  int64_t time;
  bool history;
  int64_t steps;
  float *state;
  size_t state_size;

  torch::Tensor date() const {
    return torch::from_blob(const_cast<int64_t *>(condition), {1, conditions}, torch::kLong);
  }
};

// Sample members. decode: takes their latents [n, z, y/f, x/f] and the number of the first among the wanted ones, and
// returns their states.
template <class Decode>
void sample(Model &model, const Wanted &wanted, const Decode &decode) {
  const auto numbers = torch::from_blob(const_cast<int64_t *>(wanted.member), {wanted.members}, torch::kLong);
  // A CPU samples the members one by one, so that the bits of a member do not depend on the others.
  const int64_t together = model.device.is_cpu() ? 1 : wanted.members;
  for (int64_t first = 0; first < wanted.members; first += together) {
    const auto of_these = wanted.date().expand({together, wanted.conditions});
    const auto some = numbers.narrow(0, first, together);
    const auto noise = draw(model, wanted.seed, some, of_these, wanted.time, wanted.history);
    const auto latent = (model.records ? replay : solve)(model, noise, of_these.to(model.device), wanted.steps);
    // A non-blocking copy from a GPU uses pinned memory.
    const torch::Tensor states = decode(latent, first).contiguous().to(torch::kCPU, torch::kFloat, true);
    model.stream.synchronize();
    const auto count = static_cast<size_t>(states.numel());
    TORCH_CHECK(static_cast<int64_t>(count) * (wanted.members / together) == static_cast<int64_t>(wanted.state_size),
                "the model made ", count, " values for ", together, " members; wanted ",
                static_cast<int64_t>(wanted.state_size) / wanted.members * together);
    std::memcpy(wanted.state + count * static_cast<size_t>(first / together), states.const_data_ptr<float>(),
                count * sizeof(float));
  }
}

// A field of all variables that the bridge passes, [1, variable, y, x].
torch::Tensor field(Model &model, const float *values, size_t size) {
  const auto shape = model.module.attr("gain").toTensor().sizes();
  const auto whole = torch::from_blob(const_cast<float *>(values), static_cast<int64_t>(size), torch::kFloat);
  TORCH_CHECK(c10::multiply_integers(shape) == static_cast<int64_t>(size), "a field has ", size, " values; wanted ",
              c10::multiply_integers(shape));
  return whole.reshape(shape).unsqueeze(0).to(model.device);
}

std::string bytes(const void *values, size_t size) { return {static_cast<const char *>(values), size}; }

int generate(void *handle, int64_t seed, int64_t members, const int64_t *member, int64_t conditions,
             const int64_t *condition, int64_t time, int history, int64_t steps, float *state, size_t state_size,
             char *message, size_t size) {
  return guarded(message, size, [&] {
    auto &model = *static_cast<Model *>(handle);
    c10::InferenceMode inference;
    const c10::StreamGuard guard(model.stream);
    const Wanted wanted = {seed, members, member, conditions, condition, time, history != 0, steps, state, state_size};
    sample(model, wanted, [&](const torch::Tensor &latent, int64_t) {
      return model.run("decode", {latent, model.module.attr("latent_noise")});
    });
  });
}

int perturb(void *handle, const float *given, const float *weight, size_t given_size, double level, int64_t seed,
            int64_t members, const int64_t *member, int64_t conditions, const int64_t *condition, int64_t time,
            int history, int64_t steps, float *state, size_t state_size, char *message, size_t size) {
  return guarded(message, size, [&] {
    auto &model = *static_cast<Model *>(handle);
    TORCH_CHECK(model.module.find_method("near").has_value(), "this archive cannot perturb; export it again");
    TORCH_CHECK(level >= 0 && level <= 1, "level is ", level, "; wanted 0 to 1");
    c10::InferenceMode inference;
    const c10::StreamGuard guard(model.stream);
    const auto date = torch::from_blob(const_cast<int64_t *>(condition), {1, conditions}, torch::kLong);
    const auto on_device = date.to(model.device);
    TORCH_CHECK(given_size * members == state_size, "there are ", state_size, " values for ", members,
                " members; wanted ", given_size * members);
    auto &[whole, latent] =
        model.given[bytes(given, given_size * sizeof *given) + bytes(weight, given_size * sizeof *weight) +
                    bytes(condition, static_cast<size_t>(conditions) * sizeof *condition)];
    if (!latent.defined()) {
      whole = model.run("complete", {field(model, given, given_size), field(model, weight, given_size), on_device});
      latent = model.run("encode", {whole});
    }
    for (int64_t i = 0; i < members; ++i) {
      auto made = whole;
      if (member[i] != 0 && level > 0) {
        const auto noise = draw(model, seed, torch::full({1}, member[i], torch::kLong), date, time, history != 0);
        const auto sampled = (model.records ? replay : solve)(model, noise, on_device, steps);
        made = model.run("near", {whole, latent, sampled, level, on_device});
      }
      made = made.contiguous().to(torch::kCPU, torch::kFloat, true);
      model.stream.synchronize();
      std::memcpy(state + given_size * static_cast<size_t>(i), made.const_data_ptr<float>(),
                  given_size * sizeof(float));
    }
  });
}

int analyse(void *handle, const float *observed, const float *weight, size_t observed_size, int64_t seed,
            int64_t members, const int64_t *member, int64_t conditions, const int64_t *condition, int64_t time,
            int history, int64_t steps, float *state, size_t state_size, char *message, size_t size) {
  return guarded(message, size, [&] {
    auto &model = *static_cast<Model *>(handle);
    TORCH_CHECK(model.module.find_method("analyse").has_value(), "this archive takes no observations; export it again");
    c10::InferenceMode inference;
    const c10::StreamGuard guard(model.stream);
    const Wanted wanted = {seed, members, member, conditions, condition, time, history != 0, steps, state, state_size};
    const auto values = field(model, observed, observed_size), precision = field(model, weight, observed_size);
    torch::Tensor &gain = model.gains[bytes(weight, observed_size * sizeof *weight) +
                                      bytes(condition, static_cast<size_t>(conditions) * sizeof *condition)];
    if (!gain.defined()) gain = model.run("kalman_gain", {precision, wanted.date()});
    sample(model, wanted, [&](const torch::Tensor &latent, int64_t first) {
      std::vector<torch::Tensor> analysed;
      for (int64_t i = 0; i < latent.size(0); ++i)
        analysed.push_back(
            model.run("analyse", {latent.narrow(0, i, 1), values, precision, gain, seed, member[first + i], time}));
      return torch::cat(analysed);
    });
  });
}

void destroy(void *handle) { delete static_cast<Model *>(handle); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const icegen_backend *icegen_backend_v2(void) {
  static const icegen_backend backend = {create, generate, destroy, perturb, analyse};
  return &backend;
}
