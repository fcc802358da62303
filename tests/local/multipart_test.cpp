// SPDX-FileCopyrightText: the xbucket authors
// Multipart uploads, part copies, their listings and their limits (protocol.md 6).
#include "fixture.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

namespace xbucket::testing {
namespace {

class MultipartTest : public BothDialects {
  protected:
    std::string initiate(const std::string& key, Headers headers = {}) {
        const Answer a = any().post(key, "", {{"uploads", ""}}, std::move(headers));
        EXPECT_EQ(a.status, 200) << a.body;
        return a.xml("UploadId");
    }
    Answer part(const std::string& key, const std::string& id, int number,
                const std::string& body) {
        return any().put(key, body, {}, {{"partNumber", std::to_string(number)}, {"uploadId", id}});
    }
    Answer part_copy(const std::string& key, const std::string& id, int number, Headers headers) {
        return any().send({.method = "PUT",
                           .key = key,
                           .query = {{"partNumber", std::to_string(number)}, {"uploadId", id}},
                           .headers = std::move(headers)});
    }
    static std::string list_of(const std::vector<std::pair<int, std::string>>& parts) {
        std::string xml = "<CompleteMultipartUpload>";
        for (const auto& [number, etag] : parts) {
            xml += "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + etag +
                   "</ETag></Part>";
        }
        return xml + "</CompleteMultipartUpload>";
    }
    Answer complete(const std::string& key, const std::string& id,
                    const std::vector<std::pair<int, std::string>>& parts, Headers headers = {}) {
        return any().post(key, list_of(parts), {{"uploadId", id}}, std::move(headers));
    }
};
INSTANTIATE_TEST_SUITE_P(Dialects, MultipartTest,
                         ::testing::Values(Scheme::oss_v1, Scheme::oss_v4, Scheme::sigv4),
                         scheme_name);

TEST_P(MultipartTest, parts_become_one_object_with_the_metadata_of_the_start) {
    const std::string id = initiate(
        "dir/big", {{meta("a"), "1"}, {"Content-Type", "text/own"}, {ext("tagging"), "t=1"}});
    const std::string one(20, 'a');
    const std::string two(15, 'b');
    const Answer second = part("dir/big", id, 3, two);
    const Answer first = part("dir/big", id, 1, one);
    EXPECT_EQ(any().head("dir/big").status, 404) << "nothing is there before it is complete";
    const Answer done =
        complete("dir/big", id, {{1, first.header("ETag")}, {3, second.header("ETag")}});
    ASSERT_EQ(done.status, 200) << done.body;
    const std::string expected = hex_encode(md5(md5(one) + md5(two))) + "-2";
    EXPECT_TRUE(iequals(done.xml("ETag"), "\"" + expected + "\"")) << done.xml("ETag");
    const Answer get = any().get("dir/big");
    EXPECT_EQ(get.body, one + two);
    EXPECT_EQ(get.header(meta("a")), "1");
    EXPECT_EQ(get.header("Content-Type"), "text/own");
    EXPECT_EQ(get.header(ext("tagging-count")), "1");
    EXPECT_EQ(any().get("dir/big", {{"Range", "bytes=18-22"}}).body, "aabbb");
    if (is_oss()) {
        EXPECT_EQ(get.header("x-oss-object-type"), "Multipart");
        EXPECT_EQ(get.header("x-oss-hash-crc64ecma"), std::to_string(crc64(one + two)));
        EXPECT_FALSE(get.headers.has("Content-MD5"));
    }
    EXPECT_EQ(complete("dir/big", id, {{1, first.header("ETag")}}).code(), "NoSuchUpload");
}

TEST_P(MultipartTest, completing_checks_order_etags_and_sizes_and_changes_nothing_when_refused) {
    const std::string id = initiate("k");
    const std::string small = part("k", id, 1, "small").header("ETag");
    const std::string last = part("k", id, 2, "x").header("ETag");
    EXPECT_EQ(complete("k", id, {{2, last}, {1, small}}).code(), "InvalidPartOrder");
    EXPECT_EQ(complete("k", id, {{1, "\"00\""}}).code(), "InvalidPart");
    EXPECT_EQ(complete("k", id, {{7, last}}).code(), "InvalidPart");
    EXPECT_EQ(complete("k", id, {{1, small}, {2, last}}).code(), "EntityTooSmall");
    EXPECT_EQ(any().post("k", "<broken", {{"uploadId", id}}).code(), "MalformedXML");
    EXPECT_EQ(any().head("k").status, 404);
    EXPECT_EQ(part("k", id, 10001, "x").code(), "InvalidArgument");
    EXPECT_EQ(complete("k", id, {{1, small}}).status, 200) << "the upload was still there";
    EXPECT_EQ(any().get("k").body, "small");
}

TEST_P(MultipartTest, uploads_and_parts_are_listed_and_aborting_removes_them) {
    const std::string id = initiate("a/k");
    initiate("b");
    part("a/k", id, 1, "one");
    part("a/k", id, 2, "second");
    const Answer uploads = any().list({{"uploads", ""}});
    EXPECT_NE(uploads.body.find("<Key>a/k</Key><UploadId>" + id), std::string::npos);
    EXPECT_NE(uploads.body.find("<Key>b</Key>"), std::string::npos);
    const Answer page = any().list({{"uploads", ""}, {"max-uploads", "1"}});
    EXPECT_EQ(page.xml("IsTruncated"), "true");
    EXPECT_EQ(any().list({{"uploads", ""}, {"key-marker", page.xml("NextKeyMarker")}}).xml("Key"),
              "b");
    const Answer parts = any().get("a/k", {}, {{"uploadId", id}, {"max-parts", "1"}});
    EXPECT_EQ(parts.xml("PartNumber"), "1");
    EXPECT_EQ(parts.xml("Size"), "3");
    EXPECT_EQ(parts.xml("IsTruncated"), "true");
    EXPECT_EQ(any().del("a/k", {}, {{"uploadId", id}}).status, 204);
    EXPECT_EQ(any().del("a/k", {}, {{"uploadId", id}}).code(), "NoSuchUpload");
    EXPECT_EQ(any().get("a/k", {}, {{"uploadId", id}}).code(), "NoSuchUpload");
    EXPECT_EQ(part("a/k", id, 1, "x").code(), "NoSuchUpload");
}

TEST_P(MultipartTest, part_copies_take_ranges_and_conditions) {
    const std::string source_etag = any().put("src", "0123456789abcdefghij").header("ETag");
    const std::string id = initiate("k");
    const Header source{ext("copy-source"), "/bkt/src"};
    const Header range{ext("copy-source-range"), "bytes=5-16"};
    const Answer copied =
        part_copy("k", id, 1, {source, range, {ext("copy-source-if-match"), source_etag}});
    ASSERT_EQ(copied.status, 200) << copied.body;
    EXPECT_TRUE(iequals(copied.xml("ETag"), "\"" + hex_encode(md5("56789abcdefg")) + "\""));
    EXPECT_EQ(copied.header("ETag"), is_oss() ? copied.xml("ETag") : "");
    EXPECT_EQ(part_copy("k", id, 2, {source, {ext("copy-source-if-match"), "\"00\""}}).status, 412);
    const Answer whole = part_copy("k", id, 2, {source});
    ASSERT_EQ(whole.status, 200);
    any().del("src");
    ASSERT_EQ(complete("k", id, {{1, copied.xml("ETag")}, {2, whole.xml("ETag")}}).status, 200);
    EXPECT_EQ(any().get("k").body, "56789abcdefg0123456789abcdefghij");
    any().put("src2", "xyz");
    const std::string other = initiate("k2");
    const Answer malformed =
        part_copy("k2", other, 1,
                  {{ext("copy-source"), "/bkt/src2"}, {ext("copy-source-range"), "bytes=oops"}});
    if (is_oss()) {
        EXPECT_TRUE(iequals(malformed.xml("ETag"), "\"" + hex_encode(md5("xyz")) + "\""))
            << "OSS copies the whole object";
    } else {
        EXPECT_EQ(malformed.code(), "InvalidArgument");
    }
}

TEST_F(LocalServerTest, s3_dates_a_multipart_object_by_its_start_and_honours_if_match_on_complete) {
    const std::string id = s3().post("k", "", {{"uploads", ""}}).xml("UploadId");
    const auto started = clock_.wall_now();
    clock_.advance(std::chrono::seconds(30));
    const std::string etag =
        s3().put("k", "x", {}, {{"partNumber", "1"}, {"uploadId", id}}).header("ETag");
    const std::string xml = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" +
                            etag + "</ETag></Part></CompleteMultipartUpload>";
    s3().put("k", "other");
    EXPECT_EQ(s3().post("k", xml, {{"uploadId", id}}, {{"If-None-Match", "*"}}).status, 412);
    EXPECT_EQ(s3().post("k", xml, {{"uploadId", id}}).status, 200);
    EXPECT_EQ(s3().head("k").header("Last-Modified"), format_http_date(started));
}

// An upload of S3 that was begun with a checksum.
class UploadChecksumTest : public LocalServerTest {
  protected:
    void SetUp() override {
        auto small_parts = config();
        small_parts.part_bytes_min = 1;
        start(small_parts);
    }
    std::string begin(const std::string& algorithm, const std::string& type = {}) {
        Headers headers = {{"x-amz-checksum-algorithm", algorithm}};
        if (!type.empty()) headers.add("x-amz-checksum-type", type);
        const Answer begun = s3().post("k", "", {{"uploads", ""}}, headers);
        EXPECT_EQ(begun.status, 200) << begun.body;
        return begun.xml("UploadId");
    }
    Answer copy(const std::string& id, int number, const std::string& range) {
        return s3().send({.method = "PUT",
                          .key = "k",
                          .query = {{"partNumber", std::to_string(number)}, {"uploadId", id}},
                          .headers = {{"x-amz-copy-source", "/bkt/src"},
                                      {"x-amz-copy-source-range", "bytes=" + range}}});
    }
    static std::string listed(int number, const Answer& part, const std::string& checksum) {
        return "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" +
               part.xml("ETag") + "</ETag>" + checksum + "</Part>";
    }
    Answer complete(const std::string& id, const std::string& parts, const Headers& headers = {}) {
        return s3().post("k", "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>",
                         {{"uploadId", id}}, headers);
    }
    std::string told(const std::string& name) {
        return s3().head("k", {{"x-amz-checksum-mode", "ENABLED"}}).header("x-amz-" + name);
    }
};

TEST_F(UploadChecksumTest, of_the_whole_object_is_that_of_its_bytes_and_compared) {
    s3().put("src", "123456789");
    const std::string id = begin("CRC32C", "FULL_OBJECT");
    const Answer first = copy(id, 1, "0-4");
    const Answer second = copy(id, 2, "5-8");
    EXPECT_FALSE(second.xml("ChecksumCRC32C").empty());
    const std::string parts = listed(1, first, "") + listed(2, second, "");
    EXPECT_EQ(complete(id, parts, {{"x-amz-checksum-crc32c", "AAAAAA=="}}).code(), "BadDigest");
    EXPECT_EQ(complete(id, parts, {{"x-amz-checksum-type", "COMPOSITE"}}).code(), "BadDigest");
    const std::string expected = base64_encode("\xE3\x06\x92\x83");
    ASSERT_EQ(complete(id, parts, {{"x-amz-checksum-crc32c", expected}}).status, 200);
    EXPECT_EQ(told("checksum-crc32c"), expected);
    EXPECT_EQ(told("checksum-type"), "FULL_OBJECT");
    EXPECT_EQ(s3().get("k").body, "123456789");
}

TEST_F(UploadChecksumTest, of_parts_needs_every_parts_own) {
    s3().put("src", "123456789");
    const std::string id = begin("SHA256");
    const Answer first = copy(id, 1, "0-4");
    const Answer second = copy(id, 2, "5-8");
    const auto of = [](const std::string& value) {
        return "<ChecksumSHA256>" + value + "</ChecksumSHA256>";
    };
    const std::string one = of(base64_encode(sha256("12345")));
    const std::string two = of(base64_encode(sha256("6789")));
    EXPECT_EQ(of(first.xml("ChecksumSHA256")), one);
    EXPECT_EQ(complete(id, listed(1, first, one) + listed(2, second, "")).code(), "InvalidRequest");
    EXPECT_EQ(complete(id, listed(1, first, two) + listed(2, second, two)).code(), "InvalidPart");
    ASSERT_EQ(complete(id, listed(1, first, one) + listed(2, second, two)).status, 200);
    EXPECT_EQ(told("checksum-sha256"),
              base64_encode(sha256(sha256("12345") + sha256("6789"))) + "-2");
    EXPECT_EQ(told("checksum-type"), "COMPOSITE");
}

TEST_F(UploadChecksumTest, what_no_service_can_make_is_refused) {
    const auto refused = [&](const std::string& algorithm, const std::string& type) {
        return s3()
            .post("k", "", {{"uploads", ""}},
                  {{"x-amz-checksum-algorithm", algorithm}, {"x-amz-checksum-type", type}})
            .code();
    };
    EXPECT_EQ(refused("SHA256", "FULL_OBJECT"), "InvalidRequest");
    EXPECT_EQ(refused("CRC64NVME", "COMPOSITE"), "InvalidRequest");
    EXPECT_EQ(refused("MD4", "COMPOSITE"), "InvalidRequest");
}

TEST_F(LocalServerTest, oss_complete_all_needs_no_list) {
    const std::string id = oss().post("k", "", {{"uploads", ""}}).xml("UploadId");
    oss().put("k", std::string(12, 'a'), {}, {{"partNumber", "1"}, {"uploadId", id}});
    oss().put("k", "b", {}, {{"partNumber", "2"}, {"uploadId", id}});
    EXPECT_EQ(oss().post("k", "", {{"uploadId", id}}, {{"x-oss-complete-all", "yes"}}).status, 200);
    EXPECT_EQ(oss().get("k").body, std::string(12, 'a') + "b");
}

TEST_F(LocalServerTest, default_part_minimum_is_100_KiB_on_oss_and_5_MiB_on_s3) {
    auto strict = config();
    strict.part_bytes_min = 0;
    start(strict);
    const auto try_with = [](Client& c, size_t size) {
        const std::string id = c.post("k", "", {{"uploads", ""}}).xml("UploadId");
        std::string xml = "<CompleteMultipartUpload>";
        for (int number = 1; number <= 2; ++number) {
            const std::string n = std::to_string(number);
            xml += "<Part><PartNumber>" + n + "</PartNumber><ETag>" +
                   c.put("k", std::string(size, 'x'), {}, {{"partNumber", n}, {"uploadId", id}})
                       .header("ETag") +
                   "</ETag></Part>";
        }
        return c.post("k", xml + "</CompleteMultipartUpload>", {{"uploadId", id}});
    };
    EXPECT_EQ(try_with(oss(), (100 << 10) - 1).code(), "EntityTooSmall");
    EXPECT_EQ(try_with(oss(), 100 << 10).status, 200);
    EXPECT_EQ(try_with(s3(), (5 << 20) - 1).code(), "EntityTooSmall");
    EXPECT_EQ(try_with(s3(), 5 << 20).status, 200);
}

}  // namespace
}  // namespace xbucket::testing
