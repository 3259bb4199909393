// SPDX-License-Identifier: MIT
#ifndef ICEGEN_NETWORKS_H
#define ICEGEN_NETWORKS_H

namespace c10 {
struct Device;
}
namespace torch::jit {
struct Module;
}

// Where the networks of an archive come from, which is all that the backends over libtorch differ in: called once the
// module is loaded, before it runs. archive: path of the file.  precision: of the denoiser's products.
void take_networks(torch::jit::Module &module, const char *archive, const c10::Device &device, const char *precision);

#endif
