// SPDX-FileCopyrightText: the xbucket authors
// Times are those of a clock that is moved by hand; jobs are waited for, never slept for.
#include "delayer.h"

#include "support/fake_clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace xbucket::local {
namespace {

using std::chrono::milliseconds;

TEST(Delayer, runs_each_job_at_its_time_and_not_before) {
    testing::FakeClock clock;
    Delayer delayer(clock);
    std::atomic<bool> early = false;
    CountDown first(1);
    CountDown second(1);
    const TimePoint begun = clock.now();
    // The later one comes first: who waits for it must hear of the other.
    delayer.at(begun + milliseconds(20), [&] {
        early = early || clock.now() < begun + milliseconds(20);
        second.count_down();
    });
    delayer.at(begun + milliseconds(10), [&] {
        early = early || clock.now() < begun + milliseconds(10);
        first.count_down();
    });
    clock.advance(milliseconds(10));
    first.wait();
    clock.advance(milliseconds(10));
    second.wait();
    EXPECT_FALSE(early);
}

TEST(Delayer, many_that_are_due_run_in_the_order_of_their_times) {
    testing::FakeClock clock;
    Delayer delayer(clock);
    constexpr int kJobs = 300;
    std::vector<int> order;  // of its one thread
    CountDown left(kJobs);
    for (int i = kJobs; i-- > 0;)
        delayer.at(clock.now() + milliseconds(1 + i), [&order, &left, i] {
            order.push_back(i);
            left.count_down();
        });
    clock.advance(milliseconds(kJobs));
    left.wait();
    ASSERT_EQ(order.size(), size_t{kJobs});
    for (int i = 0; i < kJobs; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

// The server's connections may be closed then.
TEST(Delayer, all_jobs_have_run_when_release_all_returns) {
    constexpr int kRounds = 200;
    for (int round = 0; round < kRounds; ++round) {
        testing::FakeClock clock;
        Delayer delayer(clock);
        constexpr int kJobs = 40;
        std::atomic<int> ran = 0;
        for (int i = 0; i < kJobs; ++i)
            delayer.at(clock.now() + milliseconds(i % 2), [&] { ++ran; });  // half of them are due
        delayer.at(TimePoint::never(), [&] { ++ran; });
        delayer.release_all();
        ASSERT_EQ(ran, kJobs + 1);
        delayer.at(clock.now() + milliseconds(1), [&] { ++ran; });
        ASSERT_EQ(ran, kJobs + 2);
    }
}

}  // namespace
}  // namespace xbucket::local
