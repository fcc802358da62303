// SPDX-FileCopyrightText: the xbucket authors
#include "metrics.h"

#include "support/fake_clock.h"
#include "support/temp_dir.h"

#include "xbucket/base/log_levels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

namespace xbucket::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using xbucket::testing::FakeClock;
using xbucket::testing::TempDir;

TEST(MetricsText, numbers_become_metrics_and_text_becomes_labels) {
    const auto text = metrics_text(
        R"({"version":"0.1","pid":7,"source":"oss://a\"b","uptime_seconds":5,"retries":2,)"
        R"("requests":{"HEAD":3,"LIST":1},"updates":{"run":4},"service":{"honours":true}})");
    ASSERT_TRUE(text);
    EXPECT_THAT(*text, HasSubstr("# HELP xbucket_uptime_seconds Time since the mount.\n"
                                 "# TYPE xbucket_uptime_seconds gauge\n"
                                 "xbucket_uptime_seconds{source=\"oss://a\\\"b\"} 5\n"));
    EXPECT_THAT(*text, HasSubstr("# TYPE xbucket_retries_total counter\n"));
    EXPECT_THAT(*text,
                HasSubstr("xbucket_requests_total{source=\"oss://a\\\"b\",kind=\"HEAD\"} 3"));
    EXPECT_THAT(*text, HasSubstr("xbucket_updates_run_total{"));
    EXPECT_THAT(*text, HasSubstr("xbucket_service_honours{source=\"oss://a\\\"b\"} 1"));
    EXPECT_THAT(*text, HasSubstr("version=\"0.1\""));
    EXPECT_THAT(*text, Not(HasSubstr("pid")));
    EXPECT_FALSE(metrics_text("no json"));
    EXPECT_FALSE(metrics_text("[1]"));
}

TEST(MetricsPlace, is_a_port_of_this_machine_or_an_absolute_path) {
    EXPECT_EQ(parse_metrics_place("9123")->port, 9123);
    EXPECT_EQ(parse_metrics_place("9123")->address, "127.0.0.1");
    EXPECT_EQ(parse_metrics_place("localhost:1")->address, "127.0.0.1");
    EXPECT_EQ(parse_metrics_place("[::1]:1")->address, "::1");
    EXPECT_EQ(parse_metrics_place("/run/x.prom")->file, "/run/x.prom");
    for (const char* bad : {"", "x", "0.0.0.0:1", "10.0.0.1:1", "127.0.0.1:70000", "x.prom"}) {
        EXPECT_FALSE(parse_metrics_place(bad)) << bad;
    }
}

TEST(LogLevels, are_for_all_and_for_components) {
    EXPECT_EQ(*parse_log_levels("debug"), (LogLevels{LogLevel::debug, {}}));
    EXPECT_EQ(*parse_log_levels("http=debug, warning"),
              (LogLevels{LogLevel::warning, {{"http", LogLevel::debug}}}));
    for (const char* bad : {"", ",", "loud", "http=", "http=loud", "nothing=info", "=info"}) {
        EXPECT_FALSE(parse_log_levels(bad)) << bad;
    }
}

TEST(MetricsFile, what_others_planted_under_the_name_of_its_draft_is_left_alone) {
    const TempDir dir;
    const std::string secret = dir.write("secret", "keep me", 0600);
    const std::string linked = dir.write("linked", "keep me", 0600);
    FakeClock clock;
    const auto mode_of = [](const std::string& path) {
        struct stat st {};
        EXPECT_EQ(lstat(path.c_str(), &st), 0) << path;
        return st.st_mode;
    };
    for (const auto& [name, target, plant] :
         {std::tuple{"symbolic", secret, &symlink}, std::tuple{"hard", linked, &link}}) {
        const std::string file = dir / name;
        ASSERT_EQ(plant(target.c_str(), (file + ".tmp").c_str()), 0);
        const auto metrics = start_metrics_file(
            file, [] { return R"({"retries":2})"; }, clock);
        ASSERT_TRUE(metrics) << metrics.error().message;
        EXPECT_EQ(std::filesystem::file_size(target), 7U) << name;
        EXPECT_EQ(mode_of(target), mode_t{S_IFREG | 0600}) << name;
        EXPECT_EQ(mode_of(file), mode_t{S_IFREG | 0644}) << name;
    }
}

}  // namespace
}  // namespace xbucket::app
