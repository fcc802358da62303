// SPDX-FileCopyrightText: the xbucket authors
#include "unmounting.h"

#include "../spool_place.h"
#include "json_text.h"
#include "mount_view.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/file_descriptor.h"
#include "xbucket/fuse/session.h"

#include <climits>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

// A process that is no child of ours, held by descriptor, so that its number cannot become
// another's.
class Daemon {
  public:
    // By number: glibc 2.36 declares the function without C linkage.
    explicit Daemon(pid_t pid)
        : fd_(pid > 0 ? static_cast<int>(syscall(SYS_pidfd_open, pid, 0)) : -1) {}

    // False: it is still there after `patience`.
    bool wait_for_end(Duration patience) const {
        if (!fd_.is_open()) return true;
        pollfd poll_fd{.fd = fd_.get(), .events = POLLIN, .revents = 0};
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
        return poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(ms, INT_MAX))) != 0;
    }

  private:
    const FileDescriptor fd_;
};

Result<void> unmount_dead(const MountEntry& mount, bool force) {
    if (force) return unmount(mount.mountpoint, true);
    return fail(ErrorKind::io, fmt::format("{}: its daemon is gone; --force takes the mount away",
                                           printable(mount.mountpoint)));
}

Result<void> send(const std::string& path, bool open_too) {
    const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.is_open()) {
        return fail(ErrorKind::io, fmt::format("{}: {}", printable(path), std::strerror(errno)));
    }
    if (open_too) {
        if (ioctl(fd.get(), kSyncIoctl) == 0) return {};
        // A file, or a mount by an older xbucket, does not know it.
        if (errno == ENOTTY || errno == ENOSYS) open_too = false;
    }
    if (!open_too && fsync(fd.get()) == 0) return {};
    return fail(ErrorKind::io, fmt::format("{}: not everything could be sent: {}; the mount's log "
                                           "and xbucket status say what",
                                           printable(path), std::strerror(errno)));
}

size_t kept_in(const std::string& spool) { return spool.empty() ? 0 : count_kept_files(spool); }

}  // namespace

Result<void> sync_path(const std::string& path) { return send(path, true); }

Result<void> unmount_in_order(const MountEntry& mount, const UnmountOptions& options) {
    const std::string& path = mount.mountpoint;
    if (!is_alive(mount)) return unmount_dead(mount, options.force);
    const auto stats = stats_of(mount);
    if (!stats && stats.error().kind == ErrorKind::timed_out) {
        // Asking it to send would take this process along.
        if (options.force) return unmount(path, true);
        return fail(ErrorKind::busy,
                    fmt::format("{}; --force unmounts all the same", stats.error().message));
    }
    const std::string spool = stats ? text_member(*stats, "spool") : std::string();
    const size_t kept_before = kept_in(spool);
    const auto pid = stats ? static_cast<pid_t>(number_at(*stats, "pid")) : 0;
    const Daemon daemon(pid);
    auto sent = send(path, false);
    if (!sent && !options.force) {
        return std::move(sent).error().with_context("still mounted, --force unmounts all the same");
    }
    auto unmounted = unmount(path, false);
    if (!unmounted) {
        return fail(ErrorKind::busy, fmt::format("{}; who uses it: fuser -vm {}",
                                                 unmounted.error().message, printable(path)));
    }
    if (!daemon.wait_for_end(options.patience)) {
        return fail(ErrorKind::timed_out,
                    fmt::format("{} is unmounted, but its daemon (pid {}) still sends; wait for it",
                                printable(path), pid));
    }
    const size_t kept = kept_in(spool);
    if (kept > kept_before) {
        return fail(ErrorKind::io,
                    fmt::format("{} is unmounted, but {} of its files could not be uploaded; they "
                                "are kept in {}/recovery",
                                printable(path), kept - kept_before, printable(spool)));
    }
    if (!sent) return std::move(sent).error().with_context("unmounted all the same");
    return {};
}

}  // namespace xbucket::app
