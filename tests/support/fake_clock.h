// SPDX-FileCopyrightText: the xbucket authors
// A clock that moves only when a test says so.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"

#include <algorithm>
#include <set>

namespace xbucket::testing {

// Thread-safe. sleep_for() advances the clock itself and returns at once, so that code which
// backs off or waits for a base to settle runs at full speed and its waiting can be measured.
// Threads that compete need more: after share_among(n), time stands still until all n of them
// sleep, and then moves to the first that is to wake. Who gets in is then decided by how long each
// waits, never by the scheduler of this machine. Each ends with leave(), and none of them may
// wait for another in any way but sleeping.
class FakeClock final : public Clock {
  public:
    explicit FakeClock(WallTime wall = WallTime::from_seconds(1'700'000'000)) : wall_(wall) {}

    TimePoint now() const override {
        LockGuard lock(mutex_);
        return {elapsed_ + std::chrono::seconds(1)};
    }
    WallTime wall_now() const override {
        LockGuard lock(mutex_);
        return wall_ + elapsed_;
    }
    void sleep_for(Duration d) override {
        LockGuard lock(mutex_);
        if (threads_ == 0) {
            elapsed_ += d;
            return;
        }
        const Duration wake = elapsed_ + d;
        asleep_.insert(wake);
        wake_first();
        while (elapsed_ < wake) woken_.wait(mutex_);
    }
    bool is_real() const override { return false; }

    void advance(Duration d) {
        LockGuard lock(mutex_);
        elapsed_ += d;
    }
    void share_among(size_t threads) {
        LockGuard lock(mutex_);
        threads_ = threads;
    }
    void leave() {
        LockGuard lock(mutex_);
        --threads_;
        wake_first();
    }

  private:
    void wake_first() REQUIRES(mutex_) {
        if (asleep_.empty() || asleep_.size() < threads_) return;
        elapsed_ = std::max(elapsed_, *asleep_.begin());
        asleep_.erase(asleep_.begin(), asleep_.upper_bound(elapsed_));
        woken_.notify_all();
    }

    mutable Mutex mutex_;
    WallTime wall_ GUARDED_BY(mutex_);
    Duration elapsed_ GUARDED_BY(mutex_){0};
    size_t threads_ GUARDED_BY(mutex_) = 0;
    std::multiset<Duration> asleep_ GUARDED_BY(mutex_);  // when each is to wake
    CondVar woken_;
};

}  // namespace xbucket::testing
