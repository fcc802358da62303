// SPDX-FileCopyrightText: the xbucket authors
// The operations of the store over a scripted service: keys, replies, and what is checked.
#include "store_fixture.h"

#include "xbucket/base/digest.h"

#include <gmock/gmock.h>

namespace xbucket {
namespace {

using namespace testing;  // NOLINT: the fixture's vocabulary
using ::testing::HasSubstr;
using ::testing::Not;

class HttpStore : public StoreFixture {};

ScriptedReply xml_reply(std::string body) {
    ScriptedReply reply;
    reply.headers = {{"Date", kServiceDate}};
    reply.body = std::move(body);
    return reply;
}

TEST_F(HttpStore, settings_that_cannot_work_are_refused_with_what_to_give) {
    HttpStoreConfig config = oss_config();
    config.key_prefix = "no-slash";
    EXPECT_EQ(make_http_store(config, transport, credentials, clock).error().kind,
              ErrorKind::invalid_argument);
    config = oss_config();
    config.bucket = "a/b";
    EXPECT_EQ(make_http_store(config, transport, credentials, clock).error().kind,
              ErrorKind::invalid_name);
}

TEST_F(HttpStore, head_gives_every_header) {
    ObjectStore& store = make(oss_config());
    transport.reply(object_reply("12345", {{"x-oss-meta-a", "b"}, {"X-Anything", "else"}}));
    const auto reply = store.head(ObjectKey("k"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->headers.value_or_empty("x-anything"), "else");
    EXPECT_EQ(reply->info.attributes.user.at("a"), "b");
    EXPECT_EQ(reply->info.date, WallTime::from_seconds(1'700'000'000));
}

TEST_F(HttpStore, keys_that_cannot_be_make_no_request) {
    ObjectStore& store = make(oss_config());
    EXPECT_EQ(store.head(ObjectKey()).error().kind, ErrorKind::invalid_name);
    EXPECT_EQ(store.remove(ObjectKey()).error().kind, ErrorKind::invalid_name);
    EXPECT_EQ(store.head(ObjectKey(std::string(1024, 'k'))).error().kind, ErrorKind::name_too_long);
    EXPECT_TRUE(transport.sent().empty());
}

TEST_F(HttpStore, a_key_prefix_is_put_in_front_and_cut_off) {
    HttpStoreConfig config = s3_config();
    config.key_prefix = "home/me/";
    ObjectStore& store = make(config);
    EXPECT_EQ(store.traits().key_bytes_max, 1016U);
    transport.reply(object_reply());
    ASSERT_TRUE(store.head(ObjectKey("k")));
    EXPECT_EQ(transport.sent(0).request.target, "/home/me/k");
    transport.reply(object_reply());
    ASSERT_TRUE(store.head(ObjectKey("")));
    EXPECT_EQ(transport.sent(1).request.target, "/home/me/") << "the root's own marker";

    transport.reply(xml_reply(
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>home/me/a</Key>"
        "<LastModified>2020-06-22T11:42:32.000Z</LastModified><Size>1</Size></Contents>"
        "<CommonPrefixes><Prefix>home/me/d/</Prefix></CommonPrefixes></ListBucketResult>"));
    const auto page = store.list({.prefix = "", .delimiter = "/", .start_after = "0"});
    ASSERT_TRUE(page) << page.error().describe();
    EXPECT_EQ(page->objects.at(0).key.str(), "a");
    EXPECT_EQ(page->common_prefixes.at(0), "d/");
    EXPECT_THAT(transport.sent(2).request.target, HasSubstr("prefix=home%2Fme%2F"));
    EXPECT_THAT(transport.sent(2).request.target, HasSubstr("start-after=home%2Fme%2F0"));

    transport.reply(
        xml_reply("<ListBucketResult><IsTruncated>false</IsTruncated><CommonPrefixes>"
                  "<Prefix>elsewhere/</Prefix></CommonPrefixes></ListBucketResult>"));
    EXPECT_EQ(store.list({}).error().kind, ErrorKind::bad_reply);

    transport.reply(copy_reply());
    CopyRequest copy;
    copy.source = ObjectKey("a");
    copy.destination = ObjectKey("b");
    ASSERT_TRUE(store.copy(copy));
    EXPECT_EQ(transport.sent(4).header("x-amz-copy-source"), "examplebucket/home/me/a");

    transport.reply(
        xml_reply("<DeleteResult><Error><Key>home/me/a</Key><Code>AccessDenied</Code>"
                  "</Error></DeleteResult>"));
    const auto failures = store.remove_many({ObjectKey("a")});
    ASSERT_TRUE(failures);
    EXPECT_EQ(failures->at(0).key.str(), "a");
    EXPECT_THAT(*store.presign_get(ObjectKey("a"), std::chrono::seconds(5)),
                HasSubstr("/home/me/a?"));
}

TEST_F(HttpStore, an_upload_is_compared_with_what_oss_stored) {
    ObjectStore& store = make(oss_config());
    const auto body = std::make_shared<StringSource>("hello");
    transport.reply({.headers = {{"ETag", "\"E\""},
                                 {"x-oss-hash-crc64ecma", std::to_string(crc64("hello"))},
                                 {"x-oss-version-id", "v"}}});
    const auto good = store.put({.key = ObjectKey("k"), .body = body});
    ASSERT_TRUE(good) << good.error().describe();
    EXPECT_EQ(good->version_id.str(), "v");
    EXPECT_EQ(good->crc64, crc64("hello"));
    // Once more, in place of what was damaged.
    transport.reply({.headers = {{"ETag", "\"E\""}, {"x-oss-hash-crc64ecma", "1"}}});
    transport.reply({.headers = {{"ETag", "\"E2\""},
                                 {"x-oss-hash-crc64ecma", std::to_string(crc64("hello"))}}});
    const auto mended = store.put({.key = ObjectKey("k"), .body = body});
    ASSERT_TRUE(mended) << mended.error().describe();
    EXPECT_EQ(mended->etag.str(), "E2");
    EXPECT_EQ(transport.sent(2).body, "hello");
    for (int i = 0; i < 2; ++i) {
        transport.reply({.headers = {{"ETag", "\"E\""}, {"x-oss-hash-crc64ecma", "1"}}});
    }
    const auto bad = store.put({.key = ObjectKey("k"), .body = body});
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().kind, ErrorKind::checksum_mismatch);
    EXPECT_TRUE(bad.error().outcome_unknown);
    // No body is zero bytes.
    transport.reply({.headers = {{"ETag", "\"E\""}, {"x-oss-hash-crc64ecma", "0"}}});
    EXPECT_TRUE(store.put({.key = ObjectKey("k")}));
}

TEST_F(HttpStore, damaged_bytes_that_could_not_be_replaced_are_told) {
    ObjectStore& store = make(oss_config());
    const auto body = std::make_shared<StringSource>("hello");
    transport.reply({.headers = {{"ETag", "\"E\""}, {"x-oss-hash-crc64ecma", "1"}}});
    transport.reply(error_reply(403, "AccessDenied"));
    const auto put = store.put({.key = ObjectKey("k"), .body = body});
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().kind, ErrorKind::checksum_mismatch);
    EXPECT_TRUE(put.error().outcome_unknown);
    EXPECT_THAT(put.error().message, HasSubstr("other bytes"));
}

TEST_F(HttpStore, a_small_upload_is_compared_with_the_md5_that_aws_says) {
    HttpStoreConfig config = s3_config();
    config.trusted_conditions = true;
    ObjectStore& store = make(config);
    const auto body = std::make_shared<StringSource>("hello");
    const std::string right = "\"" + hex_encode(md5("hello")) + "\"";
    const std::string wrong = "\"" + hex_encode(md5("hellp")) + "\"";
    transport.reply({.headers = {{"ETag", right}}});
    EXPECT_TRUE(store.put({.key = ObjectKey("k"), .body = body}));
    transport.reply({.headers = {{"ETag", wrong}}});
    transport.reply({.headers = {{"ETag", right}}});
    ASSERT_TRUE(store.put({.key = ObjectKey("k"), .body = body, .if_match = ETag("before")}));
    EXPECT_EQ(transport.sent(1).header("If-Match"), "\"before\"");
    EXPECT_EQ(transport.sent(2).header("If-Match"), wrong) << "in place of what was damaged";
    transport.reply({.headers = {{"ETag", wrong}}});
    transport.reply({.headers = {{"ETag", wrong}}});
    const auto bad = store.put({.key = ObjectKey("k"), .body = body});
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().kind, ErrorKind::checksum_mismatch);
    EXPECT_TRUE(bad.error().outcome_unknown);
    transport.reply({.headers = {{"ETag", wrong}, {"x-amz-server-side-encryption", "aws:kms"}}});
    EXPECT_TRUE(store.put({.key = ObjectKey("k"), .body = body})) << "its ETag is no MD5";
}

// As AWS does for buckets and objects under Object Lock.
TEST_F(HttpStore, content_carries_its_md5_where_the_service_demands_that) {
    ObjectStore& store = make(s3_config());
    const auto body = std::make_shared<StringSource>("hello");
    const std::string md5_of_body = base64_encode(md5("hello"));
    transport.reply({.headers = {{"ETag", "\"E\""}}});
    ASSERT_TRUE(store.put({.key = ObjectKey("k"), .body = body}));
    EXPECT_EQ(transport.sent(0).header("Content-MD5"), "") << "it costs time";
    transport.reply({.status = 400,
                     .headers = {{"Date", kServiceDate}},
                     .body = "<Error><Code>InvalidRequest</Code><Message>Content-MD5 OR "
                             "x-amz-checksum- HTTP header is required for Put Object requests with "
                             "Object Lock parameters</Message></Error>"});
    transport.reply({.headers = {{"ETag", "\"E\""}}});
    ASSERT_TRUE(store.put({.key = ObjectKey("k"), .body = body}));
    EXPECT_EQ(transport.sent(2).header("Content-MD5"), md5_of_body);
    EXPECT_EQ(transport.sent(2).body, "hello");
    transport.reply({.headers = {{"ETag", "\"E\""}}});
    ASSERT_TRUE(store.upload_part(ObjectKey("k"), UploadId("u"), 1, body));
    EXPECT_EQ(transport.sent(3).header("Content-MD5"), md5_of_body) << "asked for once";
    EXPECT_EQ(transport.sent(3).body, "hello");
    transport.reply({.headers = {{"ETag", "\"E\""}}});
    ASSERT_TRUE(store.put({.key = ObjectKey("k")}));
    EXPECT_EQ(transport.sent(4).header("Content-MD5"), base64_encode(md5("")));
}

TEST_F(HttpStore, an_upload_reply_without_an_etag_leaves_the_outcome_unknown) {
    ObjectStore& store = make(s3_config());
    transport.reply({});
    const auto reply = store.put({.key = ObjectKey("k")});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::bad_reply);
    EXPECT_TRUE(reply.error().outcome_unknown);
}

TEST_F(HttpStore, creating_what_exists_is_already_exists_in_both_dialects) {
    ObjectStore& oss = make(oss_config());
    transport.reply(error_reply(404, "NoSuchKey"));
    transport.reply(error_reply(409, "FileAlreadyExists"));
    EXPECT_EQ(oss.put({.key = ObjectKey("k"), .must_not_exist = true}).error().kind,
              ErrorKind::already_exists);
    ObjectStore& s3 = make(s3_config());
    transport.reply(error_reply(412, "PreconditionFailed"));
    EXPECT_EQ(s3.put({.key = ObjectKey("k"), .must_not_exist = true}).error().kind,
              ErrorKind::already_exists);
    transport.reply(error_reply(412, "PreconditionFailed"));
    EXPECT_EQ(s3.put({.key = ObjectKey("k"), .if_match = ETag("E")}).error().kind,
              ErrorKind::precondition_failed);
    CopyRequest copy;
    copy.source = ObjectKey("a");
    copy.destination = ObjectKey("b");
    copy.guard.destination_must_not_exist = true;
    transport.reply(error_reply(412, "PreconditionFailed"));
    EXPECT_EQ(s3.copy(copy).error().kind, ErrorKind::already_exists);
    copy.guard.source_if_match = ETag("E");
    transport.reply(error_reply(412, "PreconditionFailed"));
    EXPECT_EQ(s3.copy(copy).error().kind, ErrorKind::precondition_failed) << "either may be false";
}

TEST_F(HttpStore, an_upload_above_the_limit_is_refused_before_it_is_sent) {
    class Huge final : public BodySource {
      public:
        uint64_t size() const override { return (5ULL << 30) + 1; }
        Result<void> rewind() override { return {}; }
        Result<Chunk> read(std::span<char>) override { return Chunk{}; }
    };
    ObjectStore& store = make(oss_config());
    EXPECT_EQ(store.put({.key = ObjectKey("k"), .body = std::make_shared<Huge>()}).error().kind,
              ErrorKind::file_too_large);
}

TEST_F(HttpStore, the_guards_of_a_copy_fail_as_one_kind) {
    ObjectStore& store = make(oss_config());
    CopyRequest copy;
    copy.source = copy.destination = ObjectKey("k");
    copy.replace.emplace();
    copy.guard.source_unmodified_since = WallTime::from_seconds(1'700'000'000);
    transport.reply(error_reply(412, "PreconditionFailed"));
    EXPECT_EQ(store.copy(copy).error().kind, ErrorKind::precondition_failed);
    transport.reply(error_reply(304, ""));
    EXPECT_EQ(store.copy(copy).error().kind, ErrorKind::precondition_failed)
        << "OSS's answer to if-modified-since";
}

TEST_F(HttpStore, removing_what_is_not_there_is_success) {
    ObjectStore& store = make(s3_config());
    transport.reply({.status = 204});
    EXPECT_TRUE(store.remove(ObjectKey("k")));
    transport.reply(error_reply(404, "NoSuchKey"));
    EXPECT_TRUE(store.remove(ObjectKey("k")));
    transport.reply(error_reply(404, "NoSuchBucket"));
    EXPECT_EQ(store.remove(ObjectKey("k")).error().kind, ErrorKind::no_such_bucket);
}

TEST_F(HttpStore, deleting_many_says_which_were_not) {
    ObjectStore& store = make(oss_config());
    EXPECT_TRUE(store.remove_many({})->empty());
    EXPECT_TRUE(transport.sent().empty());
    transport.reply(
        xml_reply("<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key>"
                  "<Code>FileImmutable</Code><Message>locked</Message></Error>"
                  "</DeleteResult>"));
    const auto failures = store.remove_many({ObjectKey("a"), ObjectKey("b")});
    ASSERT_TRUE(failures) << failures.error().describe();
    ASSERT_EQ(failures->size(), 1U);
    EXPECT_EQ(failures->at(0).error.kind, ErrorKind::not_permitted);
    EXPECT_EQ(store.remove_many(std::vector<ObjectKey>(1001, ObjectKey("k"))).error().kind,
              ErrorKind::invalid_argument);
}

TEST_F(HttpStore, keys_that_xml_cannot_carry_are_deleted_one_by_one) {
    ObjectStore& store = make(s3_config());
    transport.reply({.status = 204});
    transport.reply(error_reply(403, "AccessDenied"));
    transport.reply(
        xml_reply("<DeleteResult><Deleted><Key>plain\n</Key></Deleted></DeleteResult>"));
    const auto failures =
        store.remove_many({ObjectKey("bell\a"), ObjectKey("plain\n"), ObjectKey("latin\xE9")});
    ASSERT_TRUE(failures) << failures.error().describe();
    EXPECT_EQ(transport.sent(0).request.target, "/bell%07");
    ASSERT_EQ(failures->size(), 1U);
    EXPECT_EQ(failures->at(0).key.str(), "latin\xE9");
    EXPECT_EQ(failures->at(0).error.kind, ErrorKind::access_denied);
}

TEST_F(HttpStore, an_etag_that_complete_does_not_tell_is_read_from_head_if_it_can_be_ours) {
    HttpStoreConfig config = s3_config();
    config.endpoint = "http://127.0.0.1:9";
    ObjectStore& store = make(config);
    for (const char* etag : {"\"abc-1\"", "\"abc-2\""}) {
        transport.reply(
            xml_reply("<CompleteMultipartUploadResult><ETag/>"
                      "</CompleteMultipartUploadResult>"));
        transport.reply(object_reply("", {{"ETag", etag}}));
        const auto done = store.complete_upload(ObjectKey("k"), UploadId("u"), {{1, ETag("p"), 5}});
        ASSERT_TRUE(done);
        EXPECT_EQ(done->etag.str(), std::string(etag) == "\"abc-1\"" ? "abc-1" : "");
    }
}

TEST_F(HttpStore, an_empty_answer_about_tags_means_none_where_the_service_is_not_aws) {
    HttpStoreConfig config = s3_config();
    config.endpoint = "http://127.0.0.1:9";
    ObjectStore& ceph = make(config);
    transport.reply({});
    EXPECT_TRUE(ceph.get_tags(ObjectKey("k"))->empty());
    ObjectStore& aws = make(s3_config());
    transport.reply({});
    EXPECT_EQ(aws.get_tags(ObjectKey("k")).error().kind, ErrorKind::bad_reply);
}

TEST_F(HttpStore, listing_a_bucket_that_is_not_there_says_so_even_without_a_code) {
    ObjectStore& store = make(s3_config());
    transport.reply(error_reply(404, ""));
    const auto page = store.list({});
    EXPECT_EQ(page.error().kind, ErrorKind::no_such_bucket);
    EXPECT_THAT(page.error().message, HasSubstr("LIST examplebucket: "));
}

TEST_F(HttpStore, multipart_uploads_from_start_to_end) {
    ObjectStore& store = make(oss_config());
    const ObjectKey key("k");
    transport.reply(
        xml_reply("<InitiateMultipartUploadResult><UploadId>u1</UploadId>"
                  "</InitiateMultipartUploadResult>"));
    ObjectAttributes attributes;
    attributes.user["a"] = "b";
    const auto id = store.create_upload(key, attributes);
    ASSERT_TRUE(id);
    EXPECT_EQ(transport.sent(0).header("x-oss-meta-a"), "b");

    transport.reply({.headers = {{"ETag", "\"p\""}, {"x-oss-hash-crc64ecma", "7"}}});
    transport.reply(
        {.headers = {{"ETag", "\"p1\""}, {"x-oss-hash-crc64ecma", std::to_string(crc64("one"))}}});
    const auto part = store.upload_part(key, *id, 1, std::make_shared<StringSource>("one"));
    ASSERT_TRUE(part) << part.error().describe();
    EXPECT_EQ(part->etag.str(), "p1") << "a part stored wrong is sent again";
    EXPECT_EQ(part->bytes, 3U);

    transport.reply(xml_reply("<CopyPartResult><ETag>\"p2\"</ETag></CopyPartResult>"));
    const auto copied = store.upload_part_copy(key, *id, 2, ObjectKey("s"), 0, 10, ETag("S"));
    ASSERT_TRUE(copied);
    EXPECT_EQ(transport.sent(3).header("x-oss-copy-source-range"), "bytes=0-9");
    EXPECT_EQ(transport.sent(3).header("x-oss-copy-source-if-match"), "\"S\"");

    transport.reply(
        xml_reply("<CompleteMultipartUploadResult><ETag>\"w-2\"</ETag>"
                  "</CompleteMultipartUploadResult>"));
    const auto done = store.complete_upload(key, *id, {*copied, *part});
    ASSERT_TRUE(done);
    EXPECT_EQ(done->etag.str(), "w-2");
    EXPECT_THAT(transport.sent(4).body, HasSubstr("<PartNumber>1</PartNumber><ETag>&quot;p1"));

    EXPECT_EQ(store.upload_part(key, *id, 0, nullptr).error().kind, ErrorKind::invalid_argument);
    EXPECT_EQ(store.upload_part(key, *id, 10001, nullptr).error().kind,
              ErrorKind::invalid_argument);
}

// AWS tells the CRC64NVME of what it was sent, asked or not; most others tell nothing.
TEST_F(HttpStore, what_s3_stored_is_compared_where_it_says_what_that_is) {
    ObjectStore& store = make(s3_config());
    const ObjectKey key("k");
    const UploadId id("u");
    const auto said = [](std::string_view bytes) {
        const uint64_t crc = crc64nvme(bytes);
        std::string big_endian;
        for (int shift = 56; shift >= 0; shift -= 8)
            big_endian += static_cast<char>(crc >> shift & 0xff);
        return base64_encode(big_endian);
    };
    const auto part_reply = [&](std::string checksum) {
        return ScriptedReply{
            .headers = {{"ETag", "\"p\""}, {"x-amz-checksum-crc64nvme", std::move(checksum)}}};
    };
    const auto send = [&](std::string text) {
        return store.upload_part(key, id, 1, std::make_shared<StringSource>(std::move(text)));
    };
    transport.reply(part_reply(said("other")));
    transport.reply(part_reply(said("one")));
    const auto part = send("one");
    ASSERT_TRUE(part) << part.error().describe();
    EXPECT_EQ(part->crc64, crc64nvme("one"));
    transport.reply(part_reply(said("other")));
    transport.reply(part_reply(said("other")));
    EXPECT_EQ(send("one").error().kind, ErrorKind::checksum_mismatch);
    for (const char* nothing : {"", "AAAA", "not base64", "AAAAAAAAAAA=-2"}) {
        transport.reply(part_reply(nothing));
        EXPECT_TRUE(send("one")) << nothing;
    }

    const auto completed = [&](const std::string& type, const std::string& checksum) {
        transport.reply(
            xml_reply("<CompleteMultipartUploadResult><ETag>\"w-1\"</ETag>"
                      "<ChecksumCRC64NVME>" +
                      checksum + "</ChecksumCRC64NVME><ChecksumType>" + type +
                      "</ChecksumType></CompleteMultipartUploadResult>"));
        return store.complete_upload(key, id, {*part}).value().crc64;
    };
    EXPECT_EQ(completed("FULL_OBJECT", said("one")), crc64nvme("one"));
    EXPECT_EQ(completed("COMPOSITE", said("one")), std::nullopt);
    EXPECT_EQ(completed("", said("one")), std::nullopt);

    const std::string large(3 << 20, 'x');
    transport.reply({.headers = {{"ETag", "\"e1\""}, {"x-amz-checksum-crc64nvme", said("no")}}});
    transport.reply({.headers = {{"ETag", "\"e2\""}, {"x-amz-checksum-crc64nvme", said(large)}}});
    PutRequest put;
    put.key = key;
    put.body = std::make_shared<StringSource>(large);
    const auto stored = store.put(put);
    ASSERT_TRUE(stored) << stored.error().describe();
    EXPECT_EQ(stored->etag.str(), "e2");
}

TEST_F(HttpStore, completing_is_not_repeated_when_its_reply_was_lost) {
    ObjectStore& store = make(s3_config());
    transport.reply(broken(ErrorKind::timed_out, true));
    const auto done = store.complete_upload(ObjectKey("k"), UploadId("u"), {{1, ETag("p"), 5}});
    ASSERT_FALSE(done);
    EXPECT_TRUE(done.error().outcome_unknown);
    transport.reply(error_reply(404, "NoSuchUpload"));
    EXPECT_EQ(store.abort_upload(ObjectKey("k"), UploadId("u")).error().kind, ErrorKind::not_found);
}

TEST_F(HttpStore, pending_uploads_are_listed_to_the_end_and_loops_found) {
    ObjectStore& store = make(s3_config());
    const std::string first =
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a</"
        "NextKeyMarker>"
        "<NextUploadIdMarker>1</NextUploadIdMarker><Upload><Key>a</Key><UploadId>1</UploadId>"
        "</Upload></ListMultipartUploadsResult>";
    transport.reply(xml_reply(first));
    transport.reply(
        xml_reply("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>"
                  "</ListMultipartUploadsResult>"));
    EXPECT_EQ(store.list_uploads("")->size(), 1U);
    EXPECT_THAT(transport.sent(1).request.target, HasSubstr("key-marker=a&upload-id-marker=1"));
    transport.reply(xml_reply(first));
    transport.reply(xml_reply(first));
    EXPECT_EQ(store.list_uploads("").error().kind, ErrorKind::bad_reply);
}

TEST_F(HttpStore, tags_acl_restore_links_and_versioning) {
    ObjectStore& store = make(oss_config());
    const ObjectKey key("k");
    transport.reply(error_reply(404, "NoSuchTagSet"));
    EXPECT_TRUE(store.get_tags(key)->empty());
    transport.reply({});
    EXPECT_TRUE(store.put_tags(key, {{"a", "b"}}));
    transport.reply({.status = 204});
    EXPECT_TRUE(store.put_tags(key, {}));
    EXPECT_EQ(transport.sent(2).request.method, HttpMethod::del);
    transport.reply({});
    EXPECT_TRUE(store.put_acl(key, "public-read"));
    EXPECT_EQ(store.put_acl(key, "").error().kind, ErrorKind::invalid_argument);
    transport.reply(error_reply(409, "RestoreAlreadyInProgress"));
    EXPECT_EQ(store.restore(key, 1, "").error().kind, ErrorKind::conflict);
    EXPECT_EQ(store.restore(key, 0, "").error().kind, ErrorKind::invalid_argument);
    transport.reply({.status = 202});
    EXPECT_TRUE(store.restore(key, 1, "Standard"));
    transport.reply({.headers = {{"x-oss-symlink-target", "t%2Fa"}}});
    EXPECT_EQ(store.get_symlink(key)->str(), "t/a");
    transport.reply(
        xml_reply("<BucketInfo><Bucket><Versioning>Enabled</Versioning></Bucket>"
                  "</BucketInfo>"));
    EXPECT_EQ(*store.versioning(), "Enabled");
}

TEST_F(HttpStore, restoring_what_is_in_no_archive_is_unsupported_on_s3) {
    ObjectStore& store = make(s3_config());
    transport.reply(error_reply(403, "InvalidObjectState"));
    EXPECT_EQ(store.restore(ObjectKey("k"), 1, "").error().kind, ErrorKind::unsupported);
}

TEST_F(HttpStore, a_link_out_of_the_prefix_is_not_followed) {
    HttpStoreConfig config = oss_config();
    config.key_prefix = "p/";
    ObjectStore& store = make(config);
    transport.reply({.headers = {{"x-oss-symlink-target", "p/a"}}});
    EXPECT_EQ(store.get_symlink(ObjectKey("k"))->str(), "a");
    transport.reply({.headers = {{"x-oss-symlink-target", "other/a"}}});
    EXPECT_EQ(store.get_symlink(ObjectKey("k")).error().kind, ErrorKind::unsupported);
}

TEST_F(HttpStore, checking_access_names_what_is_wrong) {
    ObjectStore& store = make(oss_config());
    transport.reply(
        xml_reply("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"));
    EXPECT_TRUE(store.check_access());
    EXPECT_THAT(transport.sent(0).request.target, HasSubstr("max-keys=1"));
    transport.reply(xml_reply("<html/>"));
    EXPECT_THAT(store.check_access().error().message, HasSubstr("check its address"));
    transport.reply(error_reply(404, "NoSuchBucket"));
    EXPECT_THAT(store.check_access().error().message, HasSubstr("check its name, region"));
}

TEST_F(HttpStore, no_error_text_holds_a_secret) {
    ObjectStore& store = make(oss_config());
    credentials.token = Secret("very-secret-token");
    transport.reply(error_reply(403, "AccessDenied"));
    StringSink sink;
    const auto info = store.get({.key = ObjectKey("k\n")}, sink);
    EXPECT_THAT(info.error().describe(), Not(HasSubstr("very-secret-token")));
    EXPECT_THAT(info.error().describe(), Not(HasSubstr("Signature=")));
    EXPECT_THAT(info.error().describe(), Not(HasSubstr("\n")));
}

TEST_F(HttpStore, long_copies_may_be_silent_for_long) {
    ObjectStore& store = make(oss_config());
    CopyRequest copy;
    copy.source = ObjectKey("a");
    copy.destination = ObjectKey("b");
    copy.source_bytes = 5ULL << 30;
    transport.reply(copy_reply());
    ASSERT_TRUE(store.copy(copy));
    EXPECT_GE(transport.sent(0).request.timeouts.stall, std::chrono::seconds(500));
    EXPECT_GE(transport.sent(0).request.timeouts.total, transport.sent(0).request.timeouts.stall);
}

ScriptedReply versions_page(const std::string& versions, bool goes_on, const std::string& last) {
    return xml_reply("<ListVersionsResult><IsTruncated>" + std::string(goes_on ? "true" : "false") +
                     "</IsTruncated><NextKeyMarker>p/k</NextKeyMarker><NextVersionIdMarker>" +
                     last + "</NextVersionIdMarker>" + versions + "</ListVersionsResult>");
}
std::string version_of(const std::string& id) {
    return "<Version><Key>p/k</Key><VersionId>" + id +
           "</VersionId><IsLatest>false</IsLatest><LastModified>2020-06-22T11:42:32.000Z"
           "</LastModified><ETag>E</ETag><Size>1</Size></Version>";
}

TEST_F(HttpStore, versions_are_read_page_by_page_until_enough_are_there) {
    HttpStoreConfig config = s3_config();
    config.key_prefix = "p/";
    ObjectStore& store = make(config);
    transport.reply(versions_page(version_of("v4") + version_of("v3"), true, "v3"));
    transport.reply(versions_page(version_of("v2"), true, "v2"));
    const auto list = store.list_versions(ObjectKey("k"), 2);
    ASSERT_TRUE(list) << list.error().describe();
    EXPECT_TRUE(list->more);
    ASSERT_EQ(list->versions.size(), 2U);
    EXPECT_EQ(list->versions[1].id.str(), "v3");
    EXPECT_THAT(target_of(transport.sent()[0]), HasSubstr("prefix=p%2Fk&max-keys=3&"));
    EXPECT_THAT(target_of(transport.sent()[1]), HasSubstr("max-keys=1&"));
    EXPECT_THAT(target_of(transport.sent()[1]), HasSubstr("key-marker=p%2Fk&version-id-marker=v3"));
    transport.reply(versions_page(version_of("v4"), true, "v4"));
    transport.reply(versions_page("", true, "v4"));
    EXPECT_EQ(store.list_versions(ObjectKey("k"), 2).error().kind, ErrorKind::bad_reply);
}

TEST_F(HttpStore, a_customers_key_has_32_bytes_and_never_crosses_a_network_in_the_open) {
    HttpStoreConfig config = s3_config();
    config.customer_key = Secret(std::string(31, 'k'));
    EXPECT_EQ(make_http_store(config, transport, credentials, clock).error().kind,
              ErrorKind::invalid_argument);
    config.customer_key = Secret(std::string(32, 'k'));
    ObjectStore& store = make(config);
    EXPECT_EQ(store.presign_get(ObjectKey("k"), std::chrono::minutes(1)).error().kind,
              ErrorKind::unsupported);
    config.endpoint = "http://s3.us-east-1.amazonaws.com";
    EXPECT_THAT(make_http_store(config, transport, credentials, clock).error().message,
                HasSubstr("https://"));
    config.endpoint = "http://127.0.0.1:9000";
    EXPECT_TRUE(make_http_store(config, transport, credentials, clock));
    EXPECT_TRUE(transport.sent().empty());
}

TEST_F(HttpStore, an_object_that_is_encrypted_otherwise_says_what_to_do) {
    HttpStoreConfig config = s3_config();
    ObjectStore& without = make(config);
    transport.reply(error_reply(400, ""));
    transport.reply(error_reply(400, "InvalidRequest"));  // asked again, with GET
    const auto refused = without.head(ObjectKey("k"));
    EXPECT_EQ(refused.error().kind, ErrorKind::access_denied);
    EXPECT_THAT(refused.error().message, HasSubstr("mount with --sse-c-key"));
    config.customer_key = Secret(std::string(32, 'k'));
    ObjectStore& with = make(config);
    transport.reply(error_reply(400, "InvalidRequest"));
    StringSink sink;
    EXPECT_THAT(with.get({.key = ObjectKey("k")}, sink).error().message,
                HasSubstr("mount without it"));
}

TEST_F(HttpStore, an_error_never_says_the_customers_key) {
    HttpStoreConfig config = s3_config();
    config.customer_key = Secret(std::string(32, 'k'));
    ObjectStore& store = make(config);
    transport.reply(error_reply(400, ""));
    const auto refused = store.head(ObjectKey("k"));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().describe(), Not(HasSubstr("a2tra2tr")));
    EXPECT_EQ(transport.sent().at(0).request.headers.value_or_empty(
                  "x-amz-server-side-encryption-customer-algorithm"),
              "AES256");
}

}  // namespace
}  // namespace xbucket
