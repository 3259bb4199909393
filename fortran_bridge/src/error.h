// SPDX-License-Identifier: MIT
// The one exception of the bridge: a status of icegen.h and a message of one line.
#pragma once

#include <icegen.h>

#include <cstdio>
#include <exception>
#include <new>
#include <sstream>

namespace icegen {

constexpr std::size_t kMessageSize = 1024;  // including the closing zero; longer messages are cut

// Contains its message, so that an error about lack of memory needs no memory.
class Error : public std::exception {
 public:
  Error(icegen_status status, const char *message) noexcept : status(status) {
    std::snprintf(message_, sizeof message_, "%s", message);
  }
  const char *what() const noexcept override { return message_; }

  icegen_status status;

 private:
  char message_[kMessageSize];
};

// The ranks called with different arguments, or one could not describe its arguments: it is unknown what they called.
class Disagreement : public Error {
  using Error::Error;
};

// Build a message from its parts and throw.
template <class... Parts>
[[noreturn]] void fail(icegen_status status, const Parts &...parts) {
  std::ostringstream text;
  text.precision(15);
  (text << ... << parts);
  throw Error(status, text.str().c_str());
}

// Run `body` and return what it threw, or ICEGEN_SUCCESS with an empty message.
template <class Body>
Error outcome_of(const Body &body) noexcept {
  try {
    body();
    return {ICEGEN_SUCCESS, ""};
  } catch (const Error &error) {
    return error;
  } catch (const std::bad_alloc &) {
    return {ICEGEN_OUT_OF_MEMORY, "out of memory"};
  } catch (const std::exception &error) {
    return {ICEGEN_INTERNAL_ERROR, error.what()};
  } catch (...) {
    return {ICEGEN_INTERNAL_ERROR, "unknown exception"};
  }
}

}  // namespace icegen
