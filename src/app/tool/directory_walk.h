// SPDX-FileCopyrightText: the xbucket authors
// A directory tree of a mount, depth first, with the listings of directories that come next under
// way already: a deep tree must not cost one round trip after the other.
#pragma once

#include "xbucket/base/result.h"

#include <dirent.h>
#include <functional>
#include <string>

namespace xbucket::app {

// Each entry below `path` with its type (DT_REG, DT_DIR, DT_LNK; others are left out), a directory
// before its entries. `visit` runs on the calling thread and says false to stop.
// Errors: io, access_denied, not_found for the first directory that cannot be read; what can be
// read is visited first.
Result<void> walk_directory(const std::string& path,
                            const std::function<bool(const std::string&, unsigned char)>& visit);

}  // namespace xbucket::app
