// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace xbucket {
namespace {

TEST(EnvironmentPaths, named_variables_hold_from_any_directory_and_no_other_changes) {
    const Environment given({{"FILE", "sub/keys"}, {"WHOLE", "/keys"}, {"OTHER", "sub/keys"}});
    const Environment absolute = given.with_absolute_paths({"FILE", "WHOLE", "UNSET"});
    EXPECT_EQ(absolute.first_of({"FILE"}), (std::filesystem::current_path() / "sub/keys").string());
    EXPECT_EQ(absolute.first_of({"WHOLE"}), "/keys");
    EXPECT_EQ(absolute.first_of({"OTHER"}), "sub/keys");
    EXPECT_FALSE(absolute.get("UNSET"));
}

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
