// SPDX-FileCopyrightText: the xbucket authors
// The table that libfuse calls through.
#pragma once

#include <fuse3/fuse_lowlevel.h>

namespace xbucket::fuse {

// Deliberately absent: flock and lk (locks stay local to the kernel), access (default_permissions),
// copy_file_range, fallocate, lseek (the kernel falls back), write_buf and splicing from files.
const fuse_lowlevel_ops& operations();

}  // namespace xbucket::fuse
