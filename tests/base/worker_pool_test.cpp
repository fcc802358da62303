// SPDX-FileCopyrightText: the xbucket authors
// Jobs wait for each other on latches, never for time.
#include "xbucket/base/worker_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <latch>
#include <memory>
#include <numeric>
#include <pthread.h>
#include <stdexcept>
#include <vector>

namespace xbucket {
namespace {

TEST(WorkerPool, one_thread_runs_jobs_in_the_order_posted) {
    WorkerPool pool("test", 1);
    std::vector<int> order;
    for (int i = 0; i < 100; ++i) pool.post([&order, i] { order.push_back(i); });
    pool.drain();
    std::vector<int> expected(100);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(order, expected);
}

// Passes only if all four run at once.
TEST(WorkerPool, as_many_jobs_as_threads_run_at_once) {
    WorkerPool pool("test", 4);
    std::latch all_here(4);
    for (int i = 0; i < 4; ++i) pool.post([&] { all_here.arrive_and_wait(); });
    pool.drain();
}

// Once the threads have been idle, too: none may be lost to a wrong count of the idle.
TEST(WorkerPool, all_threads_come_back_to_work_after_idling) {
    WorkerPool pool("test", 4);
    for (int round = 0; round < 200; ++round) {
        std::latch all_here(4);
        for (int i = 0; i < 4; ++i) pool.post([&] { all_here.arrive_and_wait(); });
        pool.drain();
    }
}

TEST(WorkerPool, no_more_jobs_run_at_once_than_there_are_threads) {
    WorkerPool pool("test", 3);
    std::atomic<int> running = 0;
    std::atomic<int> most = 0;
    for (int i = 0; i < 500; ++i) {
        pool.post([&] {
            const int now = ++running;
            int seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
            --running;
        });
    }
    pool.drain();
    EXPECT_LE(most, 3);
}

TEST(WorkerPool, queued_counts_what_has_not_started) {
    WorkerPool pool("test", 1);
    EXPECT_EQ(pool.queued(), 0U);
    std::latch started(1);
    std::latch go(1);
    pool.post([&] {
        started.count_down();
        go.wait();
    });
    started.wait();
    pool.post([] {});
    pool.post([] {});
    EXPECT_EQ(pool.queued(), 2U);
    go.count_down();
    pool.drain();
    EXPECT_EQ(pool.queued(), 0U);
}

TEST(WorkerPool, drain_of_an_unused_pool_returns) {
    WorkerPool pool("test", 2);
    pool.drain();
}

TEST(WorkerPool, drain_waits_for_jobs_that_jobs_post) {
    WorkerPool pool("test", 2);
    std::atomic<int> done = 0;
    pool.post([&] {
        pool.post([&] {
            pool.post([&] { ++done; });
            ++done;
        });
        ++done;
    });
    pool.drain();
    EXPECT_EQ(done, 3);
}

TEST(WorkerPool, drain_returns_after_the_job_itself_is_destroyed) {
    WorkerPool pool("test", 1);
    auto held = std::make_shared<int>(1);
    pool.post([copy = held] { (void)copy; });
    pool.drain();
    EXPECT_EQ(held.use_count(), 1);
}

TEST(WorkerPool, destructor_runs_what_is_queued_and_what_that_posts) {
    std::atomic<int> done = 0;
    {
        WorkerPool pool("test", 2);
        for (int i = 0; i < 50; ++i) {
            pool.post([&] {
                ++done;
                pool.post([&] { ++done; });
            });
        }
    }
    EXPECT_EQ(done, 100);
}

TEST(WorkerPool, job_that_throws_costs_neither_its_thread_nor_the_next_job) {
    WorkerPool pool("test", 1);
    bool ran = false;
    ::testing::internal::CaptureStderr();
    pool.post([] { throw std::runtime_error("broken contract"); });
    pool.post([] { throw 1; });
    pool.post([&] { ran = true; });
    pool.drain();
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("broken contract"), std::string::npos);
    EXPECT_TRUE(ran);
}

TEST(WorkerPool, workers_block_signals_and_bear_the_pools_name) {
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    WorkerPool pool("a-name-longer-than-fifteen", 1);
    bool blocked = false;
    std::array<char, 16> name{};
    pool.post([&] {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGHUP) == 1;
        pthread_getname_np(pthread_self(), name.data(), name.size());
    });
    pool.drain();
    EXPECT_TRUE(blocked);
    EXPECT_STREQ(name.data(), "a-name-longer-t");

    sigset_t after;
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    EXPECT_EQ(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM))
        << "the poster's own mask is put back";
}

TEST(WorkerPool, many_posters_lose_no_job) {
    std::atomic<int> done = 0;
    WorkerPool target("test", 4);
    {
        WorkerPool posters("post", 4);
        for (int i = 0; i < 4; ++i) {
            posters.post([&] {
                for (int n = 0; n < 1000; ++n) target.post([&] { ++done; });
            });
        }
    }
    target.drain();
    EXPECT_EQ(done, 4000);
}

}  // namespace
}  // namespace xbucket
