// SPDX-FileCopyrightText: the xbucket authors
// A bounded pool of threads for work that blocks on the network. Threads start when first needed.
#pragma once

#include "xbucket/base/sync.h"

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace xbucket {

// Thread-safe. The destructor runs what is queued, then joins.
class WorkerPool {
  public:
    WorkerPool(std::string name, size_t threads_max);
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // Queues `job`; never blocks. Jobs start in the order posted. A job must not throw: what it
    // throws is logged and lost. Jobs run with all signals blocked, and may post.
    void post(std::function<void()> job) EXCLUDES(mutex_);
    // Returns when nothing is queued or running and the jobs themselves are destroyed. Not for use
    // inside a job.
    void drain() EXCLUDES(mutex_);
    // Jobs queued and not started.
    size_t queued() const EXCLUDES(mutex_);

  private:
    void run();
    void add_thread() REQUIRES(mutex_);

    const std::string name_;
    const size_t threads_max_;
    mutable Mutex mutex_;
    Semaphore tokens_;  // one for each job, and one for each thread to end
    CondVar drained_;   // nothing queued or running
    std::deque<std::function<void()>> jobs_ GUARDED_BY(mutex_);
    std::vector<std::thread> threads_ GUARDED_BY(mutex_);
    size_t idle_ GUARDED_BY(mutex_) = 0;
    size_t running_ GUARDED_BY(mutex_) = 0;
    bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace xbucket
