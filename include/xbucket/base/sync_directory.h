// SPDX-FileCopyrightText: the xbucket authors
#pragma once

#include "xbucket/base/result.h"

#include <string>

namespace xbucket {

// Files that were named, renamed or unnamed in the directory `path` are so after a power cut, too;
// what they hold is fsync's business. Where the file system has no such thing: success. Blocks for
// the disk. Thread-safe. Errors: io, no_space.
Result<void> sync_directory(const std::string& path);

}  // namespace xbucket
