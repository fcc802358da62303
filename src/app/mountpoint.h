// SPDX-FileCopyrightText: the xbucket authors
// The directory to mount on: absolute, there, a directory, and not left dead by a daemon that was
// killed (then every access to it is ENOTCONN until somebody unmounts).
#pragma once

#include "xbucket/base/result.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket::app {

struct MountEntry {
    std::string mountpoint;
    std::string type;     // "fuse.xbucket"
    std::string source;   // "oss://examplebucket"
    std::string options;  // the kernel's: "rw,nosuid,nodev,relatime"
};
// This process's /proc/self/mountinfo.
std::string read_mountinfo();
// Every mount of a type, in the order of mounting. Pure.
std::vector<MountEntry> find_mounts(std::string_view mountinfo, std::string_view type);
// The topmost mount at exactly `path` in the text of /proc/self/mountinfo. Pure.
std::optional<MountEntry> find_mount(std::string_view mountinfo, std::string_view path);

// `path` made absolute with symbolic links resolved, as the kernel lists it; a dead mount point is
// resolved by way of its parent. Errors: io (does not exist).
Result<std::string> resolve_path(const std::string& path);
// The same for a directory that something is to be mounted on. Errors: io (does not exist, "/"),
// not_directory, with what to do.
Result<std::string> resolve_mountpoint(const std::string& path);

// Unmounts a dead xbucket at `path` (already resolved), so that mounting can go on. Errors: busy (a
// living mount is there), io (somebody else's dead mount, or no permission).
Result<void> clear_mountpoint(const std::string& path);

// Has umount(8) call /sbin/umount.fuse.xbucket, which waits for the daemon: by itself it asks only
// for "fuse" where root mounted. Nothing without root or where that helper is not installed. Blocks
// for a run of mount(8), which notes it in /run/mount/utab; a failure is logged. The note says that
// the mount needs the network as well: systemd goes by it when the machine goes down.
void announce_mount(const std::string& source, const std::string& path);

// Unmounts, as root or through the setuid helper. With `lazily` also where files are open, or the
// daemon is dead. Errors: io with the helper's reason.
Result<void> unmount(const std::string& path, bool lazily);

}  // namespace xbucket::app
