// SPDX-FileCopyrightText: the xbucket authors
#include "log_limit.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace xbucket::fuse {
namespace {

constexpr std::optional<uint64_t> kLeftOut;

TimePoint at(std::chrono::milliseconds since_start) { return {since_start}; }

TEST(LogLimitTest, a_repeated_error_is_logged_a_few_times_and_then_once_a_second_with_a_count) {
    LogLimit limit;
    using std::chrono::milliseconds;
    for (unsigned i = 0; i < LogLimit::kBurst; ++i) EXPECT_EQ(limit.admit(EPERM, at({})), 0U);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(limit.admit(EPERM, at(milliseconds(i))), kLeftOut);
    EXPECT_EQ(limit.admit(EPERM, at(milliseconds(1000))), 1000U);
    EXPECT_EQ(limit.admit(EPERM, at(milliseconds(1001))), kLeftOut);
    EXPECT_EQ(limit.admit(EPERM, at(milliseconds(2000))), 1U);
}

TEST(LogLimitTest, one_kind_of_error_keeps_no_other_from_the_log) {
    LogLimit limit;
    for (int i = 0; i < 1000; ++i) limit.admit(EPERM, at({}));
    EXPECT_EQ(limit.admit(EIO, at({})), 0U);
}

TEST(LogLimitTest, after_a_quiet_while_the_first_ones_are_logged_again) {
    LogLimit limit;
    for (int i = 0; i < 1000; ++i) limit.admit(EPERM, at({}));
    const TimePoint later = at(std::chrono::hours(1000));
    EXPECT_EQ(limit.admit(EPERM, later), 1000U - LogLimit::kBurst);
    for (unsigned i = 1; i < LogLimit::kBurst; ++i) EXPECT_EQ(limit.admit(EPERM, later), 0U);
    EXPECT_EQ(limit.admit(EPERM, later), kLeftOut);
}

}  // namespace
}  // namespace xbucket::fuse
