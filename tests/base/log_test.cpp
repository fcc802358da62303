// SPDX-FileCopyrightText: the xbucket authors
// Through files in a fresh folder; every test leaves the log on stderr, as it found it.
#include "xbucket/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace xbucket {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

class LogTest : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string name = ::testing::TempDir() + "xbucket-log-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override {
        std::string error;
        EXPECT_TRUE(init_log({}, &error)) << error;
        std::filesystem::remove_all(folder_);
    }
    void open(LogLevel level, const std::string& file = "log") {
        std::string error;
        ASSERT_TRUE(init_log({.level = level, .target = path(file)}, &error)) << error;
    }
    std::string path(const std::string& file = "log") const { return folder_ / file; }
    std::vector<std::string> lines(const std::string& file = "log") const {
        std::ifstream in(path(file));
        std::vector<std::string> all;
        for (std::string line; std::getline(in, line);) all.push_back(line);
        return all;
    }

  private:
    std::filesystem::path folder_;
};

TEST_F(LogTest, line_has_utc_time_level_component_and_text) {
    open(LogLevel::info);
    log_warning("meta", "key={} attempt={}", "a/b", 2);
    ASSERT_EQ(lines().size(), 1U);
    EXPECT_THAT(lines()[0],
                MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                             "warning meta key=a/b attempt=2"));
}

TEST_F(LogTest, lines_below_the_level_are_dropped_and_the_level_can_change) {
    open(LogLevel::warning);
    log_info("a", "hidden");
    log_line(LogLevel::debug, "a", "hidden");
    log_error("a", "seen");
    set_log_level(LogLevel::debug);
    log_debug("a", "seen too");
    set_log_level(LogLevel::off);
    log_error("a", "hidden");
    EXPECT_THAT(lines(), ElementsAre(EndsWith("a seen"), EndsWith("a seen too")));
}

TEST_F(LogTest, nothing_is_enabled_when_off) {
    open(LogLevel::off);
    EXPECT_FALSE(log_enabled(LogLevel::error));
    EXPECT_FALSE(log_enabled(LogLevel::off));
}

TEST_F(LogTest, line_break_in_the_text_does_not_forge_a_line) {
    open(LogLevel::info);
    log_info("fs", "key={}", "a\n2024-01-01T00:00:00.000Z error fs forged");
    ASSERT_EQ(lines().size(), 1U);
    EXPECT_THAT(lines()[0], HasSubstr("key=a\\x0a2024"));
}

TEST_F(LogTest, braces_and_percent_signs_in_the_text_are_text) {
    open(LogLevel::info);
    log_line(LogLevel::info, "fs", "{} %v %n {0}");
    EXPECT_THAT(lines(), ElementsAre(EndsWith("fs {} %v %n {0}")));
}

TEST_F(LogTest, file_is_appended_to) {
    std::ofstream(path()) << "before\n";
    open(LogLevel::info);
    log_info("a", "after");
    EXPECT_THAT(lines(), ElementsAre("before", EndsWith("a after")));
}

TEST_F(LogTest, reopening_after_rotation_starts_the_new_file) {
    open(LogLevel::info);
    log_info("a", "first");
    std::filesystem::rename(path(), path("log.1"));
    log_info("a", "second");
    reopen_log();
    log_info("a", "third");
    EXPECT_THAT(lines("log.1"), ElementsAre(EndsWith("first"), EndsWith("second")));
    EXPECT_THAT(lines(), ElementsAre(EndsWith("third")));
}

TEST_F(LogTest, reopening_that_fails_keeps_the_old_file_and_says_so) {
    open(LogLevel::info);
    std::filesystem::rename(path(), path("log.1"));
    std::filesystem::create_directory(path());
    reopen_log();
    log_info("a", "still here");
    EXPECT_THAT(lines("log.1"),
                ElementsAre(HasSubstr("cannot open log file"), EndsWith("still here")));
}

TEST_F(LogTest, target_that_cannot_be_opened_leaves_the_log_where_it_was) {
    open(LogLevel::info);
    std::string error;
    EXPECT_FALSE(init_log({.level = LogLevel::debug, .target = path("no/such/folder")}, &error));
    EXPECT_THAT(error, HasSubstr("No such file or directory"));
    EXPECT_FALSE(init_log({.target = path("no/such/folder")}, nullptr));
    EXPECT_FALSE(log_enabled(LogLevel::debug));
    log_info("a", "still here");
    EXPECT_THAT(lines(), ElementsAre(EndsWith("still here")));
    EXPECT_FALSE(std::filesystem::exists(path("no")));
}

TEST_F(LogTest, file_is_not_for_everyone_to_read) {
    open(LogLevel::info);
    struct stat info {};
    ASSERT_EQ(stat(path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07, 0U);
}

TEST_F(LogTest, stderr_gets_lines_when_it_is_the_target) {
    ::testing::internal::CaptureStderr();
    std::string error;
    ASSERT_TRUE(init_log({}, &error));
    log_info("a", "to stderr");
    reopen_log();
    EXPECT_THAT(::testing::internal::GetCapturedStderr(), EndsWith("info a to stderr\n"));
}

// There may be no daemon to listen; the calls must still be safe, and twice in a row.
TEST_F(LogTest, syslog_can_be_opened_twice_and_left) {
    std::string error;
    ASSERT_TRUE(init_log({.target = "syslog"}, &error)) << error;
    log_debug("a", "not sent");
    ASSERT_TRUE(init_log({.target = "syslog"}, &error)) << error;
    reopen_log();
    open(LogLevel::info);
    EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(LogTest, lines_of_many_threads_stay_whole) {
    open(LogLevel::info);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([t] {
            for (int i = 0; i < 200; ++i) log_info("t", "thread={} {}", t, std::string(100, 'x'));
        });
    }
    for (int i = 0; i < 50; ++i) reopen_log();
    for (std::thread& thread : threads) thread.join();
    const std::vector<std::string> all = lines();
    EXPECT_EQ(all.size(), 800U);
    EXPECT_TRUE(std::all_of(all.begin(), all.end(), [](const std::string& line) {
        return line.ends_with(" " + std::string(100, 'x')) && line.starts_with("2");
    }));
}

}  // namespace
}  // namespace xbucket
