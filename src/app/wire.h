// SPDX-FileCopyrightText: the xbucket authors
// The composition root: builds a mount from a Config, bottom to top, and takes it down in the
// reverse order. The one place that knows which implementation stands behind each interface.
#pragma once

#include "config.h"
#include "environment.h"

#include "xbucket/fuse/session.h"
#include "xbucket/http/transport.h"
#include "xbucket/local/server.h"
#include "xbucket/store/credentials.h"
#include "xbucket/store/object_store.h"

#include <memory>

namespace xbucket::app {

// Everything that a mounted bucket is made of. Members are in the order of dependence: each may
// use those above it.
class MountedBucket {
  public:
    // Starts threads: after fork only. Looks for credentials, reaches the bucket, and mounts.
    // `config.mountpoint` is resolved and free. Errors: as their makers; the message is for the
    // person who mounts.
    static Result<std::unique_ptr<MountedBucket>> create(Config config,
                                                         const Environment& environment);

    // Serves until unmounted or stop(); `ready` runs when the mount answers.
    Result<void> run(const std::function<void()>& ready) { return session_->run(ready); }
    // Async-signal-safe.
    void stop() { session_->stop(); }
    // After run(): sends what is pending. The first error, after trying all.
    Result<void> shutdown();

  private:
    explicit MountedBucket(Config config) : config_(std::move(config)) {}

    Result<void> start_local_server();
    Result<void> find_service(const Environment& environment);
    Result<void> make_store();
    Result<void> reach_bucket();
    Result<void> make_mount();

    Config config_;
    SystemClock clock_;
    std::unique_ptr<local::Server> server_;  // local: sources only
    std::unique_ptr<CredentialsProvider> credentials_;
    std::unique_ptr<Transport> transport_;
    std::unique_ptr<ObjectStore> store_;
    std::unique_ptr<MetaEngine> meta_;
    std::unique_ptr<FileSystem> fs_;
    std::unique_ptr<FuseSession> session_;
};

}  // namespace xbucket::app
