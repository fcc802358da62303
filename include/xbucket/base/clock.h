// SPDX-FileCopyrightText: the xbucket authors
// Time comes in by constructor. Two readings that are never mixed: now() for deadlines and cache
// lives, wall_now() for signatures and timestamps. Waiting on a condition with a deadline goes
// through CondVar::wait_until(lock, clock, deadline) in sync.h so that FakeClock can advance it.
#pragma once

#include <chrono>
#include <cstdint>

namespace xbucket {

using Duration = std::chrono::nanoseconds;
// Monotonic; its zero means nothing.
struct TimePoint {
    std::chrono::nanoseconds since_start{0};
    friend auto operator<=>(const TimePoint&, const TimePoint&) = default;
    friend TimePoint operator+(TimePoint t, Duration d) { return {t.since_start + d}; }
    friend TimePoint operator-(TimePoint t, Duration d) { return {t.since_start - d}; }
    friend Duration operator-(TimePoint a, TimePoint b) { return a.since_start - b.since_start; }
    static constexpr TimePoint never() { return {std::chrono::nanoseconds::max()}; }
};
// Nanoseconds since 1970-01-01T00:00:00Z.
struct WallTime {
    std::chrono::nanoseconds since_epoch{0};
    friend auto operator<=>(const WallTime&, const WallTime&) = default;
    friend WallTime operator+(WallTime t, Duration d) { return {t.since_epoch + d}; }
    friend WallTime operator-(WallTime t, Duration d) { return {t.since_epoch - d}; }
    friend Duration operator-(WallTime a, WallTime b) { return a.since_epoch - b.since_epoch; }
    // Whole seconds, rounded down. Not chrono's floor, which overflows at the far past.
    int64_t seconds() const {
        const int64_t count = since_epoch.count();
        return count / 1'000'000'000 - (count % 1'000'000'000 < 0 ? 1 : 0);
    }
    // What seconds() leaves out: 0 to 999,999,999.
    int64_t nanosecond() const {
        const int64_t rest = since_epoch.count() % 1'000'000'000;
        return rest < 0 ? rest + 1'000'000'000 : rest;
    }
    static WallTime from_seconds(int64_t s) { return {std::chrono::seconds(s)}; }
};

// Thread-safe.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual TimePoint now() const = 0;
    virtual WallTime wall_now() const = 0;
    // Blocks the calling thread for `d` of this clock's time.
    virtual void sleep_for(Duration d) = 0;
    // False for clocks that a test moves by hand: waiters then poll the clock instead of the OS.
    virtual bool is_real() const { return true; }
};

class SystemClock final : public Clock {
  public:
    TimePoint now() const override;
    WallTime wall_now() const override;
    void sleep_for(Duration d) override;
};

}  // namespace xbucket
