// SPDX-FileCopyrightText: the xbucket authors
// The 18 published vectors of protocol.md section 1, through the canonical forms that both the
// client and the local server use.
#include "xbucket/store/signing.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <gtest/gtest.h>

namespace xbucket {
namespace {

const Secret kOssSecret("sk");
const Secret kAwsSecret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
constexpr const char* kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kDate2022 = "Wed, 28 Dec 2022 10:27:41 GMT";

SignedRequest v1_put() {
    return {.method = "PUT",
            .bucket = "examplebucket",
            .key = "nelson",
            .headers = {{"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="},
                        {"Content-Type", "text/html"},
                        {"x-oss-meta-magic", "abracadabra"},
                        {"X-OSS-Meta-Author", " alice "},
                        {"Range", "bytes=0-1"},
                        {"x-oss-date", kDate2022}}};
}

TEST(OssV1Signing, vector_1_signs_md5_type_and_sorted_oss_headers) {
    const std::string text = oss_v1_string_to_sign(v1_put(), kDate2022);
    EXPECT_EQ(text,
              "PUT\neB5eJF1ptWaXm4bijSPyxw==\ntext/html\nWed, 28 Dec 2022 10:27:41 GMT\n"
              "x-oss-date:Wed, 28 Dec 2022 10:27:41 GMT\nx-oss-meta-author:alice\n"
              "x-oss-meta-magic:abracadabra\n/examplebucket/nelson");
    EXPECT_EQ(oss_v1_signature(kOssSecret, text), "kSHKmLxlyEAKtZPkJhG9bZb5k7M=");
}

TEST(OssV1Signing, vector_2_signs_the_acl_sub_resource) {
    SignedRequest request = v1_put();
    request.query = {{"acl", ""}, {"prefix", "unsigned"}};
    EXPECT_EQ(oss_v1_signature(kOssSecret, oss_v1_string_to_sign(request, kDate2022)),
              "/afkugFbmWDQ967j1vr6zygBLQk=");
}

TEST(OssV1Signing, vector_3_signs_bucket_requests_with_a_trailing_slash) {
    const SignedRequest request{.method = "GET",
                                .bucket = "examplebucket",
                                .query = {{"resourceGroup", ""}, {"acl", ""}, {"max-keys", "5"}},
                                .headers = {{"x-oss-date", kDate2022}}};
    const std::string text = oss_v1_string_to_sign(request, kDate2022);
    EXPECT_TRUE(text.ends_with("\n/examplebucket/?acl&resourceGroup")) << text;
    EXPECT_EQ(oss_v1_signature(kOssSecret, text), "x3E5TgOvl/i7PN618s5mEvpJDYk=");
}

TEST(OssV1Signing, vector_4_presigned_url_uses_expires_as_date) {
    const SignedRequest request{
        .method = "GET", .bucket = "bucket", .key = "key", .query = {{"versionId", "versionId"}}};
    EXPECT_EQ(oss_v1_signature(kOssSecret, oss_v1_string_to_sign(request, "1699807420")),
              "dcLTea+Yh9ApirQ8o8dOPqtvJXQ=");
}

TEST(OssV1Signing, vector_5_presigned_token_is_a_sub_resource_and_the_key_is_raw) {
    const SignedRequest request{.method = "GET",
                                .bucket = "bucket",
                                .key = "key+123",
                                .query = {{"versionId", "versionId"}, {"security-token", "token"}}};
    const std::string text = oss_v1_string_to_sign(request, "1699808204");
    EXPECT_EQ(text,
              "GET\n\n\n1699808204\n/bucket/key+123?security-token=token&versionId=versionId");
    EXPECT_EQ(oss_v1_signature(kOssSecret, text), "jzKYRrM5y6Br0dRFPaTGOsbrDhY=");
}

TEST(OssV1Signing, vector_6_put_meta_of_ali_oss_with_a_raw_utf8_key) {
    const char* date = "Mon, 23 Nov 2026 09:45:25 GMT";
    const SignedRequest request{
        .method = "PUT",
        .bucket = "examplebucket",
        .key = "dir/a b+\xC3\xA9.txt",
        .headers = {{"x-oss-date", date},
                    {"content-type", "text/plain"},
                    {"x-oss-copy-source", "/examplebucket/dir%2Fa%20b%2B%C3%A9.txt"},
                    {"x-oss-metadata-directive", "REPLACE"},
                    {"x-oss-meta-year", "2021"},
                    {"x-oss-meta-people", "evan"}}};
    EXPECT_EQ(oss_v1_signature(kOssSecret, oss_v1_string_to_sign(request, date)),
              "7T7j7+E8Ac85st53VKycBazt76U=");
}

TEST(OssV1Signing, repeated_oss_headers_are_joined_and_listing_parameters_left_out) {
    SignedRequest request{.method = "GET",
                          .bucket = "b",
                          .query = {{"continuation-token", "t/1"},
                                    {"list-type", "2"},
                                    {"x-oss-process", "image/resize"},
                                    {"encoding-type", "url"}}};
    request.headers.add("x-oss-a", "1");
    request.headers.add("X-Oss-A", "2");
    EXPECT_EQ(oss_v1_string_to_sign(request, "D"),
              "GET\n\n\nD\nx-oss-a:1,2\n/b/?continuation-token=t/1&x-oss-process=image/resize");
}

// The common input of the V4 vectors.
SignedRequest v4_put(std::string_view timestamp) {
    SignedRequest request{.method = "PUT",
                          .bucket = "bucket",
                          .key = "1234+-/123/1.txt",
                          .query = {{"param1", "value1"},
                                    {"+param1", "value3"},
                                    {"|param1", "value4"},
                                    {"+param2", ""},
                                    {"|param2", ""},
                                    {"param2", ""}},
                          .headers = {{"x-oss-head1", "value"},
                                      {"abc", "value"},
                                      {"ZAbc", "value"},
                                      {"XYZ", "value"},
                                      {"content-type", "text/plain"},
                                      {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"}}};
    request.headers.add("x-oss-date", std::string(timestamp));
    return request;
}

std::string v4_sign(const SignedRequest& request, std::string_view timestamp,
                    const std::vector<std::string>& additional = {},
                    const std::string& region = "cn-hangzhou", const std::string& product = "oss") {
    const SigningScope scope{std::string(timestamp.substr(0, 8)), region, product};
    return oss_v4_signature(kOssSecret, scope, timestamp,
                            oss_v4_canonical_request(request, additional, "UNSIGNED-PAYLOAD"));
}

TEST(OssV4Signing, vector_1_canonical_request_and_signature) {
    const std::string time = format_basic_utc(WallTime::from_seconds(1702743657));
    EXPECT_EQ(time, "20231216T162057Z");
    const std::string canonical = oss_v4_canonical_request(v4_put(time), {}, "UNSIGNED-PAYLOAD");
    EXPECT_EQ(canonical,
              "PUT\n/bucket/1234%2B-/123/1.txt\n"
              "%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2\n"
              "content-type:text/plain\nx-oss-content-sha256:UNSIGNED-PAYLOAD\n"
              "x-oss-date:20231216T162057Z\nx-oss-head1:value\n\n\nUNSIGNED-PAYLOAD");
    EXPECT_EQ(hex_encode(sha256(canonical)),
              "f4613657f1b108998e8dbd10a1aa5da621dc2c6e02c9ddec0f163664848704c4");
    EXPECT_EQ(v4_sign(v4_put(time), time),
              "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe");
}

TEST(OssV4Signing, vector_2_signs_the_security_token) {
    const std::string time = format_basic_utc(WallTime::from_seconds(1702784856));
    SignedRequest request = v4_put(time);
    request.headers.add("x-oss-security-token", "token");
    EXPECT_EQ(v4_sign(request, time),
              "b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea");
}

TEST(OssV4Signing, vector_3_signs_additional_headers) {
    const std::string time = format_basic_utc(WallTime::from_seconds(1702747512));
    EXPECT_EQ(v4_sign(v4_put(time), time, {"abc", "zabc"}),
              "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f");
}

TEST(OssV4Signing, additional_headers_that_are_absent_or_default_are_not_named) {
    const std::string time = format_basic_utc(WallTime::from_seconds(1702743657));
    EXPECT_EQ(v4_sign(v4_put(time), time, {"absent", "content-type", "x-oss-head1"}),
              "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe");
}

TEST(OssV4Signing, vector_4_cloud_box_region_and_product) {
    const std::string time = format_basic_utc(WallTime::from_seconds(1702743657));
    EXPECT_EQ(v4_sign(v4_put(time), time, {}, "cb-123", "oss-cloudbox"),
              "94ce1f12c17d148ea681030275a94449d3357f5b5b21133996eec80af3e08a43");
}

// Presigned: the signature's parameters are in the query, no x-oss-date or hash header.
SignedRequest v4_presign(const std::string& time, bool token, const std::string& additional) {
    SignedRequest request = v4_put(time);
    request.headers.remove("x-oss-date");
    request.headers.remove("x-oss-content-sha256");
    request.headers.set("content-type", "application/octet-stream");
    request.query.insert(
        request.query.end(),
        {{"x-oss-signature-version", "OSS4-HMAC-SHA256"},
         {"x-oss-date", time},
         {"x-oss-expires", "599"},
         {"x-oss-credential", "ak/" + time.substr(0, 8) + "/cn-hangzhou/oss/aliyun_v4_request"}});
    if (token) request.query.emplace_back("x-oss-security-token", "token");
    if (!additional.empty()) request.query.emplace_back("x-oss-additional-headers", additional);
    return request;
}

TEST(OssV4Signing, vector_5_presigned) {
    const std::string time = format_basic_utc(WallTime::from_seconds(1702781677));
    const SignedRequest request = v4_presign(time, false, "");
    const std::string canonical = oss_v4_canonical_request(request, {}, "UNSIGNED-PAYLOAD");
    EXPECT_NE(canonical.find("&x-oss-credential=ak%2F20231217%2Fcn-hangzhou%2Foss%2Faliyun_v4_"
                             "request&x-oss-date=20231217T025437Z&x-oss-expires=599&x-oss-"
                             "signature-version=OSS4-HMAC-SHA256\n"),
              std::string::npos)
        << canonical;
    // protocol.md calls it the string to sign's hash; it is the canonical request's.
    EXPECT_EQ(hex_encode(sha256(canonical)),
              "48814c11f278d51662015bf2f896b66ca10b6de0187ed8d952e341bbce0aa336");
    EXPECT_EQ(v4_sign(request, time),
              "a39966c61718be0d5b14e668088b3fa07601033f6518ac7b523100014269c0fe");
}

TEST(OssV4Signing, vector_6_presigned_with_token) {
    const std::string time = format_basic_utc(WallTime::from_seconds(1702785388));
    EXPECT_EQ(v4_sign(v4_presign(time, true, ""), time),
              "3817ac9d206cd6dfc90f1c09c00be45005602e55898f26f5ddb06d7892e1f8b5");
}

TEST(OssV4Signing, vector_7_presigned_with_additional_headers) {
    const std::string time = format_basic_utc(WallTime::from_seconds(1702783809));
    EXPECT_EQ(v4_sign(v4_presign(time, false, "abc;zabc"), time, {"abc", "zabc"}),
              "6bd984bfe531afb6db1f7550983a741b103a8c58e5e14f83ea474c2322dfa2b7");
}

constexpr const char* kAwsTime = "20130524T000000Z";

std::string aws_sign(const SignedRequest& request, const std::vector<std::string>& headers,
                     std::string_view hash) {
    return sigv4_signature(kAwsSecret, {"20130524", "us-east-1", "s3"}, kAwsTime,
                           sigv4_canonical_request(request, headers, hash));
}

SignedRequest aws_get(std::string path, QueryParameters query = {}) {
    return {.method = "GET",
            .query = std::move(query),
            .headers = {{"Host", "examplebucket.s3.amazonaws.com"},
                        {"x-amz-content-sha256", kEmptyHash},
                        {"x-amz-date", kAwsTime}},
            .encoded_path = std::move(path)};
}
const std::vector<std::string> kAwsHeaders = {"host", "x-amz-content-sha256", "x-amz-date"};

TEST(SigV4Signing, vector_1_ranged_get) {
    SignedRequest request = aws_get("/test.txt");
    request.headers.add("Range", "bytes=0-9");
    EXPECT_EQ(
        aws_sign(request, {"host", "range", "x-amz-content-sha256", "x-amz-date"}, kEmptyHash),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4Signing, vector_2_put_with_body_and_storage_class) {
    const std::string hash = hex_encode(sha256("Welcome to Amazon S3."));
    const SignedRequest request{.method = "PUT",
                                .headers = {{"Host", "examplebucket.s3.amazonaws.com"},
                                            {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                            {"x-amz-content-sha256", hash},
                                            {"x-amz-date", kAwsTime},
                                            {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                                .encoded_path = "/test%24file.text"};
    EXPECT_EQ(
        aws_sign(request,
                 {"date", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-storage-class"},
                 hash),
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4Signing, vector_3_empty_query_value_keeps_its_equals_sign) {
    const SignedRequest request = aws_get("/", {{"lifecycle", ""}});
    EXPECT_NE(sigv4_canonical_request(request, kAwsHeaders, kEmptyHash).find("\nlifecycle=\n"),
              std::string::npos);
    EXPECT_EQ(aws_sign(request, kAwsHeaders, kEmptyHash),
              "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(SigV4Signing, vector_4_list) {
    EXPECT_EQ(aws_sign(aws_get("", {{"prefix", "J"}, {"max-keys", "2"}}), kAwsHeaders, kEmptyHash),
              "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4Signing, vector_5_presigned) {
    SignedRequest request =
        aws_get("/test.txt",
                {{"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
                 {"X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"},
                 {"X-Amz-Date", kAwsTime},
                 {"X-Amz-Expires", "86400"},
                 {"X-Amz-SignedHeaders", "host"}});
    EXPECT_EQ(aws_sign(request, {"host"}, "UNSIGNED-PAYLOAD"),
              "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4Signing, inner_runs_of_blanks_become_one_space) {
    SignedRequest request = aws_get("/k");
    request.headers.add("x-amz-meta-a", "  two   words\t here ");
    EXPECT_NE(sigv4_canonical_request(request, {"x-amz-meta-a"}, kEmptyHash)
                  .find("x-amz-meta-a:two words here\n"),
              std::string::npos);
}

TEST(Signing, changing_secret_or_scope_changes_the_signature_despite_the_key_cache) {
    const std::string canonical = "request";
    const SigningScope scope{"20231216", "cn-hangzhou", "oss"};
    const std::string first = oss_v4_signature(Secret("one"), scope, "20231216T000000Z", canonical);
    EXPECT_NE(oss_v4_signature(Secret("two"), scope, "20231216T000000Z", canonical), first);
    SigningScope other = scope;
    other.region = "cn-beijing";
    EXPECT_NE(oss_v4_signature(Secret("one"), other, "20231216T000000Z", canonical), first);
    EXPECT_EQ(oss_v4_signature(Secret("one"), scope, "20231216T000000Z", canonical), first);
}

}  // namespace
}  // namespace xbucket
