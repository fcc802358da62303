// SPDX-FileCopyrightText: the xbucket authors
// One sentence for each way in which a bucket cannot be reached (issue 2, item 7).
#include "explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const AccessAttempt kAttempt = {.bucket = "photos",
                                .endpoint = "https://oss-cn-hangzhou.aliyuncs.com",
                                .region = "cn-hangzhou",
                                .access_key_id = "LTAIexample",
                                .key_source = "environment (OSS_*)",
                                .now = WallTime::from_seconds(1'700'000'000)};

std::string explain(ErrorKind kind, std::string message = "detail", std::string hint = "") {
    Error error(kind, std::move(message));
    error.hint = std::move(hint);
    return explain_access_failure(error, kAttempt);
}

TEST(ExplainAccessFailure, names_the_bucket_and_where_it_was_looked_for) {
    EXPECT_THAT(explain(ErrorKind::no_such_bucket),
                AllOf(HasSubstr("'photos'"), HasSubstr("cn-hangzhou"), HasSubstr("--region")));
}

TEST(ExplainAccessFailure, names_the_key_and_where_it_came_from) {
    EXPECT_THAT(explain(ErrorKind::bad_credentials),
                AllOf(HasSubstr("LTAIexample"), HasSubstr("environment (OSS_*)")));
    EXPECT_THAT(explain(ErrorKind::expired_credentials), HasSubstr("expired"));
    EXPECT_THAT(explain(ErrorKind::access_denied), HasSubstr("ListObjects"));
}

TEST(ExplainAccessFailure, anonymous_refusal_asks_for_a_key) {
    AccessAttempt anonymous = kAttempt;
    anonymous.access_key_id.clear();
    EXPECT_THAT(explain_access_failure(Error(ErrorKind::access_denied, ""), anonymous),
                HasSubstr("not public"));
}

TEST(ExplainAccessFailure, says_where_the_bucket_really_is) {
    EXPECT_THAT(explain(ErrorKind::wrong_endpoint, "", "oss-cn-beijing.aliyuncs.com"),
                HasSubstr("but at oss-cn-beijing.aliyuncs.com"));
    EXPECT_THAT(explain(ErrorKind::wrong_endpoint), HasSubstr("--endpoint"));
}

TEST(ExplainAccessFailure, shows_both_clocks) {
    EXPECT_THAT(explain(ErrorKind::clock_skew, "", "Wed, 15 Nov 2023 22:13:20 GMT"),
                AllOf(HasSubstr("Tue, 14 Nov 2023 22:13:20 GMT"), HasSubstr("Wed, 15 Nov 2023")));
}

TEST(ExplainAccessFailure, network_and_tls_failures_carry_their_reason) {
    EXPECT_THAT(explain(ErrorKind::network, "connection refused"),
                AllOf(HasSubstr("cannot reach"), HasSubstr("connection refused")));
    EXPECT_THAT(explain(ErrorKind::tls, "self-signed"),
                AllOf(HasSubstr("cannot be trusted"), HasSubstr("self-signed")));
    EXPECT_THAT(explain(ErrorKind::bad_reply, "no XML"), HasSubstr("is --endpoint right?"));
}

TEST(ExplainAccessFailure, other_kinds_keep_the_message_and_all_end_with_the_reference) {
    Error error(ErrorKind::server_error, "the service failed");
    error.http_status = 500;
    error.code = "InternalError";
    error.request_id = "5C3D";
    EXPECT_EQ(explain_access_failure(error, kAttempt),
              "the service failed (HTTP 500, code InternalError, request 5C3D)");
}

TEST(ExplainAccessFailure, bytes_from_the_service_cannot_forge_a_line) {
    Error error(ErrorKind::server_error, "a\nxbucket: mounted");
    error.code = "x\ny";
    EXPECT_THAT(explain_access_failure(error, kAttempt), Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace xbucket::app
