// SPDX-FileCopyrightText: the xbucket authors
// A clock that moves only when a test says so.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"

namespace xbucket::testing {

// Thread-safe. sleep_for() advances the clock itself and returns at once, so that code which
// backs off or waits for a base to settle runs at full speed and its waiting can be measured.
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
    void sleep_for(Duration d) override { advance(d); }
    bool is_real() const override { return false; }

    void advance(Duration d) {
        LockGuard lock(mutex_);
        elapsed_ += d;
    }

  private:
    mutable Mutex mutex_;
    WallTime wall_ GUARDED_BY(mutex_);
    Duration elapsed_ GUARDED_BY(mutex_){0};
};

}  // namespace xbucket::testing
