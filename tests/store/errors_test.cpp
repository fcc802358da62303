// SPDX-FileCopyrightText: the xbucket authors
// From refusals to kinds: the table of protocol.md section 8, and what HEAD leaves of it.
#include "errors.h"

#include "xbucket/base/encoding.h"

#include <gtest/gtest.h>

namespace xbucket {
namespace {

using std::chrono::milliseconds;

HttpResponse reply(int status, std::string body = "", Headers headers = {}) {
    HttpResponse out;
    out.status = status;
    out.body = std::move(body);
    out.headers = std::move(headers);
    return out;
}

std::string document(const std::string& code, const std::string& inside = "") {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n  <Code> " + code +
           " </Code>\n <Message>said</Message><RequestId>BODY</RequestId>" + inside + "</Error>";
}

struct Row {
    int status;
    const char* code;
    ErrorKind kind;
};

TEST(Errors, codes_map_to_kinds_as_the_table_says) {
    using enum ErrorKind;
    const Row rows[] = {
        {404, "NoSuchKey", not_found},
        {404, "SymlinkTargetNotExist", not_found},
        {404, "NoSuchVersion", not_found},
        {404, "NoSuchUpload", not_found},
        {404, "NoSuchBucket", no_such_bucket},
        {403, "AccessDenied", access_denied},
        {403, "UserDisable", access_denied},
        {403, "InvalidAccessKeyId", bad_credentials},
        {403, "SignatureDoesNotMatch", bad_credentials},
        {403, "SecurityTokenExpired", expired_credentials},
        {403, "InvalidSecurityToken", expired_credentials},
        {400, "ExpiredToken", expired_credentials},
        {403, "InvalidTokenId", expired_credentials},
        {400, "TokenRefreshRequired", expired_credentials},
        {403, "RequestTimeTooSkewed", clock_skew},
        {403, "InvalidObjectState", archived},
        {409, "RestoreAlreadyInProgress", conflict},
        {400, "InvalidTargetType", symlink_loop},
        {409, "FileAlreadyExists", already_exists},
        {409, "FileImmutable", not_permitted},
        {409, "WORMConfigurationLocked", not_permitted},
        {409, "ObjectNotAppendable", unsupported},
        {412, "PreconditionFailed", precondition_failed},
        {409, "ConditionalRequestConflict", conflict},
        {400, "MetadataTooLarge", no_attribute_space},
        {400, "KeyTooLongError", name_too_long},
        {400, "InvalidObjectName", invalid_name},
        {400, "InvalidArgument", invalid_argument},
        {400, "EntityTooLarge", file_too_large},
        {416, "InvalidRange", bad_range},
        {400, "OperationNotSupported", unsupported},
        {501, "NotImplemented", unsupported},
        {403, "SecondLevelDomainForbidden", wrong_endpoint},
        {503, "SlowDown", throttled},
        {503, "TotalQpsLimitExceeded", throttled},
        {429, "TooManyRequests", throttled},
        {500, "InternalError", server_error},
        {400, "BadDigest", checksum_mismatch},
        {400, "RequestTimeout", timed_out},
        // Unknown codes go by their status.
        {403, "SomethingNew", access_denied},
        {418, "SomethingNew", invalid_argument},
        {599, "SomethingNew", server_error},
    };
    for (const Row& row : rows) {
        const Error error = parse_error("x-oss-", reply(row.status, document(row.code)));
        EXPECT_EQ(to_string(error.kind), to_string(row.kind)) << row.code;
        EXPECT_EQ(error.code, row.code);
        EXPECT_EQ(error.http_status, row.status);
        EXPECT_FALSE(error.message.empty());
        EXPECT_FALSE(error.outcome_unknown);
    }
}

TEST(Errors, bare_statuses_map_to_kinds) {
    using enum ErrorKind;
    const Row rows[] = {
        {301, "", wrong_endpoint},      {304, "", not_modified},  {400, "", invalid_argument},
        {401, "", bad_credentials},     {403, "", access_denied}, {404, "", not_found},
        {405, "", unsupported},         {408, "", timed_out},     {409, "", conflict},
        {412, "", precondition_failed}, {416, "", bad_range},     {429, "", throttled},
        {431, "", no_attribute_space},  {500, "", server_error},  {501, "", unsupported},
        {502, "", server_error},        {503, "", throttled},     {507, "", no_space},
        {100, "", bad_reply},           {999, "", bad_reply}};
    for (const Row& row : rows) {
        const Error error = parse_error("x-amz-", reply(row.status));
        EXPECT_EQ(to_string(error.kind), to_string(row.kind)) << row.status;
    }
}

TEST(Errors, head_errors_of_oss_are_read_from_their_header) {
    const std::string encoded = base64_encode(document("SecurityTokenExpired"));
    const Error error = parse_error(
        "x-oss-", reply(403, "", {{"X-Oss-Err", encoded}, {"x-oss-request-id", "HEADER"}}));
    EXPECT_EQ(error.kind, ErrorKind::expired_credentials);
    EXPECT_EQ(error.request_id, "HEADER");
}

TEST(Errors, a_head_of_a_missing_bucket_is_not_taken_for_a_missing_object) {
    const Error error = parse_error(
        "x-oss-", reply(404, "", {{"x-oss-err", base64_encode(document("NoSuchBucket"))}}));
    EXPECT_EQ(error.kind, ErrorKind::no_such_bucket);
}

TEST(Errors, hostile_documents_fall_back_on_the_status) {
    const std::string bodies[] = {
        "<html>404</html>",
        "<Error><Code>NoSuchBucket",
        "<!DOCTYPE x [<!ENTITY a \"b\">]><Error><Code>NoSuchBucket</Code></Error>",
        std::string(100'000, ' ') + document("NoSuchBucket"),
        std::string("\0\xff\xfe", 3),
    };
    for (const std::string& body : bodies) {
        EXPECT_EQ(parse_error("x-oss-", reply(404, body)).kind, ErrorKind::not_found);
    }
    EXPECT_EQ(parse_error("x-oss-", reply(404, "", {{"x-oss-err", "%%%"}})).kind,
              ErrorKind::not_found);
}

TEST(Errors, what_the_service_says_cannot_forge_a_log_line) {
    const Error error =
        parse_error("x-oss-", reply(400,
                                    "<Error><Code>InvalidArgument</Code><Message>a\nERROR root "
                                    "logged in</Message></Error>"));
    EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
}

TEST(Errors, a_wrong_endpoint_carries_where_to_go) {
    EXPECT_EQ(parse_error("x-oss-", reply(403, document("AccessDenied",
                                                        "<Endpoint>oss-cn-beijing."
                                                        "aliyuncs.com</Endpoint>")))
                  .hint,
              "oss-cn-beijing.aliyuncs.com");
    EXPECT_EQ(parse_error("x-amz-", reply(301, "", {{"x-amz-bucket-region", "eu-west-1"}})).hint,
              "eu-west-1");
    const Error malformed = parse_error(
        "x-amz-",
        reply(400, document("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")));
    EXPECT_EQ(malformed.kind, ErrorKind::wrong_endpoint);
    EXPECT_EQ(malformed.hint, "eu-west-1");
    EXPECT_EQ(parse_error("x-amz-", reply(400, document("AuthorizationHeaderMalformed"))).kind,
              ErrorKind::bad_credentials);
    EXPECT_EQ(parse_error("x-amz-", reply(400, "", {{"x-amz-bucket-region", "eu-west-1"}})).kind,
              ErrorKind::wrong_endpoint);
    EXPECT_EQ(parse_error("x-amz-", reply(301, "", {{"x-amz-bucket-region", "a/../b?c"}})).hint,
              "");
}

TEST(Errors, clock_skew_carries_the_services_time) {
    const Error error = parse_error("x-oss-", reply(403, document("RequestTimeTooSkewed"),
                                                    {{"Date", "Tue, 14 Nov 2023 22:13:20 GMT"}}));
    EXPECT_EQ(error.hint, "Tue, 14 Nov 2023 22:13:20 GMT");
}

TEST(Errors, a_delete_marker_by_version_is_not_there) {
    EXPECT_EQ(parse_error("x-amz-", reply(405, "", {{"x-amz-delete-marker", "true"}})).kind,
              ErrorKind::not_found);
}

TEST(Errors, an_error_inside_a_success_is_found_and_other_documents_are_not) {
    const auto error =
        parse_error_in_success("x-amz-", reply(200, "\n\n  " + document("SomethingNew")));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::server_error);
    EXPECT_FALSE(parse_error_in_success("x-amz-", reply(200, "<CopyObjectResult/>")));
    EXPECT_FALSE(parse_error_in_success("x-amz-", reply(200, "")));
}

TEST(Errors, the_longest_delay_asked_for_counts_up_to_a_minute) {
    EXPECT_EQ(retry_after_of({}), milliseconds(0));
    EXPECT_EQ(retry_after_of({{"Retry-After", " 5 "}}), milliseconds(5000));
    EXPECT_EQ(retry_after_of({{"Retry-After", "86400"}}), milliseconds(60000));
    EXPECT_EQ(retry_after_of({{"Retry-After", "18446744073709551615"}}), milliseconds(60000));
    EXPECT_EQ(retry_after_of({{"Retry-After", "-5"}}), milliseconds(0));
    EXPECT_EQ(retry_after_of({{"x-oss-qos-delay-time", "250"}}), milliseconds(250));
    EXPECT_EQ(retry_after_of({{"x-amz-retry-after", "300"}, {"Retry-After", "1"}}),
              milliseconds(1000));
    EXPECT_EQ(retry_after_of({{"Retry-After", "Tue, 14 Nov 2023 22:13:30 GMT"},
                              {"Date", "Tue, 14 Nov 2023 22:13:20 GMT"}}),
              milliseconds(10000));
    EXPECT_EQ(retry_after_of({{"Retry-After", "Tue, 14 Nov 2023 22:13:00 GMT"},
                              {"Date", "Tue, 14 Nov 2023 22:13:20 GMT"}}),
              milliseconds(0));
}

}  // namespace
}  // namespace xbucket
