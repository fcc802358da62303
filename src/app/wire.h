// SPDX-FileCopyrightText: the xbucket authors
// The composition root: builds a mount from a Config, bottom to top, and takes it down in the
// reverse order. The one place that knows which implementation stands behind each interface.
#pragma once

#include "bucket.h"
#include "confinement.h"
#include "keeper.h"

#include "xbucket/fuse/session.h"

#include <memory>
#include <string>

namespace xbucket::app {

// Everything that a mounted bucket is made of. Members are in the order of dependence: each may
// use those above it.
class MountedBucket {
  public:
    // Starts threads: after fork only. Looks for credentials, reaches the bucket, and mounts.
    // `config.mountpoint` is resolved and free. A keeper, where there is one, runs programs and
    // unmounts; it must outlive the mount. Errors: as their makers; the message is for the person
    // who mounts.
    static Result<std::unique_ptr<MountedBucket>> create(Config config,
                                                         const Environment& environment,
                                                         const Keeper* keeper);

    // Serves until unmounted or stop(); `ready` runs when the mount answers.
    Result<void> run(const std::function<void()>& ready) { return session_->run(ready); }
    // Async-signal-safe.
    void stop() { session_->stop(); }
    // What user.xbucket.stats says. Never blocks.
    std::string stats_json() const;
    Clock& clock() { return bucket_->clock(); }
    // What of this machine's files it needs from here on.
    ReachableFiles reachable_files() const;
    // After run(): sends what is pending. The first error, after trying all.
    Result<void> shutdown();

  private:
    explicit MountedBucket(std::unique_ptr<Bucket> bucket) : bucket_(std::move(bucket)) {}

    Result<void> make_mount(const Environment& environment, const Keeper* keeper);

    std::unique_ptr<Bucket> bucket_;
    std::string spool_;  // "": none, on a read-only mount
    std::unique_ptr<FileSystem> fs_;
    std::unique_ptr<FuseSession> session_;
};

}  // namespace xbucket::app
