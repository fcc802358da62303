// SPDX-FileCopyrightText: the xbucket authors
#include "config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

Config good() {
    Config config;
    config.source_text = "oss://examplebucket";
    config.source = *parse_source(config.source_text);
    config.mountpoint = "/mnt";
    config.region = "cn-hangzhou";
    return config;
}

std::string refusal(const Config& config) {
    const auto verdict = validate(config);
    return verdict ? "" : verdict.error().message;
}

TEST(ParseDuration, units_and_bare_seconds) {
    EXPECT_EQ(*parse_duration("60"), seconds(60));
    EXPECT_EQ(*parse_duration("0"), seconds(0));
    EXPECT_EQ(*parse_duration("250ms"), milliseconds(250));
    EXPECT_EQ(*parse_duration("5m"), minutes(5));
    EXPECT_EQ(*parse_duration("2h"), minutes(120));
    EXPECT_EQ(*parse_duration("1d"), minutes(1440));
}

TEST(ParseDuration, refuses_what_is_none_and_what_overflows) {
    for (const char* text :
         {"", "s", "-1", "1.5", "5 m", "5x", "99999999999999999999", "999999999d"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(ParseSize, powers_of_1024) {
    EXPECT_EQ(*parse_size("0"), 0U);
    EXPECT_EQ(*parse_size("512"), 512U);
    EXPECT_EQ(*parse_size("512K"), 512U << 10);
    EXPECT_EQ(*parse_size("64mib"), 64U << 20);
    EXPECT_EQ(*parse_size("2GB"), 2ULL << 30);
    EXPECT_EQ(*parse_size("1t"), 1ULL << 40);
    for (const char* text : {"", "K", "1X", "1MM", "99999999T", "-1", "1.5G"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
}

TEST(ParseMode, octal_up_to_0777) {
    EXPECT_EQ(*parse_mode("0644"), 0644U);
    EXPECT_EQ(*parse_mode("7"), 7U);
    for (const char* text : {"", "0888", "u+w", "1777", "000644"})
        EXPECT_FALSE(parse_mode(text)) << text;
}

TEST(ParseBool, words) {
    for (const char* text : {"", "1", "true", "Yes", "ON"}) EXPECT_TRUE(*parse_bool(text)) << text;
    for (const char* text : {"0", "false", "no", "off"}) EXPECT_FALSE(*parse_bool(text)) << text;
    EXPECT_FALSE(parse_bool("maybe"));
}

TEST(Validate, defaults_with_a_source_and_a_mountpoint_are_good) { EXPECT_EQ(refusal(good()), ""); }

TEST(Validate, mountpoint_is_required) {
    Config config = good();
    config.mountpoint.clear();
    EXPECT_THAT(refusal(config), HasSubstr("no mount point"));
}

TEST(Validate, write_behind_needs_a_mount_that_writes_and_sends_within_an_hour) {
    Config config = good();
    config.commit = seconds(5);
    EXPECT_EQ(refusal(config), "");
    config.commit = std::chrono::hours(1);
    EXPECT_EQ(refusal(config), "");
    config.commit = std::chrono::hours(2);
    EXPECT_THAT(refusal(config), HasSubstr("above one hour"));
    config.commit = seconds(5);
    config.read_only = true;
    EXPECT_THAT(refusal(config), HasSubstr("read-only"));
    config.read_only = false;
    config.journal_changes = 0;
    EXPECT_THAT(refusal(config), HasSubstr("journal_changes"));
}

TEST(Validate, endpoint_must_be_scheme_host_and_port) {
    Config config = good();
    for (const char* text :
         {"oss-cn-hangzhou.aliyuncs.com", "https://oss-cn-hangzhou.aliyuncs.com", "https://h:8443/",
          "http://127.0.0.1:9000", "http://localhost", "http://[::1]:80"}) {
        config.endpoint = text;
        EXPECT_EQ(refusal(config), "") << text;
    }
    for (const char* text : {"ftp://h", "https://", "https://h/bucket", "https://id:secret@h"}) {
        config.endpoint = text;
        EXPECT_NE(refusal(config), "") << text;
    }
}

TEST(Validate, plain_http_to_another_machine_needs_consent) {
    Config config = good();
    for (const char* text :
         {"http://example.com", "http://127.evil.example", "http://10.0.0.1:80"}) {
        config.endpoint = text;
        config.allow_http = false;
        EXPECT_THAT(refusal(config), HasSubstr("--allow-http")) << text;
        config.allow_http = true;
        EXPECT_EQ(refusal(config), "") << text;
    }
}

TEST(Validate, contradictions_name_both_sides) {
    Config config = good();
    config.anonymous = true;
    config.profile = "dev";
    EXPECT_THAT(refusal(config), HasSubstr("--profile"));
    config = good();
    config.allow_other = config.allow_root = true;
    EXPECT_THAT(refusal(config), HasSubstr("allow_root"));
    config = good();
    config.source = *parse_source("s3://examplebucket");
    config.signature = SignatureVersion::v1;
    EXPECT_THAT(refusal(config), HasSubstr("SigV4"));
    config = good();
    config.source = *parse_source("local:/d");
    config.endpoint = "https://h";
    EXPECT_THAT(refusal(config), HasSubstr("local:"));
}

TEST(Validate, numbers_out_of_range) {
    Config config = good();
    config.negative_ttl = config.ttl + seconds(1);
    EXPECT_NE(refusal(config), "");
    config = good();
    config.cache_bytes = 1000;
    EXPECT_NE(refusal(config), "");
    config = good();
    config.workers = 0;
    EXPECT_NE(refusal(config), "");
    config = good();
    config.spool_bytes = 1;
    EXPECT_NE(refusal(config), "");
    config = good();
    config.timeout = milliseconds(10);
    EXPECT_NE(refusal(config), "");
    config = good();
    config.stop_timeout = milliseconds(10);
    EXPECT_NE(refusal(config), "");
}

TEST(ValidateLocation, oss_needs_a_region_or_an_endpoint) {
    Config config = good();
    EXPECT_TRUE(validate_location(config));
    config.region.clear();
    const auto verdict = validate_location(config);
    ASSERT_FALSE(verdict);
    EXPECT_THAT(verdict.error().message, HasSubstr("--region"));
    config.endpoint = "https://h";
    EXPECT_TRUE(validate_location(config));
    config.endpoint.clear();
    config.source = *parse_source("s3://examplebucket");
    EXPECT_TRUE(validate_location(config));
    config.source = *parse_source("local:/d");
    EXPECT_TRUE(validate_location(config));
}

}  // namespace
}  // namespace xbucket::app
