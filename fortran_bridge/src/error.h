// SPDX-License-Identifier: MIT
// The one exception of the bridge: a status of icegen.h and a message of one line.
#pragma once

#include <icegen.h>

#include <sstream>
#include <stdexcept>
#include <string>

namespace icegen {

class Error : public std::runtime_error {
 public:
  Error(icegen_status status, const std::string &message) : std::runtime_error(message), status(status) {}
  icegen_status status;
};

// Build a message from its parts and throw.
template <class... Parts>
[[noreturn]] void fail(icegen_status status, const Parts &...parts) {
  std::ostringstream text;
  text.precision(15);
  (text << ... << parts);
  throw Error(status, text.str());
}

}  // namespace icegen
