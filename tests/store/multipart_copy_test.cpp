// SPDX-FileCopyrightText: the xbucket authors
// Copies above the single-copy limit: everything resent, nothing mixed, leftovers aborted.
#include "multipart_copy.h"

#include "store_fixture.h"

#include <gmock/gmock.h>

namespace xbucket {
namespace {

using namespace testing;  // NOLINT: the fixture's vocabulary
using ::testing::HasSubstr;

constexpr uint64_t kSize = (5ULL << 30) + (1ULL << 29) + 5;  // 12 parts of 512 MiB

ScriptedReply head_reply(const std::string& etag = "S", const char* modified = kModified,
                         Headers more = {}) {
    ScriptedReply reply = object_reply("", more);
    reply.headers.set("ETag", "\"" + etag + "\"");
    reply.headers.set("Content-Length", std::to_string(kSize));
    reply.headers.set("Last-Modified", modified);
    return reply;
}
ScriptedReply xml(std::string body) {
    ScriptedReply reply;
    reply.body = std::move(body);
    return reply;
}
ScriptedReply created() {
    return xml(
        "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>");
}
ScriptedReply part(const std::string& more = {}) {
    return xml("<CopyPartResult><ETag>\"p\"</ETag>" + more + "</CopyPartResult>");
}
ScriptedReply completed() {
    return xml(
        "<CompleteMultipartUploadResult><ETag>\"N-12\"</ETag></CompleteMultipartUploadResult>");
}

class MultipartCopyTest : public StoreFixture {
  protected:
    static CopyRequest update() {
        CopyRequest copy;
        copy.source = copy.destination = ObjectKey("k");
        copy.source_bytes = kSize;
        copy.replace.emplace();
        copy.replace->user["year"] = "2021";
        copy.replace->acl = "public-read";
        copy.replace->tags.emplace();
        copy.guard.source_unmodified_since = *parse_http_date(kModified);
        return copy;
    }
    void reply_parts(const std::string& more = {}) {
        for (int i = 0; i < 12; ++i) transport.reply(part(more));
    }
    // An update of an object with these headers, whose copy has those; `of_part` is in every
    // part's reply.
    Result<CopyReply> update_with_checksum(ObjectStore& store, const Headers& source,
                                           const std::string& of_part, const Headers& made) {
        transport.reply(head_reply("S", kModified, source));
        transport.reply(created());
        reply_parts(of_part);
        transport.reply(head_reply());
        transport.reply(completed());
        transport.reply(head_reply("N-12", kServiceDate, made));
        return store.copy(update());
    }
};

TEST_F(MultipartCopyTest, copies_in_parts_with_everything_resent_and_compared) {
    ObjectStore& store = make(s3_config());
    transport.reply(head_reply("S", kModified, {{"x-amz-tagging-count", "1"}}));
    transport.reply(
        xml("<Tagging><TagSet><Tag><Key>t</Key><Value>v</Value></Tag></TagSet></Tagging>"));
    transport.reply(created());
    reply_parts();
    transport.reply(head_reply("S", kModified, {{"x-amz-tagging-count", "1"}}));
    transport.reply(completed());
    transport.reply(head_reply("N-12", kServiceDate));
    CopyRequest copy = update();
    copy.replace->tags.reset();
    const auto reply = store.copy(copy);
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_EQ(reply->etag.str(), "N-12");
    EXPECT_EQ(reply->last_modified, WallTime::from_seconds(1'700'000'000));
    const SentRequest create = transport.sent(2);
    EXPECT_EQ(create.header("x-amz-meta-year"), "2021");
    EXPECT_EQ(create.header("x-amz-acl"), "public-read");
    EXPECT_EQ(create.header("x-amz-tagging"), "t=v");
    std::vector<std::string> ranges;
    for (size_t i = 3; i < 15; ++i) {
        EXPECT_EQ(transport.sent(i).header("x-amz-copy-source-if-match"), "\"S\"");
        ranges.push_back(transport.sent(i).header("x-amz-copy-source-range"));
    }
    EXPECT_THAT(ranges, ::testing::Contains("bytes=0-536870911"));
    EXPECT_THAT(ranges, ::testing::Contains("bytes=5905580032-5905580036"));
    EXPECT_THAT(transport.sent(16).body, HasSubstr("<PartNumber>12</PartNumber>"));
}

TEST_F(MultipartCopyTest, tags_whose_count_is_not_told_are_asked_for) {
    ObjectStore& store = make(s3_config());
    CopyRequest copy = update();
    copy.replace->tags.reset();
    transport.reply(head_reply());
    transport.reply(
        xml("<Tagging><TagSet><Tag><Key>t</Key><Value>v</Value></Tag></TagSet></Tagging>"));
    transport.reply(error_reply(400, "InvalidArgument"));
    EXPECT_FALSE(store.copy(copy));
    EXPECT_EQ(transport.sent(2).header("x-amz-tagging"), "t=v");
    // Hidden: the copy is made without them, or not at all.
    transport.reply(head_reply());
    transport.reply(error_reply(403, "AccessDenied"));
    transport.reply(error_reply(400, "InvalidArgument"));
    EXPECT_EQ(store.copy(copy).error().kind, ErrorKind::invalid_argument);
    EXPECT_EQ(transport.sent(5).request.method, HttpMethod::post);
    copy.tags_required = true;
    transport.reply(head_reply());
    transport.reply(error_reply(403, "AccessDenied"));
    EXPECT_EQ(store.copy(copy).error().kind, ErrorKind::access_denied);
}

TEST_F(MultipartCopyTest, a_guard_that_is_false_stops_it_before_anything_is_made) {
    ObjectStore& store = make(s3_config());
    transport.reply(head_reply("S", "Tue, 14 Nov 2023 22:00:01 GMT"));
    EXPECT_EQ(store.copy(update()).error().kind, ErrorKind::precondition_failed);
    CopyRequest by_etag = update();
    by_etag.guard = {};
    by_etag.guard.source_if_match = ETag("other");
    transport.reply(head_reply());
    EXPECT_EQ(store.copy(by_etag).error().kind, ErrorKind::precondition_failed);
}

TEST_F(MultipartCopyTest, an_edit_in_between_is_seen_before_complete_and_the_upload_aborted) {
    ObjectStore& store = make(s3_config());
    transport.reply(head_reply());
    transport.reply(created());
    reply_parts();
    transport.reply(head_reply("S", "Tue, 14 Nov 2023 22:00:01 GMT", {{"x-amz-meta-b", "new"}}));
    transport.reply({.status = 204});
    const auto reply = store.copy(update());
    EXPECT_EQ(reply.error().kind, ErrorKind::precondition_failed);
    EXPECT_EQ(transport.sent(15).request.method, HttpMethod::del);
    EXPECT_THAT(transport.sent(15).request.target, HasSubstr("uploadId=u"));
}

TEST_F(MultipartCopyTest, a_part_that_fails_aborts_the_upload) {
    ObjectStore& store = make(s3_config());
    transport.reply(head_reply());
    transport.reply(created());
    // The pool's threads may have asked for further parts already.
    for (int i = 0; i < 4; ++i) transport.reply(error_reply(412, "PreconditionFailed"));
    const auto reply = store.copy(update());
    EXPECT_EQ(reply.error().kind, ErrorKind::precondition_failed);
    while (transport.unused_replies() != 0) (void)store.head(ObjectKey("k"));
}

TEST_F(MultipartCopyTest, an_upload_whose_complete_is_unknown_is_left_alone) {
    ObjectStore& store = make(s3_config());
    transport.reply(head_reply());
    transport.reply(created());
    reply_parts();
    transport.reply(head_reply());
    transport.reply(broken(ErrorKind::network, true));
    const auto reply = store.copy(update());
    ASSERT_FALSE(reply);
    EXPECT_TRUE(reply.error().outcome_unknown);
    EXPECT_EQ(transport.sent().size(), 16U) << "no abort";
}

TEST_F(MultipartCopyTest, an_upload_that_is_gone_at_complete_may_be_complete) {
    ObjectStore& store = make(s3_config());
    transport.reply(head_reply());
    transport.reply(created());
    reply_parts();
    transport.reply(head_reply());
    transport.reply(error_reply(404, "NoSuchUpload"));
    const auto reply = store.copy(update());
    ASSERT_FALSE(reply);
    EXPECT_NE(reply.error().kind, ErrorKind::not_found);
    EXPECT_TRUE(reply.error().outcome_unknown);
    EXPECT_EQ(transport.sent().size(), 16u) << "nothing to abort";
}

TEST_F(MultipartCopyTest, an_upload_that_is_gone_before_its_parts_is_to_be_begun_anew) {
    ObjectStore& store = make(s3_config());
    transport.reply(head_reply());
    transport.reply(created());
    for (int i = 0; i < 4; ++i) transport.reply(error_reply(404, "NoSuchUpload"));
    const auto reply = store.copy(update());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::conflict);
    EXPECT_FALSE(reply.error().outcome_unknown);
    while (transport.unused_replies() != 0) (void)store.head(ObjectKey("k"));
}

TEST_F(MultipartCopyTest, a_result_of_another_size_is_no_success) {
    ObjectStore& store = make(s3_config());
    transport.reply(head_reply());
    transport.reply(created());
    reply_parts();
    transport.reply(head_reply());
    transport.reply(completed());
    ScriptedReply other = head_reply("N-12");
    other.headers.set("Content-Length", "5");
    transport.reply(other);
    const auto reply = store.copy(update());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::checksum_mismatch);
    EXPECT_TRUE(reply.error().outcome_unknown);
}

// Says what it was told: "intend k, made u, over".
class RecordingWatcher final : public UploadWatcher {
  public:
    Ticket intend(const ObjectKey& key) override {
        said += "intend " + key.str();
        return 7;
    }
    void made(Ticket ticket, const UploadId& id) override {
        EXPECT_EQ(ticket, 7U);
        said += ", made " + id.str();
    }
    void over(Ticket ticket) override {
        EXPECT_EQ(ticket, 7U);
        said += ", over";
    }
    std::string said;
};

class WatchedCopies : public MultipartCopyTest {
  protected:
    // An update that comes as far as these replies.
    std::string told_of(const std::vector<ScriptedReply>& replies) {
        HttpStoreConfig config = s3_config();
        config.key_prefix = "below/";
        ObjectStore& store = make(config);
        const auto watcher = std::make_shared<RecordingWatcher>();
        store.watch_uploads(watcher);
        transport.reply(head_reply());
        for (const ScriptedReply& reply : replies) transport.reply(reply);
        (void)store.copy(update());
        return watcher->said;
    }
    std::vector<ScriptedReply> up_to_complete(const std::vector<ScriptedReply>& rest) {
        std::vector<ScriptedReply> replies{created()};
        for (int i = 0; i < 12; ++i) replies.push_back(part());
        replies.push_back(head_reply());
        replies.insert(replies.end(), rest.begin(), rest.end());
        return replies;
    }
};

TEST_F(WatchedCopies, whoever_keeps_a_log_is_told_of_an_upload_as_long_as_anything_may_be_left) {
    EXPECT_EQ(told_of(up_to_complete({completed(), head_reply("N-12")})), "intend k, made u, over");
    EXPECT_EQ(told_of({error_reply(403, "AccessDenied")}), "intend k, over");
    const ScriptedReply refused = error_reply(412, "PreconditionFailed");
    EXPECT_EQ(told_of(up_to_complete({refused, {.status = 204}})), "intend k, made u, over");
    EXPECT_EQ(told_of(up_to_complete({refused, error_reply(403, "AccessDenied")})),
              "intend k, made u");
    EXPECT_EQ(told_of(up_to_complete({broken(ErrorKind::network, true)})), "intend k, made u");
}

// Where versions are kept nothing guards the last round trip, and the list of them tells of it.
class MultipartCopyVersions : public MultipartCopyTest {
  protected:
    // What the copy says that it was made of, where the object's versions are these.
    std::string copied(const std::vector<std::string>& versions) {
        ObjectStore& store = make(oss_config());
        const Headers base{{"x-oss-version-id", "base"}};
        ScriptedReply done = completed();
        done.headers.set("x-oss-version-id", "ours");
        std::string list = "<ListVersionsResult><IsTruncated>false</IsTruncated>";
        for (const std::string& id : versions) {
            list += "<Version><Key>k</Key><VersionId>" + id +
                    "</VersionId><IsLatest>false</IsLatest><LastModified>2023-11-14T22:00:00.000Z"
                    "</LastModified><ETag>\"S\"</ETag><Size>5</Size></Version>";
        }
        transport.reply(error_reply(400, "EntityTooLarge"));
        transport.reply(head_reply("S", kModified, base));
        transport.reply(created());
        reply_parts();
        transport.reply(head_reply("S", kModified, base));
        transport.reply(done);
        transport.reply(head_reply("N-12", kServiceDate, {{"x-oss-version-id", "ours"}}));
        transport.reply(versions.empty() ? error_reply(403, "AccessDenied")
                                         : xml(list + "</ListVersionsResult>"));
        const auto reply = store.copy(update());
        if (!reply) return reply.error().describe();
        EXPECT_EQ(reply->source_etag.str(), "S");
        return reply->source_version_id.str();
    }
};

TEST_F(MultipartCopyVersions, what_lies_below_the_copy_is_what_it_came_on_top_of) {
    EXPECT_EQ(copied({"ours", "base"}), "base");
    EXPECT_EQ(copied({"ours", "theirs", "base"}), "theirs");
    EXPECT_EQ(copied({"later", "ours", "theirs"}), "theirs");
    EXPECT_EQ(copied({"ours"}), "base") << "an older one was deleted";
    EXPECT_EQ(copied({}), "base") << "they may not be listed";
}

TEST_F(MultipartCopyTest, hidden_metadata_is_not_lost_silently) {
    ObjectStore& store = make(s3_config());
    transport.reply(head_reply("S", kModified, {{"x-amz-missing-meta", "1"}}));
    EXPECT_EQ(store.copy(update()).error().kind, ErrorKind::unsupported);
}

TEST_F(MultipartCopyTest, without_replacement_the_sources_metadata_goes_along) {
    ObjectStore& store = make(s3_config());
    CopyRequest copy;
    copy.source = ObjectKey("a");
    copy.destination = ObjectKey("b");
    copy.source_bytes = kSize;
    copy.guard.destination_must_not_exist = true;
    const Headers meta = {
        {"x-amz-meta-a", "1"}, {"Cache-Control", "no-cache"}, {"x-amz-tagging-count", "0"}};
    transport.reply(head_reply("S", kModified, meta));
    transport.reply(created());
    reply_parts();
    transport.reply(head_reply("S", kModified, meta));
    transport.reply(error_reply(412, "PreconditionFailed"));
    transport.reply({.status = 204});
    EXPECT_EQ(store.copy(copy).error().kind, ErrorKind::already_exists);
    EXPECT_EQ(transport.sent(1).header("x-amz-meta-a"), "1");
    EXPECT_EQ(transport.sent(1).header("Cache-Control"), "no-cache");
    EXPECT_EQ(transport.sent(15).header("If-None-Match"), "*");
}

TEST_F(MultipartCopyTest, a_checksum_of_the_whole_object_is_asked_for_again_and_compared) {
    ObjectStore& store = make(s3_config());
    const Headers whole = {{"x-amz-checksum-crc64nvme", "M3eFcAZSQlc="},
                           {"x-amz-checksum-type", "FULL_OBJECT"}};
    const auto reply = update_with_checksum(
        store, whole, "<ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME>", whole);
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_EQ(transport.sent(0).header("x-amz-checksum-mode"), "ENABLED");
    EXPECT_EQ(transport.sent(1).header("x-amz-checksum-algorithm"), "CRC64NVME");
    EXPECT_EQ(transport.sent(1).header("x-amz-checksum-type"), "FULL_OBJECT");
    const SentRequest complete = transport.sent(15);
    EXPECT_EQ(complete.header("x-amz-checksum-crc64nvme"), "M3eFcAZSQlc=");
    EXPECT_EQ(complete.header("x-amz-checksum-type"), "FULL_OBJECT");
    EXPECT_THAT(complete.body, HasSubstr("<PartNumber>12</PartNumber><ETag>&quot;p&quot;</ETag>"
                                         "<ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME>"));
}

TEST_F(MultipartCopyTest, a_copy_with_another_checksum_is_no_success) {
    ObjectStore& store = make(s3_config());
    const auto reply = update_with_checksum(
        store, {{"x-amz-checksum-crc32c", "mnG7TA=="}, {"x-amz-checksum-type", "FULL_OBJECT"}}, "",
        {{"x-amz-checksum-crc32c", "AAAAAA=="}, {"x-amz-checksum-type", "FULL_OBJECT"}});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::checksum_mismatch);
    EXPECT_TRUE(reply.error().outcome_unknown);
}

// A SHA-256 of the whole cannot be had from parts: the copy's is made of theirs.
TEST_F(MultipartCopyTest, a_checksum_that_parts_cannot_make_keeps_its_algorithm) {
    ObjectStore& store = make(s3_config());
    const auto reply = update_with_checksum(
        store, {{"x-amz-checksum-sha256", "AAAA"}, {"x-amz-checksum-type", "FULL_OBJECT"}},
        "<ChecksumSHA256>BBBB</ChecksumSHA256>",
        {{"x-amz-checksum-sha256", "CCCC-12"}, {"x-amz-checksum-type", "COMPOSITE"}});
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_EQ(transport.sent(1).header("x-amz-checksum-algorithm"), "SHA256");
    EXPECT_EQ(transport.sent(1).header("x-amz-checksum-type"), "COMPOSITE");
    EXPECT_EQ(transport.sent(15).header("x-amz-checksum-sha256"), "");
    EXPECT_THAT(transport.sent(15).body, HasSubstr("<ChecksumSHA256>BBBB</ChecksumSHA256>"));
}

TEST_F(MultipartCopyTest, a_service_without_types_of_checksums_is_asked_for_the_algorithm_alone) {
    ObjectStore& store = make(s3_config());
    ASSERT_TRUE(
        update_with_checksum(store, {{"x-amz-checksum-crc32", "AAAAAA==-3"}}, "", Headers{}));
    EXPECT_EQ(transport.sent(1).header("x-amz-checksum-algorithm"), "CRC32");
    EXPECT_EQ(transport.sent(1).header("x-amz-checksum-type"), "");
    EXPECT_EQ(transport.sent(15).header("x-amz-checksum-crc32"), "");
}

TEST_F(MultipartCopyTest, oss_tries_one_copy_first_and_parts_when_it_is_too_large) {
    ObjectStore& store = make(oss_config());
    transport.reply(error_reply(400, "EntityTooLarge"));
    transport.reply(head_reply());
    transport.reply(created());
    reply_parts();
    transport.reply(head_reply());
    transport.reply(completed());
    transport.reply(head_reply("N-12"));
    ASSERT_TRUE(store.copy(update()));
    EXPECT_EQ(transport.sent(0).header("x-oss-metadata-directive"), "REPLACE");
}

TEST(CopyPartBytes, keep_the_number_of_parts_within_the_limit) {
    StoreTraits traits;
    traits.part_bytes_min = 5 << 20;
    EXPECT_EQ(copy_part_bytes(1, traits), 512ULL << 20);
    const uint64_t huge = 48ULL << 40;
    const uint64_t bytes = copy_part_bytes(huge, traits);
    EXPECT_LE((huge + bytes - 1) / bytes, 10000U);
    EXPECT_LE(bytes, traits.part_bytes_max);
}

}  // namespace
}  // namespace xbucket
