// SPDX-FileCopyrightText: the xbucket authors
#include "streams.h"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

// The first reason why something printed was lost; 0 as long as nothing was.
std::atomic<int> g_out_error{0};

void note_out_error(int error) {
    int none = 0;
    g_out_error.compare_exchange_strong(none, error == 0 ? EIO : error);
}

}  // namespace

void open_missing_streams() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        // The lowest free number is this one: those below are open. Not for reading in place of an
        // output, so that a program that is started later finds what it was given: nothing.
        if (open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd) return;
    }
}

void print_out(std::string_view text) {
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) note_out_error(errno);
}

void print_error(std::string_view text) {
    // Unbuffered by itself: one call is one line between those of others.
    (void)(std::fwrite(text.data(), 1, text.size(), stderr) == text.size());
}

bool out_failed() { return g_out_error != 0; }

Result<void> flush_out() {
    errno = 0;
    if (std::fflush(stdout) != 0) note_out_error(errno);
    const int error = g_out_error;
    if (error == 0) return {};
    return fail(error == EPIPE ? ErrorKind::cancelled : ErrorKind::io,
                fmt::format("standard output cannot be written to: {}", std::strerror(error)));
}

}  // namespace xbucket::app
