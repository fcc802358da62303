// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/clock.h"

#include "support/fake_clock.h"

#include "xbucket/base/sync.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace xbucket {
namespace {

using namespace std::chrono_literals;

TEST(WallTime, seconds_round_down_on_both_sides_of_1970) {
    EXPECT_EQ(WallTime{1999ms}.seconds(), 1);
    EXPECT_EQ(WallTime{-1ms}.seconds(), -1);
    EXPECT_EQ(WallTime::from_seconds(-5).seconds(), -5);
    EXPECT_EQ(WallTime{-1ns}.nanosecond(), 999'999'999);
    EXPECT_EQ(WallTime{Duration::min()}.seconds(), -9'223'372'037);
}

TEST(TimePoint, never_is_later_than_any_reading) {
    EXPECT_LT(SystemClock().now() + std::chrono::hours(24 * 365), TimePoint::never());
}

TEST(SystemClock, now_does_not_go_back) {
    const SystemClock clock;
    TimePoint last = clock.now();
    for (int i = 0; i < 1000; ++i) {
        const TimePoint next = clock.now();
        ASSERT_GE(next, last);
        last = next;
    }
}

TEST(SystemClock, wall_time_is_after_this_was_written) {
    EXPECT_GT(SystemClock().wall_now().seconds(), 1'700'000'000);
}

TEST(SystemClock, sleeping_for_no_time_or_less_returns) {
    SystemClock clock;
    clock.sleep_for(0ns);
    clock.sleep_for(-1h);
}

TEST(FakeClock, sleeping_moves_both_readings_and_returns_at_once) {
    testing::FakeClock clock;
    const TimePoint start = clock.now();
    const WallTime wall_start = clock.wall_now();
    clock.sleep_for(1h);
    EXPECT_EQ(clock.now() - start, Duration(1h));
    EXPECT_EQ(clock.wall_now() - wall_start, Duration(1h));
}

TEST(CondVar, deadline_in_the_past_returns_at_once) {
    const SystemClock clock;
    Mutex mutex;
    CondVar changed;
    LockGuard lock(mutex);
    changed.wait_until(mutex, clock, clock.now() - 1s);
}

TEST(CondVar, real_deadline_ends_the_wait) {
    const SystemClock clock;
    Mutex mutex;
    CondVar changed;
    LockGuard lock(mutex);
    const TimePoint deadline = clock.now() + 2ms;
    while (clock.now() < deadline) changed.wait_until(mutex, clock, deadline);
    EXPECT_GE(clock.now(), deadline);
}

// The second and third deadlines would overflow if they were added to the time of day.
TEST(CondVar, far_deadline_waits_for_the_notification) {
    for (const TimePoint deadline :
         {SystemClock().now() + 1h, TimePoint::never() - 1s, TimePoint::never()}) {
        const SystemClock clock;
        Mutex mutex;
        CondVar changed;
        bool ready = false;
        std::thread notifier([&] {
            LockGuard lock(mutex);
            ready = true;
            changed.notify_one();
        });
        {
            LockGuard lock(mutex);
            while (!ready) changed.wait_until(mutex, clock, deadline);
        }
        notifier.join();
        EXPECT_TRUE(ready);
    }
}

TEST(CondVar, clock_moved_by_hand_ends_the_wait_without_a_notification) {
    testing::FakeClock clock;
    Mutex mutex;
    CondVar changed;
    const TimePoint deadline = clock.now() + 24h;
    std::thread mover([&] { clock.advance(24h); });
    {
        LockGuard lock(mutex);
        while (clock.now() < deadline) changed.wait_until(mutex, clock, deadline);
    }
    mover.join();
    EXPECT_EQ(clock.now(), deadline);
}

}  // namespace
}  // namespace xbucket
