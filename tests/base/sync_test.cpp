// SPDX-FileCopyrightText: the xbucket authors
// What waits for threads. Lifetimes are for the sanitizers to judge.
#include "xbucket/base/sync.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace xbucket {
namespace {

TEST(Semaphore, gives_no_more_tokens_than_were_released) {
    Semaphore semaphore(1);
    std::atomic<int> taken = 0;
    constexpr int kThreads = 4;
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i)
        threads.emplace_back([&] {
            semaphore.acquire();
            EXPECT_EQ(++taken, 1);
            --taken;
            semaphore.release();
        });
    threads.clear();
    semaphore.acquire();
}

TEST(CountDown, shows_what_was_done_before_the_last_event) {
    constexpr int kRounds = 2000;
    for (int round = 0; round < kRounds; ++round) {
        std::vector<int> done(3);
        CountDown left(done.size());
        std::vector<std::jthread> threads;
        for (int& one : done)
            threads.emplace_back([&one, &left] {
                one = 1;
                left.count_down();
            });
        left.wait();
        EXPECT_EQ(done, std::vector<int>(3, 1));
    }
}

TEST(CountDown, of_nothing_is_over_at_once) { CountDown(0).wait(); }

// As a frame does that waits for a reply and returns.
TEST(CountDown, may_go_as_soon_as_the_wait_is_over) {
    constexpr int kRounds = 5000;
    std::vector<std::unique_ptr<CountDown>> lefts(kRounds);
    for (auto& left : lefts) left = std::make_unique<CountDown>(1);
    std::vector<CountDown*> counted;
    for (const auto& left : lefts) counted.push_back(left.get());
    const std::jthread other([&] {
        for (CountDown* left : counted) left->count_down();
    });
    for (auto& left : lefts) {
        left->wait();
        left.reset();
    }
}

}  // namespace
}  // namespace xbucket
