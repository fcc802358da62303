// SPDX-FileCopyrightText: the xbucket authors
// What every handler finds behind a request, and how work that waits for the network leaves the
// FUSE threads: few of them exist, so they answer what memory knows and hand the rest to the pool.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/log.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"
#include "xbucket/fs/filesystem.h"

#include <fuse3/fuse_lowlevel.h>

#include <cerrno>
#include <functional>
#include <string>

namespace xbucket::fuse {

// Replies that other threads than ours will give. Thread-safe.
class PendingReplies {
  public:
    void add() EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        ++count_;
    }
    void done() EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        if (--count_ == 0) none_.notify_all();
    }
    void wait_for_none() EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        while (count_ != 0) none_.wait(mutex_);
    }

  private:
    Mutex mutex_;
    CondVar none_;
    size_t count_ GUARDED_BY(mutex_) = 0;
};

struct Mount {
    Mount(FileSystem& file_system, unsigned workers, Duration negative)
        : fs(file_system), pool("fuse-worker", workers), negative_life(negative) {}

    FileSystem& fs;
    PendingReplies reads;
    SystemClock clock;  // for "now" in utimensat
    WorkerPool pool;
    const Duration negative_life;  // how long the kernel keeps "no such name"
};

inline Mount& mount_of(fuse_req_t req) { return *static_cast<Mount*>(fuse_req_userdata(req)); }
inline InodeNumber inode(fuse_ino_t ino) { return InodeNumber{ino}; }
inline Caller caller_of(fuse_req_t req) {
    const fuse_ctx* context = fuse_req_ctx(req);
    return {context->uid, context->gid, context->umask};
}

// Runs `work` here and answers EIO if it throws: nothing may unwind into C.
template <class Work>
void guarded(fuse_req_t req, const char* operation, const Work& work) {
    try {
        work();
    } catch (const std::exception& failure) {
        log_error("fuse", "op={} exception=\"{}\"", operation, failure.what());
        fuse_reply_err(req, EIO);
    } catch (...) {
        log_error("fuse", "op={} exception=unknown", operation);
        fuse_reply_err(req, EIO);
    }
}

// Runs `work` on a worker. What the kernel passed by pointer must have been copied into it.
template <class Work>
void later(fuse_req_t req, const char* operation, Work work) {
    mount_of(req).pool.post(
        [req, operation, work = std::move(work)] { guarded(req, operation, work); });
}

}  // namespace xbucket::fuse
