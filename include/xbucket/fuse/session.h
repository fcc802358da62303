// SPDX-FileCopyrightText: the xbucket authors
// One mounted file system: libfuse3's low-level session around a FileSystem.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"
#include "xbucket/fs/filesystem.h"

#include <functional>
#include <memory>
#include <string>
#include <sys/ioctl.h>
#include <vector>

namespace xbucket {

// Of a directory of a mount: FileSystem::sync_below().
constexpr unsigned kSyncIoctl = _IO('x', 0xb5);
// Of a file or a directory: FileSystem::refresh().
constexpr unsigned kRefreshIoctl = _IO('x', 0xb6);

struct SessionConfig {
    std::string mountpoint;
    std::string source;  // shown in /proc/mounts and df
    bool read_only = false;
    bool allow_other = false;
    bool allow_root = false;
    bool debug = false;
    std::vector<std::string> extra_options;  // passed to libfuse as -o
    unsigned threads = 0;                    // FUSE threads; 0 = number of cores, at least 2
    unsigned workers = 64;                   // blocking workers
    unsigned editors = 512;                  // blocking workers for changes of attributes
    unsigned read_ahead_kib = 1024;          // written to the mount's bdi where permitted
    // Takes the mount away, where this process may not; unset: libfuse does.
    std::function<Result<void>()> unmount;
};

class FuseSession {
  public:
    virtual ~FuseSession() = default;
    // Answers the kernel until unmounted or stop(); afterwards nothing is mounted. `ready` runs
    // once the kernel's INIT was answered.
    // `ending` runs when nothing is answered any more, and what is under way is waited for.
    virtual Result<void> run(const std::function<void()>& ready,
                             const std::function<void()>& ending) = 0;
    // Ends run(), also one that begins later; from any thread.
    virtual void stop() = 0;
    // Takes the mount away although run() has not ended. For a process that ends now.
    virtual void abandon() = 0;
};

// Mounts. Errors: io with what to do (mount point missing or busy, fusermount3 missing, /dev/fuse
// not there, allow_other without user_allow_other).
Result<std::unique_ptr<FuseSession>> make_fuse_session(const SessionConfig& config, FileSystem& fs);

}  // namespace xbucket
