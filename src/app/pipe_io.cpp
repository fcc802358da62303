// SPDX-FileCopyrightText: the xbucket authors
#include "pipe_io.h"

#include <cerrno>
#include <unistd.h>

namespace xbucket::app {

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        bytes.remove_prefix(static_cast<size_t>(n));
    }
}

}  // namespace xbucket::app
