// SPDX-FileCopyrightText: the xbucket authors
// How far ahead is read: nothing for random reads, more and more for whoever reads on and waits.
#include "read_ahead.h"

#include <gtest/gtest.h>

namespace xbucket {
namespace {

constexpr uint64_t kKiB = 1U << 10;
constexpr uint64_t kMiB = 1U << 20;
constexpr uint64_t kGiB = 1U << 30;

class ReadAheadTest : public ::testing::Test {
  protected:
    // How many bytes beyond the read are to be fetched.
    uint64_t ahead(uint64_t offset, uint64_t bytes, bool missing = true,
                   uint64_t ahead_max = 64 * kMiB) {
        plan_ = read_ahead_.on_read(offset, bytes, size_, missing, ahead_max);
        return plan_.until - (offset + bytes);
    }
    uint64_t size_ = 4 * kGiB;
    ReadAhead read_ahead_;
    ReadAhead::Plan plan_;
};

TEST_F(ReadAheadTest, random_reads_fetch_what_they_ask_for) {
    for (const uint64_t offset : {3 * kGiB, 1 * kGiB, 2 * kGiB, 100 * kMiB, 700 * kMiB}) {
        EXPECT_EQ(ahead(offset, 4 * kKiB), 0u);
    }
}

TEST_F(ReadAheadTest, small_read_at_the_beginning_fetches_no_more_than_a_header) {
    EXPECT_EQ(ahead(0, 16 * kKiB), 112 * kKiB);
}

TEST_F(ReadAheadTest, small_object_read_from_its_beginning_is_one_get) {
    size_ = 1500 * kKiB;
    EXPECT_EQ(ahead(0, 256 * kKiB), size_ - 256 * kKiB);
    EXPECT_GE(plan_.piece_bytes, size_);
}

TEST_F(ReadAheadTest,
       pieces_of_a_small_object_may_come_in_any_order_and_it_is_one_get_all_the_same) {
    size_ = 1500 * kKiB;
    EXPECT_EQ(ahead(512 * kKiB, 128 * kKiB), size_ - 640 * kKiB);
    EXPECT_EQ(plan_.from, 0u);
    EXPECT_GE(plan_.piece_bytes, size_);
    read_ahead_ = ReadAhead();
    EXPECT_EQ(ahead(512 * kKiB, 4 * kKiB), 0u);
    EXPECT_EQ(plan_.from, 512 * kKiB);
}

TEST_F(ReadAheadTest, window_doubles_while_reads_find_nothing_and_stops_at_what_memory_allows) {
    ahead(0, kMiB);
    uint64_t before = 0;
    for (uint64_t i = 1; i < 12; ++i) {
        const uint64_t now = ahead(i * kMiB, kMiB);
        EXPECT_GE(now, before);
        before = now;
    }
    EXPECT_EQ(before, 64 * kMiB);
    EXPECT_EQ(plan_.piece_bytes, 16 * kMiB);
    EXPECT_EQ(ahead(12 * kMiB, kMiB, true, 16 * kMiB), 16 * kMiB);
    EXPECT_EQ(plan_.piece_bytes, 4 * kMiB);
}

TEST_F(ReadAheadTest, window_grows_slowly_where_everything_is_there_in_time) {
    ahead(0, kMiB);
    ahead(kMiB, kMiB);
    const uint64_t window = ahead(2 * kMiB, kMiB);
    for (uint64_t i = 3; i < 9; ++i) EXPECT_EQ(ahead(i * kMiB, kMiB, false), window);
    for (uint64_t i = 9; i < 64; ++i) EXPECT_LE(ahead(i * kMiB, kMiB, false), 16 * kMiB);
    for (uint64_t i = 64; i < 1000; ++i) EXPECT_LE(ahead(i * kMiB, kMiB, false), 64 * kMiB);
    EXPECT_EQ(plan_.piece_bytes, 16 * kMiB);
}

TEST_F(ReadAheadTest, pieces_of_one_sequential_read_may_come_in_any_order) {
    ahead(0, 256 * kKiB);
    ahead(768 * kKiB, kMiB);
    EXPECT_GT(ahead(256 * kKiB, 512 * kKiB), 0u);
    EXPECT_FALSE(plan_.new_place);
    EXPECT_GT(ahead(1792 * kKiB, kMiB), 0u);
    EXPECT_FALSE(plan_.new_place);
}

TEST_F(ReadAheadTest, jump_collapses_the_window) {
    for (uint64_t i = 0; i < 10; ++i) ahead(i * kMiB, kMiB);
    EXPECT_EQ(ahead(3 * kGiB, 64 * kKiB), 0u);
}

TEST_F(ReadAheadTest, two_places_in_one_file_are_both_followed) {
    for (uint64_t i = 0; i < 10; ++i) {
        ahead(i * kMiB, kMiB);
        ahead(2 * kGiB + i * kMiB, kMiB);
    }
    EXPECT_GE(ahead(10 * kMiB, kMiB), 32 * kMiB);
    EXPECT_GE(ahead(2 * kGiB + 10 * kMiB, kMiB), 32 * kMiB);
}

TEST_F(ReadAheadTest, a_fifth_place_takes_over_the_one_used_longest_ago) {
    ahead(0, kMiB);
    const size_t first = plan_.place;
    EXPECT_FALSE(plan_.new_place);
    for (uint64_t i = 1; i < 4; ++i) ahead(i * 500 * kMiB, kMiB);
    ahead(kMiB, kMiB);
    ahead(3 * kGiB, kMiB);
    EXPECT_TRUE(plan_.new_place);
    EXPECT_NE(plan_.place, first);
}

TEST_F(ReadAheadTest, nothing_is_read_past_the_end) {
    size_ = 3 * kMiB;
    ahead(0, kMiB);
    EXPECT_EQ(ahead(kMiB, kMiB), kMiB);
    EXPECT_EQ(ahead(2 * kMiB, kMiB), 0u);
}

}  // namespace
}  // namespace xbucket
