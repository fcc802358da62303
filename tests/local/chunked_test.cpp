// SPDX-FileCopyrightText: the xbucket authors
// aws-chunked bodies and S3's additional checksums.
#include "checksums.h"
#include "chunked_body.h"
#include "fixture.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::testing {
namespace {

std::string big_endian(uint32_t v) {
    return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
            static_cast<char>(v)};
}

class ChunkedUpload : public LocalServerTest {
  protected:
    Answer put_trailer(const std::string& framed, size_t decoded, Headers extra = {}) {
        Headers headers{{"Content-Encoding", "aws-chunked"},
                        {"x-amz-decoded-content-length", std::to_string(decoded)},
                        {"x-amz-trailer", "x-amz-checksum-crc32"}};
        for (const auto& h : extra) headers.set(h.name, h.value);
        return s3().send({.method = "PUT",
                          .key = "k",
                          .headers = headers,
                          .body = framed,
                          .payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"});
    }
};

TEST_F(ChunkedUpload, unsigned_trailer_is_decoded_checked_and_stored) {
    const std::string crc = base64_encode(big_endian(crc32("hello world")));
    const std::string framed =
        "6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n";
    const Answer put = put_trailer(framed, 11, {{"Content-Encoding", "gzip,aws-chunked"}});
    ASSERT_EQ(put.status, 200) << put.body;
    EXPECT_EQ(put.header("x-amz-checksum-crc32"), crc);
    EXPECT_EQ(s3().get("k").body, "hello world");
    EXPECT_EQ(s3().head("k").header("Content-Encoding"), "gzip");
    EXPECT_EQ(s3().head("k", {{"x-amz-checksum-mode", "ENABLED"}}).header("x-amz-checksum-crc32"),
              crc);
    EXPECT_FALSE(s3().head("k").headers.has("x-amz-checksum-crc32"));
}

TEST_F(ChunkedUpload, the_word_is_an_encoding_like_others_for_oss) {
    ASSERT_EQ(oss().put("k", "body", {{"Content-Encoding", "gzip,aws-chunked"}}).status, 200);
    EXPECT_EQ(oss().head("k").header("Content-Encoding"), "gzip,aws-chunked");
    ASSERT_EQ(s3().put("k3", "body", {{"Content-Encoding", "aws-chunked"}}).status, 200);
    EXPECT_FALSE(s3().head("k3").headers.has("Content-Encoding"));
}

TEST_F(ChunkedUpload, wrong_trailers_lengths_and_framing_are_refused_and_store_nothing) {
    const std::string good = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:";
    EXPECT_EQ(put_trailer(good + "AAAAAA==\r\n\r\n", 5).code(), "BadDigest");
    const std::string crc = base64_encode(big_endian(crc32("hello")));
    EXPECT_EQ(put_trailer(good + crc + "\r\n\r\n", 6).code(), "IncompleteBody");
    EXPECT_EQ(put_trailer(good + crc + "\r\n\r\n", 4).code(), "InvalidChunkSizeError");
    EXPECT_EQ(put_trailer("zz\r\nhello\r\n", 5).code(), "InvalidChunkSizeError");
    EXPECT_EQ(put_trailer("5\r\nhelloX\r\n0\r\n\r\n", 5).code(), "InvalidChunkSizeError");
    EXPECT_EQ(put_trailer("5\r\nhe", 5).code(), "IncompleteBody");
    EXPECT_EQ(put_trailer("5\r\nhello\r\n0\r\n\r\n", 5).code(), "BadDigest") << "no trailer came";
    EXPECT_EQ(s3().head("k").status, 404);
}

TEST_F(ChunkedUpload, signed_chunks_are_verified_one_by_one) {
    // The request's own signature is the seed, so the request is signed first and framed after.
    const std::string body = "hello world";
    const auto frame = [&](const std::string& seed, const std::string& secret) {
        const std::string stamp = format_basic_utc(clock_.wall_now());
        const std::string scope = stamp.substr(0, 8) + "/us-east-1/s3/aws4_request";
        std::string key = hmac_sha256("AWS4" + secret, stamp.substr(0, 8));
        for (const char* part : {"us-east-1", "s3", "aws4_request"}) key = hmac_sha256(key, part);
        std::string previous = seed;
        std::string out;
        for (const std::string& chunk :
             {std::string("hello "), std::string("world"), std::string()}) {
            previous = hex_encode(hmac_sha256(
                key, fmt::format("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}", stamp, scope,
                                 previous, hex_encode(sha256("")), hex_encode(sha256(chunk)))));
            out += fmt::format("{:x};chunk-signature={}\r\n{}\r\n", chunk.size(), previous, chunk);
        }
        return out;
    };
    const auto send = [&](const std::string& secret) {
        const std::string probe = frame(std::string(64, '0'), "sk");
        Ask ask{.method = "PUT",
                .key = "k",
                .headers = {{"Content-Encoding", "aws-chunked"},
                            {"x-amz-decoded-content-length", "11"}},
                .body = std::string(probe.size(), ' '),
                .payload_hash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"};
        std::string bytes = s3().bytes_of(ask);
        const size_t at = bytes.find("Signature=") + 10;
        const std::string framed = frame(bytes.substr(at, 64), secret);
        bytes.replace(bytes.size() - probe.size(), probe.size(), framed);
        return RawConnection(server_->port()).exchange(bytes, false);
    };
    EXPECT_EQ(send("not-sk").code(), "SignatureDoesNotMatch");
    EXPECT_EQ(s3().head("k").status, 404);
    const Answer put = send("sk");
    ASSERT_EQ(put.status, 200) << put.body;
    EXPECT_EQ(s3().get("k").body, body);
    EXPECT_FALSE(s3().head("k").headers.has("Content-Encoding"));
}

TEST_F(LocalServerTest, checksum_headers_are_checked_and_kept) {
    const std::string sum = base64_encode(sha256("x"));
    EXPECT_EQ(s3().put("k", "x", {{"x-amz-checksum-sha256", sum}}).status, 200);
    EXPECT_EQ(s3().put("k", "y", {{"x-amz-checksum-sha256", sum}}).code(), "BadDigest");
    EXPECT_EQ(s3().get("k", {{"x-amz-checksum-mode", "ENABLED"}}).header("x-amz-checksum-sha256"),
              sum);
}

TEST_F(LocalServerTest, s3_put_without_length_is_411) {
    EXPECT_EQ(s3().send({.method = "PUT", .key = "k", .no_content_length = true}).code(),
              "MissingContentLength");
}

}  // namespace
}  // namespace xbucket::testing
