// SPDX-FileCopyrightText: the xbucket authors
// What is added to a request before it goes out, and presigned URLs: golden texts, whose signatures
// were computed by an independent implementation.
#include "request_signer.h"

#include "store_fixture.h"

#include <gmock/gmock.h>

namespace xbucket {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::oss_config;
using testing::s3_config;
using testing::StringSource;

const WallTime kNow = WallTime::from_seconds(1'700'000'000);  // 20231114T221320Z

Credentials key(const std::string& token = "") {
    return {
        .access_key_id = "ak", .access_key_secret = Secret("sk"), .session_token = Secret(token)};
}

RequestParts put(const std::string& body = "") {
    RequestParts parts;
    parts.method = HttpMethod::put;
    parts.key = ObjectKey("dir/a b");
    parts.query = {{"tagging", ""}, {"x", "1 2"}};
    parts.headers = {{"Content-Type", "text/plain"}};
    parts.body = body;
    return parts;
}

HttpRequest sign(const RequestParts& parts, const HttpStoreConfig& config, SignatureKind kind,
                 const Credentials& credentials = key()) {
    const Address address = *make_address(config);
    return signed_request(
        parts, {.address = address, .credentials = credentials, .kind = kind, .now = kNow});
}

std::string header(const HttpRequest& request, std::string_view name) {
    return std::string(request.headers.value_or_empty(name));
}

TEST(RequestSigner, oss_v4_request_by_virtual_host) {
    const HttpRequest request = sign(put("body"), oss_config(), SignatureKind::oss_v4, key("tok"));
    EXPECT_EQ(request.origin, "https://examplebucket.oss-cn-hangzhou.aliyuncs.com");
    EXPECT_EQ(request.target, "/dir/a%20b?tagging&x=1%202");
    EXPECT_EQ(header(request, "Host"), "examplebucket.oss-cn-hangzhou.aliyuncs.com");
    EXPECT_EQ(header(request, "x-oss-date"), "20231114T221320Z");
    EXPECT_EQ(header(request, "x-oss-content-sha256"), "UNSIGNED-PAYLOAD");
    EXPECT_EQ(header(request, "x-oss-security-token"), "tok");
    EXPECT_EQ(header(request, "Authorization"),
              "OSS4-HMAC-SHA256 Credential=ak/20231114/cn-hangzhou/oss/aliyun_v4_request,"
              "Signature=a1c774028af12233d73a24cb9bdcff995bb6c3d50377f9665131e127d28a6087");
    EXPECT_EQ(request.body, "body");
}

TEST(RequestSigner, oss_v4_signature_is_the_same_by_path) {
    HttpStoreConfig config = oss_config();
    config.addressing = AddressingStyle::path;
    const HttpRequest path = sign(put(), config, SignatureKind::oss_v4);
    const HttpRequest host = sign(put(), oss_config(), SignatureKind::oss_v4);
    EXPECT_EQ(path.target, "/examplebucket/dir/a%20b?tagging&x=1%202");
    EXPECT_EQ(header(path, "Authorization"), header(host, "Authorization"));
}

TEST(RequestSigner, oss_v1_request) {
    const HttpRequest request = sign(put(), oss_config(), SignatureKind::oss_v1, key("tok"));
    EXPECT_EQ(header(request, "x-oss-date"), "Tue, 14 Nov 2023 22:13:20 GMT");
    EXPECT_EQ(header(request, "x-oss-security-token"), "tok");
    EXPECT_EQ(header(request, "Authorization"), "OSS ak:rSog3qvJEeLUTNoIUfsiFYuMZuQ=");
}

TEST(RequestSigner, sigv4_hashes_bodies_in_memory_and_not_streams) {
    const HttpRequest memory = sign(put("body"), s3_config(), SignatureKind::sig_v4, key("tok"));
    EXPECT_EQ(header(memory, "x-amz-content-sha256"),
              "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5");
    EXPECT_EQ(
        header(memory, "Authorization"),
        "AWS4-HMAC-SHA256 Credential=ak/20231114/us-east-1/s3/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "
        "Signature=419065352835133fd42de72298813741552047873d5b8086ab7d0112e7d142fc");
    RequestParts stream = put();
    stream.body_source = std::make_shared<StringSource>("body");
    EXPECT_EQ(header(sign(stream, s3_config(), SignatureKind::sig_v4), "x-amz-content-sha256"),
              "UNSIGNED-PAYLOAD");
}

TEST(RequestSigner, sigv4_signs_the_port_and_the_path_as_sent) {
    HttpStoreConfig config = s3_config();
    config.endpoint = "http://127.0.0.1:9000";
    const HttpRequest request = sign(put(), config, SignatureKind::sig_v4);
    EXPECT_EQ(request.origin, "http://127.0.0.1:9000");
    EXPECT_EQ(request.target, "/examplebucket/dir/a%20b?tagging&x=1%202");
    EXPECT_EQ(header(request, "Host"), "127.0.0.1:9000");
    EXPECT_THAT(
        header(request, "Authorization"),
        HasSubstr("Signature=50aaed5126889f3f6c868c068087254ea4d327963388007557591060497a6d7f"));
}

TEST(RequestSigner, anonymous_requests_carry_nothing_of_a_signature) {
    for (const auto kind : {SignatureKind::oss_v1, SignatureKind::oss_v4, SignatureKind::sig_v4}) {
        const HttpRequest request = sign(put(), oss_config(), kind, Credentials{});
        EXPECT_EQ(request.headers.size(), 2U) << "Content-Type and Host";
    }
}

std::string presign(const HttpStoreConfig& config, SignatureKind kind,
                    const Credentials& credentials) {
    const Address address = *make_address(config);
    return presigned_get_url(
        ObjectKey("dir/a b"), {}, std::chrono::seconds(600),
        {.address = address, .credentials = credentials, .kind = kind, .now = kNow});
}

TEST(RequestSigner, presigned_urls) {
    EXPECT_EQ(presign(oss_config(), SignatureKind::oss_v4, key("tok")),
              "https://examplebucket.oss-cn-hangzhou.aliyuncs.com/dir/a%20b"
              "?x-oss-signature-version=OSS4-HMAC-SHA256"
              "&x-oss-credential=ak%2F20231114%2Fcn-hangzhou%2Foss%2Faliyun_v4_request"
              "&x-oss-date=20231114T221320Z&x-oss-expires=600&x-oss-security-token=tok"
              "&x-oss-signature=165a0320099a5e688ad2ba03a253e469b0069a05c63f9f362229c5fc7dd3e3b8");
    EXPECT_EQ(presign(oss_config(), SignatureKind::oss_v1, key("tok")),
              "https://examplebucket.oss-cn-hangzhou.aliyuncs.com/dir/a%20b"
              "?security-token=tok&OSSAccessKeyId=ak&Expires=1700000600&Signature=n8bMsTW4tZX%"
              "2F3plOH%2BtPsLzzVv4%3D");
    EXPECT_EQ(presign(s3_config(), SignatureKind::sig_v4, key("tok")),
              "https://examplebucket.s3.us-east-1.amazonaws.com/dir/a%20b"
              "?X-Amz-Algorithm=AWS4-HMAC-SHA256"
              "&X-Amz-Credential=ak%2F20231114%2Fus-east-1%2Fs3%2Faws4_request"
              "&X-Amz-Date=20231114T221320Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host"
              "&X-Amz-Security-Token=tok&X-Amz-Signature="
              "98e2aec6f9caa86ea0598760c802badc895a2d16f46d6539640de918fca7635f");
    EXPECT_EQ(presign(oss_config(), SignatureKind::oss_v4, Credentials{}),
              "https://examplebucket.oss-cn-hangzhou.aliyuncs.com/dir/a%20b");
}

class Presign : public testing::StoreFixture {};

TEST_F(Presign, a_life_ends_with_the_token_and_after_seven_days) {
    ObjectStore& store = make(s3_config());
    EXPECT_THAT(*store.presign_get(ObjectKey("k"), std::chrono::hours(1000)),
                HasSubstr("X-Amz-Expires=604800&"));
    credentials.expiration = clock.wall_now() + std::chrono::seconds(100);
    EXPECT_THAT(*store.presign_get(ObjectKey("k"), std::chrono::hours(1)),
                HasSubstr("X-Amz-Expires=100&"));
    clock.advance(std::chrono::seconds(100));
    EXPECT_EQ(store.presign_get(ObjectKey("k"), std::chrono::hours(1)).error().kind,
              ErrorKind::expired_credentials);
    EXPECT_EQ(store.presign_get(ObjectKey("k"), std::chrono::seconds(0)).error().kind,
              ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace xbucket
