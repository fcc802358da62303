// SPDX-FileCopyrightText: the xbucket authors
#include "daemonize.h"

#include "pipe_io.h"
#include "streams.h"

#include "xbucket/base/secret.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

std::string read_all(int fd) {
    std::string text;
    std::array<char, 4096> buffer;
    for (;;) {
        const ssize_t n = read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return text;
        text.append(buffer.data(), static_cast<size_t>(n));
    }
}

void print_failure(std::string_view sentence) {
    print_error(fmt::format("xbucket: {}\n", sentence));
}

// The first byte of a report is the exit code, the rest the sentence.
int parent_exit_code(int fd, pid_t child) {
    const std::string report = read_all(fd);
    close(fd);
    if (report.empty()) {
        int status = 0;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        print_failure(WIFSIGNALED(status)
                          ? fmt::format("ended by signal {} while mounting; run it with "
                                        "--foreground to see more",
                                        WTERMSIG(status))
                          : std::string("ended while mounting without saying why; run it with "
                                        "--foreground to see more"));
        return to_int(ExitCode::mount_failed);
    }
    const int code = static_cast<unsigned char>(report.front());
    if (code != 0) print_failure(std::string_view(report).substr(1));
    return code;
}

}  // namespace

StartReport::StartReport(StartReport&& other) noexcept : pipe_fd_(other.pipe_fd_.exchange(-1)) {}

StartReport::~StartReport() {
    if (const int fd = pipe_fd_.exchange(-1); fd >= 0) close(fd);
}

void StartReport::ready(bool keep_stderr) {
    const int fd = pipe_fd_.exchange(-1);
    if (fd < 0) return;
    // Not sooner: what systemd mounts on an automount point may look at that point only from the
    // process group in which systemd started it (autofs); all others wait until it is mounted.
    setsid();
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        if (!keep_stderr) dup2(null, STDERR_FILENO);
        close(null);
    }
    write_all(fd, std::string_view("\0", 1));
    close(fd);
}

void StartReport::failed(ExitCode code, std::string_view sentence) {
    const int fd = pipe_fd_.exchange(-1);
    if (fd < 0) {
        print_failure(sentence);
        return;
    }
    write_all(fd, fmt::format("{}{}", static_cast<char>(to_int(code)), sentence));
    close(fd);
}

Result<Forked> fork_to_background() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        return fail(ErrorKind::io, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    }
    (void)flush_out();
    const pid_t child = fork();
    if (child < 0) {
        const int error = errno;
        close(ends[0]);
        close(ends[1]);
        return fail(ErrorKind::io,
                    fmt::format("cannot start a process: {}; --foreground needs none",
                                std::strerror(error)));
    }
    if (child > 0) {
        close(ends[1]);
        return Forked{.parent_exit = parent_exit_code(ends[0], child), .report = StartReport()};
    }
    close(ends[0]);
    if (chdir("/") != 0) return fail(ErrorKind::io, "cannot change to /");
    return Forked{.parent_exit = std::nullopt, .report = StartReport(ends[1])};
}

void harden_process(bool core_dumps) {
    if (!core_dumps) {
        const rlimit none{0, 0};
        setrlimit(RLIMIT_CORE, &none);
        prctl(PR_SET_DUMPABLE, 0);
    }
    lock_secrets_after_fork();
    umask(077);
    std::signal(SIGPIPE, SIG_IGN);
}

void raise_open_files_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace xbucket::app
