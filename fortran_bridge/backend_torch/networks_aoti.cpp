// SPDX-License-Identifier: MIT
// Backend `aoti`: compiled code of the archive replaces the TorchScript of the denoiser and the decoder. AOTInductor
// made it from them. Weights, noise and sampler are still those of the module.

#include <ATen/Version.h>
#include <caffe2/serialize/inline_container.h>
#include <sys/utsname.h>
#include <torch/csrc/inductor/aoti_runner/model_container_runner_cpu.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/custom_class.h>
#include <torch/version.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "networks.h"

namespace {

// A file that is deleted at the end of its scope.
class TemporaryFile {
 public:
  TemporaryFile(const void *content, size_t size) : path_(std::filesystem::temp_directory_path() / "icegen-XXXXXX") {
    const int file = mkstemp(path_.data());
    const bool written = file >= 0 && write(file, content, size) == static_cast<ssize_t>(size);
    if (file >= 0) close(file);
    if (!written) unlink(path_.c_str());
    TORCH_CHECK(written, "cannot write compiled code to ", path_, "; set TMPDIR to another folder");
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;
  const std::string &path() const { return path_; }

 private:
  std::string path_;
};

// A compiled network that TorchScript can call.
class Compiled : public torch::CustomClassHolder {
 public:
  // weights: by their names in the module. They are copied.
  Compiled(const std::string &library, const std::unordered_map<std::string, at::Tensor> &weights) : runner_(library) {
    std::unordered_map<std::string, at::Tensor> constants;
    for (const auto &[constant, name] : runner_.getConstantNamesToOriginalFQNs()) {
      const auto weight = weights.find(name);
      TORCH_CHECK(weight != weights.end(), "its compiled code is of another network: it wants a weight '", name, "'");
      constants.emplace(constant, weight->second);
    }
    runner_.update_constant_buffer(constants, /*use_inactive=*/false, /*validate_full_updates=*/true,
                                   /*user_managed=*/false);
  }

  std::vector<at::Tensor> run(const std::vector<at::Tensor> &inputs) {
    std::vector<at::Tensor> laid_out;
    for (const at::Tensor &input : inputs) {
      TORCH_CHECK(input.size(0) == 1, "a compiled network got ", input.size(0), " states; it is compiled for one");
      laid_out.push_back(input.contiguous());
    }
    const c10::impl::ExcludeDispatchKeyGuard as_compiled(c10::autocast_dispatch_keyset);
    return runner_.run(laid_out);
  }

 private:
  torch::inductor::AOTIModelContainerRunnerCpu runner_;
};

std::string text(caffe2::serialize::PyTorchStreamReader &zip, const std::string &entry) {
  const auto [content, size] = zip.getRecord(entry);
  return {static_cast<const char *>(content.get()), size};
}

// Refuse code that does not run here. compiled: its entry in the archive's metadata, null if there is none.
void require_here(const nlohmann::json &compiled, const c10::Device &device, const char *precision) {
  const std::string cure = "; run `icegen export --backend aoti` on this machine";
  TORCH_CHECK(!compiled.is_null(), "it has no compiled networks", cure);
  utsname machine = {};
  uname(&machine);
  const std::string processor = std::string(machine.machine) + " " + at::get_cpu_capability();
  const auto require = [&](const char *key, const std::string &here) {
    const std::string there = compiled.value(key, "");
    TORCH_CHECK(there == here, "its networks are compiled for ", key, " '", there, "'; here it is '", here, "'", cure);
  };
  require("processor", processor);
  require("torch", TORCH_VERSION);
  require("device", device.str());
  require("precision", precision);
}

// Replace a network's forward by a call of its compiled form.
void replace(torch::jit::Module network, const std::string &library) {
  std::unordered_map<std::string, at::Tensor> weights;
  for (const auto &parameter : network.named_parameters()) weights.emplace(parameter.name, parameter.value);
  for (const auto &buffer : network.named_buffers()) weights.emplace(buffer.name, buffer.value);
  static const auto registration = torch::class_<Compiled>("icegen", "Compiled").def("run", &Compiled::run);
  const auto compiled = c10::make_intrusive<Compiled>(library, weights);
  network.register_attribute("compiled", c10::getCustomClassType<c10::intrusive_ptr<Compiled>>(), compiled);

  const torch::jit::Function &forward = network.get_method("forward").function();
  std::string inputs;
  for (const auto &argument : forward.getSchema().arguments())
    if (argument.name() != "self") inputs += (inputs.empty() ? "" : ", ") + argument.name();
  const bool several = forward.getSchema().returns().at(0).type()->kind() == c10::TypeKind::TupleType;
  const c10::QualifiedName name = forward.qualname();
  network.type()->unsafeRemoveMethod("forward");
  network._ivalue()->compilation_unit()->unsafeRemoveMethod(name);
  network.define("def forward(self, " + inputs + "):\n  outputs = self.compiled.run([" + inputs + "])\n  return " +
                 (several ? "outputs[0], outputs[1]\n" : "outputs[0]\n"));
}

}  // namespace

void take_networks(torch::jit::Module &module, const char *archive, const c10::Device &device, const char *precision) {
  caffe2::serialize::PyTorchStreamReader zip{std::string(archive)};
  const auto metadata = nlohmann::json::parse(text(zip, "extra/icegen.json"));
  require_here(metadata.value("compiled", nlohmann::json()), device, precision);
  for (const std::string network : {"denoiser", "decoder"}) {
    const std::string entry = "extra/" + network + ".so";
    if (!zip.hasRecord(entry)) continue;  // a decoder that returns its input is not compiled
    const auto [code, size] = zip.getRecord(entry);
    const TemporaryFile library(code.get(), size);
    replace(module.attr(network).toModule(), library.path());
  }
}
