// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace xbucket {
namespace {

TEST(EnvironmentScrub, all_key_variables_are_secret_and_others_are_not) {
    EXPECT_TRUE(is_secret_variable("OSS_ACCESS_KEY_SECRET"));
    EXPECT_TRUE(is_secret_variable("AWS_SECURITY_TOKEN"));
    EXPECT_FALSE(is_secret_variable("HOME"));
}

TEST(EnvironmentScrub, value_is_overwritten_where_it_lay) {
    ASSERT_EQ(setenv("OSS_ACCESS_KEY_SECRET", "hunter2", 1), 0);
    const char* value = getenv("OSS_ACCESS_KEY_SECRET");
    const Environment before = Environment::snapshot();
    scrub_environment();
    EXPECT_EQ(getenv("OSS_ACCESS_KEY_SECRET"), nullptr);
    EXPECT_EQ(std::string(value, 7), std::string(7, '\0'));
    EXPECT_EQ(before.get("OSS_ACCESS_KEY_SECRET"), "hunter2");
}

}  // namespace
}  // namespace xbucket
