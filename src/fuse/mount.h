// SPDX-FileCopyrightText: the xbucket authors
// What every handler finds behind a request, and how work that waits for the network leaves the
// FUSE threads: few of them exist, so they answer what memory knows and hand the rest to the pool.
#pragma once

#include "interrupts.h"
#include "log_limit.h"
#include "request.h"

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
    Mount(FileSystem& file_system, unsigned workers, unsigned editors)
        : fs(file_system),
          interrupts(clock),
          pool("fuse-worker", workers),
          edits("fuse-editor", editors) {}

    FileSystem& fs;
    PendingReplies reads;
    LogLimit log_limit;
    SystemClock clock;  // for "now" in utimensat, and for log_limit
    Interrupts interrupts;
    WorkerPool pool;
    WorkerPool edits;  // changes of attributes: thousands of them keep no reader waiting
};

inline RequestPtr begin(fuse_req_t req) { return std::make_shared<Request>(req); }
inline InodeNumber inode(fuse_ino_t ino) { return InodeNumber{ino}; }

// Runs `work` here and answers EIO if it throws: nothing may unwind into C.
template <class Work>
void guarded(const RequestPtr& request, const char* operation, const Work& work) {
    try {
        work();
    } catch (const std::exception& failure) {
        log_error("fuse", "op={} exception=\"{}\"", operation, failure.what());
        request->answer_error(EIO);
    } catch (...) {
        log_error("fuse", "op={} exception=unknown", operation);
        request->answer_error(EIO);
    }
}

// Runs `work` on a worker, unless its caller is gone before it begins. What the kernel passed by
// pointer must have been copied into it, and what it uses named before (Request::uses).
template <class Work>
void later_on(WorkerPool& pool, const RequestPtr& request, const char* operation, Work work) {
    request->mount().interrupts.watch(request, Interrupts::Look::when_interrupted);
    pool.post([request, operation, work = std::move(work)] {
        if (!request->is_answered()) guarded(request, operation, work);
        request->mount().interrupts.finished(*request);
    });
}
template <class Work>
void later(const RequestPtr& request, const char* operation, Work work) {
    later_on(request->mount().pool, request, operation, std::move(work));
}

}  // namespace xbucket::fuse
