// SPDX-FileCopyrightText: the xbucket authors
#include "replies.h"

#include <gtest/gtest.h>

namespace xbucket::fuse {
namespace {

TEST(RepliesTest, a_copy_of_more_than_a_reply_can_count_is_done_in_several) {
    EXPECT_EQ(within_a_reply(0), 0u);
    EXPECT_EQ(within_a_reply(1U << 20), 1U << 20);
    EXPECT_EQ(within_a_reply((size_t{4} << 30) + 1), 0x7ffff000u);
    EXPECT_EQ(within_a_reply(SIZE_MAX), 0x7ffff000u);
}

}  // namespace
}  // namespace xbucket::fuse
