// SPDX-FileCopyrightText: the xbucket authors
#include "send_window.h"

#include <gtest/gtest.h>

namespace xbucket::testing {
namespace {

TEST(SendWindows, grow_while_nothing_has_to_be_tried_again_up_to_what_is_allowed) {
    SendWindow window(100);
    EXPECT_EQ(window.size(), 64U);
    TimePoint now;
    for (int i = 0; i < 10; ++i) window.sent(0, now);
    EXPECT_EQ(window.size(), 74U);
    for (int i = 0; i < 100; ++i) window.sent(0, now);
    EXPECT_EQ(window.size(), 100U);
}

TEST(SendWindows, fall_back_to_64_and_below_when_the_service_asks_for_patience) {
    SendWindow window(256);
    TimePoint now;
    for (int i = 0; i < 300; ++i) window.sent(0, now);
    ASSERT_EQ(window.size(), 256U);
    window.sent(1, now);
    EXPECT_EQ(window.size(), 64U);
    window.sent(2, now + std::chrono::milliseconds(500));
    EXPECT_EQ(window.size(), 64U) << "that may have been under way before";
    for (uint64_t second = 1; second < 10; ++second)
        window.sent(2 + second, now + std::chrono::seconds(2 * second));
    EXPECT_EQ(window.size(), SendWindow::kLeast);
    window.sent(11, now + std::chrono::seconds(30));
    EXPECT_EQ(window.size(), SendWindow::kLeast + 1) << "and it grows again";
}

TEST(SendWindows, never_exceed_what_is_allowed) {
    SendWindow window(4);
    EXPECT_EQ(window.size(), 4U);
    TimePoint now;
    window.sent(0, now);
    window.sent(1, now);
    EXPECT_EQ(window.size(), 4U);
}

}  // namespace
}  // namespace xbucket::testing
