// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/store/key_order.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace xbucket {
namespace {

TEST(KeyOrder, one_key_is_held_by_one_at_a_time) {
    KeyOrder order;
    int unguarded = 0;
    std::atomic<int> inside{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 200; ++i) {
                const auto turn = order.acquire(ObjectKey("k"));
                EXPECT_EQ(++inside, 1);
                ++unguarded;
                --inside;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(unguarded, 1600);
    EXPECT_FALSE(order.is_held(ObjectKey("k")));
}

TEST(KeyOrder, other_keys_do_not_wait) {
    KeyOrder order;
    const auto a = order.acquire(ObjectKey("a"));
    const auto b = order.acquire(ObjectKey("b"));
    EXPECT_TRUE(order.is_held(ObjectKey("a")));
    EXPECT_TRUE(order.is_held(ObjectKey("b")));
    EXPECT_FALSE(order.is_held(ObjectKey("c")));
}

TEST(KeyOrder, crossing_pairs_do_not_deadlock) {
    KeyOrder order;
    std::thread forward([&] {
        for (int i = 0; i < 500; ++i) (void)order.acquire(ObjectKey("a"), ObjectKey("b"));
    });
    std::thread backward([&] {
        for (int i = 0; i < 500; ++i) (void)order.acquire(ObjectKey("b"), ObjectKey("a"));
    });
    forward.join();
    backward.join();
    EXPECT_FALSE(order.is_held(ObjectKey("a")));
    EXPECT_FALSE(order.is_held(ObjectKey("b")));
}

TEST(KeyOrder, a_pair_of_the_same_key_is_that_key) {
    KeyOrder order;
    auto turn = order.acquire(ObjectKey("a"), ObjectKey("a"));
    EXPECT_TRUE(order.is_held(ObjectKey("a")));
    turn.release();
    EXPECT_FALSE(order.is_held(ObjectKey("a")));
}

TEST(KeyOrder, tells_once_that_a_key_was_released_also_where_it_is_handed_on) {
    KeyOrder order;
    int told = 0;
    EXPECT_FALSE(order.when_released(ObjectKey("k"), [&] { ++told; })) << "nobody holds it";
    auto turn = order.acquire(ObjectKey("k"));
    EXPECT_TRUE(order.when_released(ObjectKey("k"), [&] {
        ++told;
        static_cast<void>(order.is_held(ObjectKey("k")));  // no lock is held
    }));
    turn.release();
    EXPECT_EQ(told, 1);
    turn = order.acquire(ObjectKey("k"));
    EXPECT_TRUE(order.when_released(ObjectKey("k"), [&] { ++told; }));
    std::thread next([&] { static_cast<void>(order.acquire(ObjectKey("k"))); });
    turn.release();
    EXPECT_EQ(told, 2);
    next.join();
    EXPECT_EQ(told, 2);
}

TEST(KeyOrder, a_moved_turn_releases_once) {
    KeyOrder order;
    auto first = order.acquire(ObjectKey("a"));
    KeyOrder::Turn second = std::move(first);
    first.release();  // NOLINT: a moved-from turn holds nothing
    EXPECT_TRUE(order.is_held(ObjectKey("a")));
    second = order.acquire(ObjectKey("b"));
    EXPECT_FALSE(order.is_held(ObjectKey("a")));
    EXPECT_TRUE(order.is_held(ObjectKey("b")));
}

}  // namespace
}  // namespace xbucket
