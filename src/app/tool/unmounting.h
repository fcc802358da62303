// SPDX-FileCopyrightText: the xbucket authors
// Leaving a mount with everything in the bucket: what sync, unmount and umount(8)'s helper share.
#pragma once

#include "../mountpoint.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"

#include <string>

namespace xbucket::app {

// Returns when what was written to the file, or below the directory, is in the bucket, also through
// descriptors that are open. Blocks on the network. Errors: io (what could not be sent).
Result<void> sync_path(const std::string& path);

struct UnmountOptions {
    bool force = false;  // also where something cannot be sent, or the daemon is dead or hangs
    Duration patience = std::chrono::minutes(5);
};

// Sends what is pending, unmounts, and waits for the daemon's end. Errors: io (still mounted:
// something cannot be sent, or the daemon is dead; or unmounted, and something was not sent), busy
// (in use, or the daemon hangs), timed_out (unmounted, but the daemon still sends).
Result<void> unmount_in_order(const MountEntry& mount, const UnmountOptions& options);

}  // namespace xbucket::app
