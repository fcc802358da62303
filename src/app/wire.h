// SPDX-FileCopyrightText: the xbucket authors
// The composition root: builds a mount from a Config, bottom to top, and takes it down in the
// reverse order. The one place that knows which implementation stands behind each interface.
#pragma once

#include "bucket.h"
#include "confinement.h"
#include "keeper.h"

#include "xbucket/base/sync.h"
#include "xbucket/fuse/session.h"

#include <memory>
#include <string>

namespace xbucket::app {

// Everything that a mounted bucket is made of. Members are in the order of dependence: each may
// use those above it.
class MountedBucket {
  public:
    // Starts threads: after fork only. Looks for credentials and reaches the bucket.
    // `config.mountpoint` is resolved and free. A keeper, where there is one, runs programs and
    // unmounts; it must outlive the mount. Errors: as their makers; the message is for the person
    // who mounts.
    static Result<std::unique_ptr<MountedBucket>> create(Config config,
                                                         const Environment& environment,
                                                         const Keeper* keeper);

    // Mounts. Errors: as make_fuse_session()'s; cancelled after stop().
    Result<void> mount() EXCLUDES(mutex_);
    // Serves until unmounted or stop(); `ready` runs when the mount answers, `ending` when it does
    // not any more.
    Result<void> run(const std::function<void()>& ready, const std::function<void()>& ending) {
        return session_->run(ready, ending);
    }
    // From any thread, at any time: there is no mount from here on, or soon.
    void stop() EXCLUDES(mutex_);
    // For a process that ends now: keeps content that is not in the bucket, and unmounts. From any
    // thread; waits for no request.
    void abandon() EXCLUDES(mutex_);
    // What user.xbucket.stats says. Never blocks.
    std::string stats_json() const;
    // To and from the service, but for headers. Never blocks.
    uint64_t bytes_moved() const;
    Clock& clock() { return bucket_->clock(); }
    // What of this machine's files it needs from here on.
    ReachableFiles reachable_files() const;
    // After run(): sends what is pending. The first error, after trying all.
    Result<void> shutdown();

  private:
    explicit MountedBucket(std::unique_ptr<Bucket> bucket) : bucket_(std::move(bucket)) {}

    Result<void> make_files(const Environment& environment);

    std::unique_ptr<Bucket> bucket_;
    const Keeper* keeper_ = nullptr;
    std::string spool_;  // "": none, on a read-only mount
    std::unique_ptr<FileSystem> fs_;
    // Of who stops or abandons it while it is made.
    Mutex mutex_;
    bool stopped_ GUARDED_BY(mutex_) = false;
    FuseSession* stoppable_ GUARDED_BY(mutex_) = nullptr;
    std::unique_ptr<FuseSession> session_;
};

}  // namespace xbucket::app
