// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/base/sync_directory.h"

#include <gtest/gtest.h>

namespace xbucket {
namespace {

TEST(SyncDirectoryTest, a_directory_is_made_durable) {
    EXPECT_TRUE(sync_directory(testing::TempDir()));
    EXPECT_TRUE(sync_directory(testing::TempDir() + "/.."));
}

TEST(SyncDirectoryTest, what_is_not_there_or_no_directory_is_an_error_that_names_it) {
    const Result<void> missing = sync_directory("/nowhere/at/all");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::io);
    EXPECT_NE(missing.error().message.find("/nowhere/at/all"), std::string::npos);
    EXPECT_FALSE(sync_directory("/etc/hostname"));
}

}  // namespace
}  // namespace xbucket
