// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/sync_directory.h"

#include "xbucket/base/file_descriptor.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>

namespace xbucket {

Result<void> sync_directory(const std::string& path) {
    const FileDescriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.is_open() && fsync(directory.get()) == 0) return {};
    if (directory.is_open() && errno == EINVAL) return {};
    const int error = errno;
    return fail(error == ENOSPC || error == EDQUOT ? ErrorKind::no_space : ErrorKind::io,
                fmt::format("cannot write the directory {}: {}", path, std::strerror(error)));
}

}  // namespace xbucket
