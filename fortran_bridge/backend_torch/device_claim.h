// SPDX-License-Identifier: MIT
#ifndef ICEGEN_DEVICE_CLAIM_H
#define ICEGEN_DEVICE_CLAIM_H

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

// Reserves a GPU for one model, so that other models of the same launch on this node, in this process or another, take
// other GPUs. The claim is a name in Linux's abstract socket namespace. Only one socket of a node can have a name, and
// the name is free again when the claim or its process ends.
class DeviceClaim {
 public:
  DeviceClaim() = default;
  DeviceClaim(DeviceClaim &&other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  DeviceClaim &operator=(DeviceClaim &&other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~DeviceClaim() { release(); }

  // Returns the first device from `wanted` to `count` - 1 that no other model has, or `wanted` if all are taken.
  // A namelist with device = 'cuda:N' leaves the devices below N to the host.
  int take(int wanted, int count) {
    for (int device = wanted; device < count; ++device)
      if (bind_name("icegen-gpu-" + std::to_string(getppid()) + "-" + name_of(device))) return device;
    return wanted;
  }

  // The launcher's name for the device that this process sees as number `device`.
  static std::string name_of(int device) {
    std::string name = std::to_string(device);
    for (const char *variable : {"CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"}) {
      const char *list = std::getenv(variable);
      if (list == nullptr || *list == '\0') continue;
      std::string rest = list;
      for (int skipped = 0; skipped < device; ++skipped) {
        const std::size_t comma = rest.find(',');
        if (comma == std::string::npos) return name;
        rest.erase(0, comma + 1);
      }
      return rest.substr(0, rest.find(','));
    }
    return name;
  }

 private:
  void release() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  bool bind_name(const std::string &name) {
    release();
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (name.size() > sizeof address.sun_path - 1) return false;
    std::memcpy(address.sun_path + 1, name.data(), name.size());  // a name that begins with a zero byte is abstract
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    if (socket_ >= 0 && ::bind(socket_, reinterpret_cast<const sockaddr *>(&address), size) == 0) return true;
    release();
    return false;
  }

  int socket_ = -1;
};

#endif
