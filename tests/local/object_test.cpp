// SPDX-FileCopyrightText: the xbucket authors
// PUT, HEAD, GET and DELETE of objects over raw HTTP: headers, ranges, conditions, errors.
#include "fixture.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

namespace xbucket::testing {
namespace {

using namespace std::string_literals;

class ObjectTest : public BothDialects {};
INSTANTIATE_TEST_SUITE_P(Dialects, ObjectTest,
                         ::testing::Values(Scheme::oss_v1, Scheme::oss_v4, Scheme::sigv4),
                         scheme_name);

TEST_P(ObjectTest, put_head_get_delete_round_trip_with_metadata) {
    Client c = client(GetParam());
    const std::string body = "hello \0 world"s + std::string(70000, 'x');
    Answer put = c.put(
        "dir/a b+\xc3\xa9%?.txt", body,
        {{"Content-Type", "text/x-own"}, {meta("Year"), "2021"}, {"Cache-Control", "no-cache"}});
    ASSERT_EQ(put.status, 200) << put.body;
    EXPECT_TRUE(iequals(put.header("ETag"), "\"" + hex_encode(md5(body)) + "\""));

    Answer head = c.head("dir/a b+\xc3\xa9%?.txt");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
    EXPECT_EQ(head.header("Content-Length"), std::to_string(body.size()));
    EXPECT_EQ(head.header(meta("year")), "2021");
    EXPECT_EQ(head.header("Content-Type"), "text/x-own");
    EXPECT_EQ(head.header("Cache-Control"), "no-cache");
    EXPECT_EQ(head.header("Last-Modified"), format_http_date(clock_.wall_now()));
    EXPECT_EQ(head.header("Date"), format_http_date(clock_.wall_now()));
    EXPECT_NE(head.header(ext("request-id")), "");

    Answer get = c.get("dir/a b+\xc3\xa9%?.txt");
    EXPECT_EQ(get.status, 200);
    EXPECT_EQ(get.body, body);

    EXPECT_EQ(c.del("dir/a b+\xc3\xa9%?.txt").status, 204);
    EXPECT_EQ(c.get("dir/a b+\xc3\xa9%?.txt").status, 404);
    EXPECT_EQ(c.del("dir/a b+\xc3\xa9%?.txt").status, 204) << "a missing key is no error";
}

TEST_F(LocalServerTest, oss_head_says_type_class_crc_and_content_md5) {
    oss().put("k.json", "123456789");
    const Answer head = oss().head("k.json");
    EXPECT_EQ(head.header("x-oss-object-type"), "Normal");
    EXPECT_EQ(head.header("x-oss-storage-class"), "Standard");
    EXPECT_EQ(head.header("x-oss-hash-crc64ecma"), "11051210869376104954");
    EXPECT_EQ(head.header("Content-MD5"), base64_encode(md5("123456789")));
    EXPECT_EQ(head.header("Content-Type"), "application/json") << "derived from the extension";
    EXPECT_EQ(head.header("ETag"), "\"25F9E794323B453885F5181F1B624D0B\"");
    EXPECT_EQ(s3().head("k.json").header("ETag"), "\"25f9e794323b453885f5181f1b624d0b\"");
}

TEST_F(LocalServerTest, s3_default_content_type_is_binary_octet_stream_and_standard_is_not_said) {
    s3().put("k.json", "x");
    const Answer head = s3().head("k.json");
    EXPECT_EQ(head.header("Content-Type"), "binary/octet-stream");
    EXPECT_FALSE(head.headers.has("x-amz-storage-class"));
}

TEST_F(LocalServerTest, missing_key_and_bucket_have_their_codes_on_get_and_head) {
    const Answer get = oss().get("none");
    EXPECT_EQ(get.status, 404);
    EXPECT_EQ(get.code(), "NoSuchKey");
    EXPECT_EQ(get.xml("EC"), "0026-00000001");
    const Answer head = oss().head("none");
    EXPECT_EQ(head.status, 404);
    EXPECT_EQ(head.code(), "NoSuchKey") << "from x-oss-err";
    EXPECT_EQ(head.header("x-oss-ec"), "0026-00000001");
    EXPECT_EQ(oss().send({.bucket = "nobucket", .key = "k"}).code(), "NoSuchBucket");
    const Answer bare = s3().head("none");
    EXPECT_EQ(bare.status, 404);
    EXPECT_FALSE(bare.headers.has("x-oss-err"));
    EXPECT_EQ(s3().get("none").code(), "NoSuchKey");
}

TEST_F(LocalServerTest, empty_and_binary_metadata_values_come_back) {
    ASSERT_EQ(oss().put("k", "x", {{"x-oss-meta-e", ""}, {"x-oss-meta-u", "\xc3\xa9"}}).status,
              200);
    const Answer head = oss().head("k");
    EXPECT_TRUE(head.headers.has("x-oss-meta-e"));
    EXPECT_EQ(head.header("x-oss-meta-e"), "");
    EXPECT_EQ(head.header("x-oss-meta-u"), "\xc3\xa9");
    EXPECT_EQ(s3().head("k").header("x-amz-meta-u"), "=?UTF-8?B?w6k=?=");
}

TEST_F(LocalServerTest, ranges_on_s3_are_standard) {
    s3().put("k", "0123456789");
    const auto ranged = [&](const std::string& range) {
        return s3().get("k", {{"Range", "bytes=" + range}});
    };
    EXPECT_EQ(ranged("2-4").status, 206);
    EXPECT_EQ(ranged("2-4").body, "234");
    EXPECT_EQ(ranged("2-4").header("Content-Range"), "bytes 2-4/10");
    EXPECT_EQ(ranged("7-").body, "789");
    EXPECT_EQ(ranged("-3").body, "789");
    EXPECT_EQ(ranged("5-99").body, "56789");
    EXPECT_EQ(ranged("5-99").header("Content-Range"), "bytes 5-9/10");
    EXPECT_EQ(ranged("10-").status, 416);
    EXPECT_EQ(ranged("10-").code(), "InvalidRange");
    EXPECT_EQ(s3().head("k", {{"Range", "bytes=2-4"}}).header("Content-Length"), "3");
}

TEST_F(LocalServerTest, oss_serves_the_whole_object_for_a_range_outside_unless_standard_is_asked) {
    oss().put("k", "0123456789");
    EXPECT_EQ(oss().get("k", {{"Range", "bytes=2-4"}}).body, "234");
    for (const char* range : {"bytes=10-", "bytes=5-99"}) {
        const Answer whole = oss().get("k", {{"Range", range}});
        EXPECT_EQ(whole.status, 200) << range;
        EXPECT_EQ(whole.body, "0123456789");
        EXPECT_FALSE(whole.headers.has("Content-Range"));
    }
    const Header standard{"x-oss-range-behavior", "standard"};
    EXPECT_EQ(oss().get("k", {{"Range", "bytes=10-"}, standard}).status, 416);
    EXPECT_EQ(oss().get("k", {{"Range", "bytes=5-99"}, standard}).body, "56789");
}

TEST_P(ObjectTest, read_conditions_hold_at_one_second_resolution) {
    Client c = client(GetParam());
    const std::string etag = c.put("k", "x").header("ETag");
    const std::string then = format_http_date(clock_.wall_now());
    const std::string before = format_http_date(clock_.wall_now() - std::chrono::seconds(1));
    EXPECT_EQ(c.get("k", {{"If-Match", etag}}).status, 200);
    EXPECT_EQ(c.get("k", {{"If-Match", "\"00\""}}).status, 412);
    EXPECT_EQ(c.head("k", {{"If-Match", "\"00\""}}).status, 412);
    EXPECT_EQ(c.get("k", {{"If-None-Match", etag}}).status, 304);
    EXPECT_EQ(c.get("k", {{"If-None-Match", "\"00\""}}).status, 200);
    EXPECT_EQ(c.get("k", {{"If-Modified-Since", then}}).status, 304);
    EXPECT_EQ(c.get("k", {{"If-Modified-Since", before}}).status, 200);
    EXPECT_EQ(c.get("k", {{"If-Unmodified-Since", then}}).status, 200);
    EXPECT_EQ(c.get("k", {{"If-Unmodified-Since", before}}).status, 412);
}

TEST_F(LocalServerTest, oss_put_conditions_are_400_NotImplemented_and_forbid_overwrite_is_409) {
    oss().put("k", "old");
    const Answer refused = oss().put("k", "new", {{"If-None-Match", "*"}});
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.code(), "NotImplemented");
    EXPECT_EQ(refused.xml("Header"), "If-None-Match");
    const Answer forbidden = oss().put("k", "new", {{"x-oss-forbid-overwrite", "true"}});
    EXPECT_EQ(forbidden.status, 409);
    EXPECT_EQ(forbidden.code(), "FileAlreadyExists");
    EXPECT_EQ(oss().get("k").body, "old");
    EXPECT_EQ(oss().put("new", "n", {{"x-oss-forbid-overwrite", "true"}}).status, 200);
}

TEST_F(LocalServerTest, s3_destination_conditions_are_honoured_on_put_and_delete) {
    const std::string etag = s3().put("k", "old").header("ETag");
    EXPECT_EQ(s3().put("k", "new", {{"If-None-Match", "*"}}).status, 412);
    EXPECT_EQ(s3().put("k", "new", {{"If-Match", "\"00\""}}).status, 412);
    EXPECT_EQ(s3().put("none", "new", {{"If-Match", etag}}).status, 404);
    EXPECT_EQ(s3().get("k").body, "old");
    EXPECT_EQ(s3().put("k", "new", {{"If-Match", etag}}).status, 200);
    EXPECT_EQ(s3().del("k", {{"If-Match", etag}}).status, 412);
    EXPECT_EQ(s3().get("k").body, "new");
}

TEST_F(LocalServerTest, wrong_content_md5_is_refused_and_nothing_is_stored) {
    const Header wrong{"Content-MD5", base64_encode(md5("other"))};
    EXPECT_EQ(oss().put("k", "x", {wrong}).code(), "InvalidDigest");
    EXPECT_EQ(s3().put("k", "x", {wrong}).code(), "BadDigest");
    EXPECT_EQ(oss().put("k", "x", {{"Content-MD5", "???"}}).code(), "InvalidDigest");
    EXPECT_EQ(oss().head("k").status, 404);
}

TEST_F(LocalServerTest, keys_out_of_the_limits_are_refused) {
    EXPECT_EQ(oss().put(std::string(1023, 'k'), "x").status, 200);
    EXPECT_EQ(oss().put(std::string(1024, 'k'), "x").code(), "InvalidObjectName");
    EXPECT_EQ(oss().put("/k", "x").code(), "InvalidObjectName");
    EXPECT_EQ(s3().put(std::string(1024, 'k'), "x").status, 200);
    EXPECT_EQ(s3().put(std::string(1025, 'k'), "x").code(), "KeyTooLongError");
}

TEST_F(LocalServerTest, keys_that_are_no_paths_are_objects_like_others) {
    for (const std::string& key : {"a//b"s, "./.."s, "../../etc/passwd"s, "x/"s, "\x01\x02"s,
                                   "nul\0in"s, "\xff\xfe"s, " "s}) {
        ASSERT_EQ(s3().put(key, key + "!").status, 200) << hex_encode(key);
        EXPECT_EQ(s3().get(key).body, key + "!") << hex_encode(key);
    }
}

TEST_F(LocalServerTest, metadata_limits_have_the_services_codes) {
    const auto oss_put = [&](size_t value) {
        return oss().put("k", "x", {{"x-oss-meta-a", std::string(value, 'v')}});
    };
    EXPECT_EQ(oss_put(8191 - 12).status, 200);
    EXPECT_EQ(oss_put(8192 - 12).code(), "MetadataTooLarge");
    EXPECT_EQ(oss().head("k").header("x-oss-meta-a").size(), 8191U - 12);
    const auto s3_put = [&](size_t value) {
        return s3().put("k", "x", {{"x-amz-meta-a", std::string(value, 'v')}});
    };
    EXPECT_EQ(s3_put(2047).status, 200);
    EXPECT_EQ(s3_put(2048).code(), "MetadataTooLarge");
    const Answer overflow = s3_put(9000);
    EXPECT_EQ(overflow.status, 400);
    EXPECT_EQ(overflow.body, "") << "header block overflow is bare";
}

TEST_F(LocalServerTest, oss_metadata_names_are_letters_digits_and_hyphens) {
    EXPECT_EQ(oss().put("k", "x", {{"x-oss-meta-a_b", "1"}}).code(), "SignatureDoesNotMatch");
    EXPECT_EQ(oss().put("k", "x", {{"x-oss-meta-a.b", "1"}}).code(), "InvalidArgument");
    EXPECT_EQ(s3().put("k", "x", {{"x-amz-meta-a_b.c", "1"}}).status, 200);
    EXPECT_EQ(s3().head("k").header("x-amz-meta-a_b.c"), "1");
}

TEST_F(LocalServerTest, encryption_is_echoed_and_persistent_headers_come_back) {
    const Answer put = oss().put("k", "x",
                                 {{"x-oss-server-side-encryption", "KMS"},
                                  {"x-oss-server-side-encryption-key-id", "key-1"},
                                  {"x-oss-persistent-headers", "X-Own:" + base64_encode("v 1")}});
    EXPECT_EQ(put.header("x-oss-server-side-encryption"), "KMS");
    const Answer head = oss().head("k");
    EXPECT_EQ(head.header("x-oss-server-side-encryption-key-id"), "key-1");
    EXPECT_EQ(head.header("x-own"), "v 1");
    EXPECT_EQ(s3().head("k").header("x-amz-server-side-encryption"), "aws:kms");
}

}  // namespace
}  // namespace xbucket::testing
