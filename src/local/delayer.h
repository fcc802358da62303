// SPDX-FileCopyrightText: the xbucket authors
// Calls back at a time: what --latency-ms, delay and stall faults rest on. One thread, started
// when first needed.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"

#include <cstdint>
#include <functional>
#include <map>
#include <thread>
#include <utility>

namespace xbucket::local {

// Thread-safe.
class Delayer {
  public:
    explicit Delayer(const Clock& clock) : clock_(clock) {}
    ~Delayer();
    // Runs `job` once `clock` is at `when` (TimePoint::never(): only at release_all()).
    void at(TimePoint when, std::function<void()> job) EXCLUDES(mutex_);
    // Runs all jobs now, and later ones at once; returns when all have run. Not for use inside one.
    void release_all() EXCLUDES(mutex_);

  private:
    void run();

    const Clock& clock_;
    Mutex mutex_;
    CondVar changed_;
    std::map<std::pair<TimePoint, uint64_t>, std::function<void()>> jobs_ GUARDED_BY(mutex_);
    uint64_t next_ GUARDED_BY(mutex_) = 0;
    bool running_ GUARDED_BY(mutex_) = false;  // jobs, with the lock released, or resting
    bool released_ GUARDED_BY(mutex_) = false;
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::thread thread_ GUARDED_BY(mutex_);
};

}  // namespace xbucket::local
