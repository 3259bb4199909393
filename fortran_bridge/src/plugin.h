// SPDX-License-Identifier: MIT
// Shared libraries that are loaded at run time, so that a host need not link what they link.
#pragma once

#include <string>

namespace icegen {

// The function `entry` of a shared library: of the name lib<name>.so, beside this library, else where the loader looks,
// the program's run path included; or the path of a file, if the name holds a slash. Returns null and says why in
// `reason` if there is none. The library is never unloaded: libtorch does not survive that.
void *load_entry(const std::string &name, const char *entry, std::string &reason);

}  // namespace icegen
