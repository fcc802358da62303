// SPDX-FileCopyrightText: the xbucket authors
// Many jobs at a time whose results are taken in the order in which the jobs came: what is printed
// does not depend on which reply was first.
#pragma once

#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"

#include <functional>
#include <map>

namespace xbucket::app {

// One thread posts; jobs run on others.
class Crew {
  public:
    // What a job leaves to be done in order; one of these runs at a time. May be empty.
    using Delivery = std::function<void()>;

    // At most `window` jobs wait for a thread or for their turn to deliver.
    Crew(size_t threads, size_t window) : window_(window), pool_("tool", threads) {}

    // Blocks while the window is full.
    void post(std::function<Delivery()> job) EXCLUDES(mutex_);
    // Returns when every job has delivered.
    void finish() EXCLUDES(mutex_);

  private:
    void deliver(uint64_t number, Delivery delivery) EXCLUDES(mutex_);

    const size_t window_;
    Mutex mutex_;
    CondVar moved_;
    uint64_t posted_ GUARDED_BY(mutex_) = 0;
    uint64_t delivered_ GUARDED_BY(mutex_) = 0;
    bool delivering_ GUARDED_BY(mutex_) = false;
    std::map<uint64_t, Delivery> ready_ GUARDED_BY(mutex_);
    WorkerPool pool_;
};

}  // namespace xbucket::app
