// SPDX-FileCopyrightText: the xbucket authors
// `xbucket sync` and `xbucket unmount`: both end with everything in the bucket.
#include "../config.h"
#include "arguments.h"
#include "mount_view.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/encoding.h"

#include <climits>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

// fsync of a directory means its subtree here.
Result<void> sync_path(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fail(ErrorKind::io, fmt::format("{}: {}", printable(path), std::strerror(errno)));
    }
    const int error = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    if (error == 0) return {};
    return fail(ErrorKind::io, fmt::format("{}: not everything could be sent: {}; the mount's log "
                                           "and xbucket status say what",
                                           printable(path), std::strerror(error)));
}

// A process that is no child of ours, held by descriptor, so that its number cannot become
// another's.
class Daemon {
  public:
    // By number: glibc 2.36 declares the function without C linkage.
    explicit Daemon(pid_t pid)
        : fd_(pid > 0 ? static_cast<int>(syscall(SYS_pidfd_open, pid, 0)) : -1) {}
    ~Daemon() {
        if (fd_ >= 0) close(fd_);
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    // False: it is still there after `patience`.
    bool wait_for_end(Duration patience) const {
        if (fd_ < 0) return true;
        pollfd poll_fd{.fd = fd_, .events = POLLIN, .revents = 0};
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
        return poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(ms, INT_MAX))) != 0;
    }

  private:
    const int fd_;
};

struct UnmountOptions {
    bool force = false;
    Duration patience = std::chrono::minutes(5);
};

Result<void> unmount_one(const MountEntry& mount, const UnmountOptions& options) {
    const std::string& path = mount.mountpoint;
    const auto stats = stats_of(mount);
    const auto pid = stats ? static_cast<pid_t>(number_at(*stats, "pid")) : 0;
    const Daemon daemon(pid);
    const bool dead = !is_alive(mount);
    if (dead && !options.force) {
        return fail(
            ErrorKind::io,
            fmt::format("{}: its daemon is gone; --force takes the mount away", printable(path)));
    }
    if (!dead) {
        auto sent = sync_path(path);
        if (!sent && !options.force) {
            return std::move(sent).error().with_context(
                "still mounted, --force unmounts all the "
                "same");
        }
    }
    auto unmounted = unmount(path, dead);
    if (!unmounted) {
        return fail(ErrorKind::busy, fmt::format("{}; who uses it: fuser -vm {}",
                                                 unmounted.error().message, printable(path)));
    }
    if (dead || daemon.wait_for_end(options.patience)) return {};
    return fail(ErrorKind::timed_out,
                fmt::format("{} is unmounted, but its daemon (pid {}) still sends; wait for it",
                            printable(path), pid));
}

}  // namespace

ExitCode sync_command(const std::vector<std::string>& words, const Environment&) {
    Arguments arguments("sync", false);
    if (const auto code = arguments.parse(words)) return *code;
    if (arguments.words().empty()) return arguments.usage("no path given");
    ExitCode code = ExitCode::ok;
    for (const std::string& path : arguments.words()) {
        auto mount = mount_of(path);
        if (!mount) {
            code = arguments.complain(ExitCode::system, mount.error().message);
            continue;
        }
        const auto sent = sync_path(path);
        if (!sent) code = arguments.complain(ExitCode::changes_lost, sent.error().message);
    }
    return code;
}

ExitCode unmount_command(const std::vector<std::string>& words, const Environment&) {
    Arguments arguments("unmount", false);
    UnmountOptions options;
    bool all = false;
    std::string timeout;
    arguments.flag("--all", all);
    arguments.flag("--force", options.force);
    arguments.option("--timeout", timeout);
    if (const auto code = arguments.parse(words)) return *code;
    if (arguments.words().empty() != all) {
        return arguments.usage("name mount points, or give --all");
    }
    if (!timeout.empty()) {
        const auto patience = parse_duration(timeout);
        if (!patience) return arguments.usage(patience.error().message);
        options.patience = *patience;
    }
    const auto mounts = chosen_mounts(arguments.words());
    if (!mounts) return arguments.complain(ExitCode::system, mounts.error().message);
    for (size_t i = 0; i < arguments.words().size(); ++i) {
        // Whoever names a folder of it does not mean all of it.
        const auto named = resolve_path(arguments.words()[i]);
        if (named && *named == (*mounts)[i].mountpoint) continue;
        return arguments.complain(
            ExitCode::system,
            fmt::format("{} is no mount point; the one that it lies in is {}",
                        printable(arguments.words()[i]), printable((*mounts)[i].mountpoint)));
    }
    ExitCode code = ExitCode::ok;
    for (const MountEntry& mount : *mounts) {
        const auto done = unmount_one(mount, options);
        if (done) continue;
        const bool changes = done.error().kind == ErrorKind::io;
        code = arguments.complain(changes ? ExitCode::changes_lost : ExitCode::system,
                                  done.error().message);
    }
    return code;
}

}  // namespace xbucket::app
