// SPDX-License-Identifier: MIT
#ifndef ICEGEN_NETWORKS_H
#define ICEGEN_NETWORKS_H

namespace c10 {
struct Device;
}
namespace torch::jit {
struct Module;
}

// Put the backend's networks into the module: nothing to do for TorchScript, compiled code for AOTInductor. This is the
// only difference between the backends over libtorch. Called after the module is loaded and before it runs.
// archive: path of the file.  precision: of the products in the denoiser.
void take_networks(torch::jit::Module &module, const char *archive, const c10::Device &device, const char *precision);

#endif
