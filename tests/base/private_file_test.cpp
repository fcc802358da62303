// SPDX-FileCopyrightText: the xbucket authors
// Hostile files (reliability.md 2, row 40).
#include "xbucket/base/private_file.h"

#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace xbucket {
namespace {

using ::testing::HasSubstr;
using xbucket::testing::TempDir;

ErrorKind kind_of(const std::string& path) {
    const auto file = read_private_file(path);
    return file ? ErrorKind::internal : file.error().kind;
}

TEST(ReadPrivateFile, own_regular_file_is_read_whole) {
    const TempDir dir;
    const auto file = read_private_file(dir.write("f", "text\n"));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->text, "text\n");
    EXPECT_TRUE(check_unreadable_by_others(*file));
}

TEST(ReadPrivateFile, missing_file_is_not_found) {
    const TempDir dir;
    EXPECT_EQ(kind_of(dir / "none"), ErrorKind::not_found);
    EXPECT_EQ(kind_of(dir.write("f", "") + "/below"), ErrorKind::not_found);
}

TEST(ReadPrivateFile, symbolic_link_is_refused) {
    const TempDir dir;
    ASSERT_EQ(symlink(dir.write("real", "x").c_str(), (dir / "link").c_str()), 0);
    const auto file = read_private_file(dir / "link");
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().kind, ErrorKind::access_denied);
    EXPECT_THAT(file.error().message, HasSubstr("symbolic link"));
}

TEST(ReadPrivateFile, fifo_and_directory_are_refused_without_hanging) {
    const TempDir dir;
    ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
    EXPECT_EQ(kind_of(dir / "fifo"), ErrorKind::access_denied);
    EXPECT_EQ(kind_of(dir.path()), ErrorKind::access_denied);
}

TEST(ReadPrivateFile, file_that_others_can_write_is_refused_with_the_chmod_that_helps) {
    const TempDir dir;
    for (const mode_t mode : {0620U, 0602U, 0666U}) {
        const auto file = read_private_file(dir.write("f", "x", mode));
        ASSERT_FALSE(file) << mode;
        EXPECT_EQ(file.error().kind, ErrorKind::access_denied);
        EXPECT_THAT(file.error().message, HasSubstr("chmod go-w"));
    }
}

TEST(ReadPrivateFile, file_of_another_user_is_refused) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
    const TempDir dir;
    const std::string path = dir.write("f", "x");
    ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
    const auto file = read_private_file(path);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().kind, ErrorKind::access_denied);
    EXPECT_THAT(file.error().message, HasSubstr("12345"));
}

TEST(ReadPrivateFile, limit_is_64_KiB) {
    const TempDir dir;
    EXPECT_TRUE(read_private_file(dir.write("f", std::string(kPrivateFileBytesMax, 'x'))));
    EXPECT_EQ(kind_of(dir.write("f", std::string(kPrivateFileBytesMax + 1, 'x'))),
              ErrorKind::access_denied);
}

TEST(ReadPrivateFile, readable_by_others_is_allowed_until_a_secret_is_in_it) {
    const TempDir dir;
    const auto file = read_private_file(dir.write("f", "x", 0644));
    ASSERT_TRUE(file);
    const auto secret = check_unreadable_by_others(*file);
    ASSERT_FALSE(secret);
    EXPECT_THAT(secret.error().message, HasSubstr("chmod 600"));
}

TEST(StampOf, changes_with_the_content) {
    const TempDir dir;
    const std::string path = dir.write("f", "one");
    const FileStamp before = stamp_of(path);
    EXPECT_EQ(before, stamp_of(path));
    dir.write("f", "three");
    EXPECT_FALSE(before == stamp_of(path));
    EXPECT_FALSE(before == stamp_of(dir / "none"));
}

TEST(TokenFile, of_an_orchestrator_is_a_link_and_readable_by_others) {
    const TempDir home;
    home.write("data/token", " a.b.c\n", 0644);
    const std::string link = home / "token";
    ASSERT_EQ(symlink((home / "data/token").c_str(), link.c_str()), 0);
    const auto token = read_token_file(link);
    ASSERT_TRUE(token) << token.error().message;
    EXPECT_EQ(token->reveal(), "a.b.c");
}

TEST(TokenFile, empty_missing_and_writable_by_anybody_are_refused) {
    const TempDir home;
    EXPECT_EQ(read_token_file(home.write("t", "\n ", 0644)).error().kind,
              ErrorKind::bad_credentials);
    EXPECT_EQ(read_token_file(home / "none").error().kind, ErrorKind::not_found);
    EXPECT_EQ(read_token_file(home.write("w", "token", 0646)).error().kind,
              ErrorKind::access_denied);
    EXPECT_EQ(read_token_file(home.path()).error().kind, ErrorKind::access_denied);
    EXPECT_FALSE(read_token_file(home.write("l", std::string(65 << 10, 't'), 0644)));
}

}  // namespace
}  // namespace xbucket
