// SPDX-License-Identifier: MIT
// Shared libraries that are loaded at run time, so that a host need not link the libraries that they need.
#pragma once

#include <string>

namespace icegen {

// The function `entry` of a shared library. A name with a slash is the path of the library. With any other name it is
// lib<name>.so, in the folder of this library, or else where the loader looks, including the program's run path.
// Returns null if there is none, and says why in `reason`. The library is never unloaded, because libtorch does not
// survive that.
void *load_entry(const std::string &name, const char *entry, std::string &reason);

}  // namespace icegen
