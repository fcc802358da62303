// SPDX-FileCopyrightText: the xbucket authors
// Reading: ranges, resumption inside the object, checksums, back-pressure.
#include "store_fixture.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/store/content_hash.h"

#include <gmock/gmock.h>

#include <future>

namespace xbucket {
namespace {

using namespace testing;  // NOLINT: the fixture's vocabulary
using ::testing::HasSubstr;

ScriptedReply partial(const std::string& body, uint64_t first, uint64_t total, Headers more = {}) {
    ScriptedReply reply = object_reply(body, more);
    reply.status = 206;
    reply.headers.add("Content-Range", "bytes " + std::to_string(first) + "-" +
                                           std::to_string(first + body.size() - 1) + "/" +
                                           std::to_string(total));
    return reply;
}

// The reply breaks after `bytes` of its body.
ScriptedReply cut(ScriptedReply reply, size_t bytes) {
    reply.body.resize(bytes);
    reply.error = Error(ErrorKind::network, "reset");
    return reply;
}

class HttpStoreGet : public StoreFixture {
  protected:
    Result<ObjectInfo> get(ObjectStore& store, uint64_t offset = 0, uint64_t length = 0,
                           const std::string& if_match = "") {
        sink.text.clear();
        return store.get(
            {.key = ObjectKey("k"), .offset = offset, .length = length, .if_match = ETag(if_match)},
            sink);
    }
    StringSink sink;
};

TEST_F(HttpStoreGet, whole_object) {
    ObjectStore& store = make(oss_config());
    transport.reply(object_reply("hello", {{"x-oss-hash-crc64ecma", std::to_string(crc64("hello"))},
                                           {"x-oss-meta-a", "b"}}));
    const auto info = get(store);
    ASSERT_TRUE(info) << info.error().describe();
    EXPECT_EQ(sink.text, "hello");
    EXPECT_EQ(sink.infos, 1);
    EXPECT_EQ(info->size, 5U);
    EXPECT_EQ(sink.first_info.attributes.user.at("a"), "b");
    EXPECT_EQ(transport.sent(0).header("Range"), "");
}

TEST_F(HttpStoreGet, empty_object) {
    ObjectStore& store = make(oss_config());
    transport.reply(object_reply("", {{"x-oss-hash-crc64ecma", "0"}}));
    ASSERT_TRUE(get(store));
    EXPECT_EQ(sink.text, "");
    EXPECT_EQ(sink.infos, 1);
}

TEST_F(HttpStoreGet, range) {
    ObjectStore& store = make(oss_config());
    transport.reply(partial("llo", 2, 5));
    const auto info = get(store, 2, 100);
    ASSERT_TRUE(info) << info.error().describe();
    EXPECT_EQ(sink.text, "llo");
    EXPECT_EQ(info->size, 5U) << "the whole object's";
    EXPECT_EQ(transport.sent(0).header("Range"), "bytes=2-101");
    EXPECT_EQ(transport.sent(0).header("x-oss-range-behavior"), "standard");
}

TEST_F(HttpStoreGet, a_service_that_ignores_the_range_is_cut_to_it) {
    ObjectStore& store = make(oss_config());
    transport.reply(object_reply("0123456789"));
    ASSERT_TRUE(get(store, 2, 3));
    EXPECT_EQ(sink.text, "234");
    transport.reply(object_reply("0123456789"));
    ASSERT_TRUE(get(store, 8, 5));
    EXPECT_EQ(sink.text, "89");
    transport.reply(object_reply("0123456789"));
    EXPECT_EQ(get(store, 10, 5).error().kind, ErrorKind::bad_range);
}

TEST_F(HttpStoreGet, a_range_other_than_asked_for_is_never_delivered) {
    ObjectStore& store = make(s3_config());
    const ScriptedReply replies[] = {partial("345", 3, 10), partial("23", 2, 10),
                                     partial("2345", 2, 10)};
    for (const ScriptedReply& reply : replies) {
        transport.reply(reply);
        EXPECT_EQ(get(store, 2, 3).error().kind, ErrorKind::bad_reply);
        EXPECT_EQ(sink.text, "");
    }
    for (const char* range : {"", "bytes 2-4/*", "bytes 4-2/10", "bytes 2-10/10", "items 2-4/10",
                              "bytes 2-4/99999999999999999999", "bytes -4/10"}) {
        ScriptedReply reply = object_reply("234");
        reply.status = 206;
        reply.headers.add("Content-Range", range);
        transport.reply(reply);
        EXPECT_EQ(get(store, 2, 3).error().kind, ErrorKind::bad_reply) << range;
    }
    transport.reply(partial("01234", 0, 5));
    EXPECT_EQ(get(store).error().kind, ErrorKind::bad_reply) << "206 to a request without range";
}

TEST_F(HttpStoreGet, a_range_past_the_end_says_so) {
    ObjectStore& store = make(s3_config());
    transport.reply(error_reply(416, "InvalidRange"));
    EXPECT_EQ(get(store, 10, 5).error().kind, ErrorKind::bad_range);
    transport.reply(partial("89", 8, 10));
    ASSERT_TRUE(get(store, 8, UINT64_MAX));
    EXPECT_EQ(sink.text, "89");
    EXPECT_EQ(transport.sent(1).header("Range"), "bytes=8-") << "no overflow";
}

TEST_F(HttpStoreGet, a_broken_body_is_resumed_where_it_broke_and_pinned_to_its_etag) {
    ObjectStore& store = make(oss_config());
    const std::string text(5000, 'x');
    const std::string crc = std::to_string(crc64(text));
    transport.reply(cut(object_reply(text, {{"x-oss-hash-crc64ecma", crc}}), 1500));
    transport.reply(broken(ErrorKind::timed_out, false));
    transport.reply(cut(partial(text.substr(1500), 1500, 5000), 1000));
    transport.reply(partial(text.substr(2500), 2500, 5000));
    const auto info = get(store);
    ASSERT_TRUE(info) << info.error().describe();
    EXPECT_EQ(sink.text, text);
    EXPECT_EQ(sink.infos, 1);
    EXPECT_EQ(transport.sent(1).header("Range"), "bytes=1500-4999");
    EXPECT_EQ(transport.sent(1).header("If-Match"), "\"E1\"");
    EXPECT_EQ(transport.sent(3).header("Range"), "bytes=2500-4999");
}

TEST_F(HttpStoreGet, a_body_that_ends_early_without_an_error_is_resumed) {
    ObjectStore& store = make(s3_config());
    ScriptedReply reply = object_reply("0123456789");
    reply.body = "0123";
    transport.reply(reply);
    transport.reply(partial("456789", 4, 10));
    ASSERT_TRUE(get(store));
    EXPECT_EQ(sink.text, "0123456789");
}

TEST_F(HttpStoreGet, a_server_that_never_finishes_is_given_up) {
    HttpStoreConfig config = s3_config();
    config.attempts_max = 3;
    ObjectStore& store = make(config);
    transport.reply(cut(object_reply("0123456789"), 4));
    transport.reply(cut(partial("456789", 4, 10), 1));
    transport.reply(cut(partial("56789", 5, 10), 0));
    const auto info = get(store);
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().kind, ErrorKind::network);
    EXPECT_EQ(sink.text, "01234") << "what came is a true prefix";
}

TEST_F(HttpStoreGet, long_bodies_may_break_often_as_long_as_they_get_on) {
    HttpStoreConfig config = s3_config();
    config.attempts_max = 2;
    ObjectStore& store = make(config);
    const std::string text(10 * 70'000, 'y');
    transport.reply(cut(object_reply(text), 70'000));
    for (size_t at = 70'000; at + 70'000 < text.size(); at += 70'000) {
        transport.reply(cut(partial(text.substr(at), at, text.size()), 70'000));
    }
    transport.reply(partial(text.substr(9 * 70'000), 9 * 70'000, text.size()));
    ASSERT_TRUE(get(store));
    EXPECT_EQ(sink.text.size(), text.size());
}

TEST_F(HttpStoreGet, an_object_replaced_while_it_is_read_is_never_mixed) {
    ObjectStore& store = make(s3_config());
    transport.reply(cut(object_reply("0123456789"), 4));
    transport.reply(error_reply(412, "PreconditionFailed"));
    EXPECT_EQ(get(store).error().kind, ErrorKind::precondition_failed);
    // A service that ignores If-Match gives itself away by its ETag.
    transport.reply(cut(object_reply("0123456789"), 4));
    transport.reply(partial("XXXXXX", 4, 10, {{"ETag", "\"E2\""}}));
    EXPECT_EQ(get(store).error().kind, ErrorKind::precondition_failed);
    EXPECT_EQ(sink.text, "0123");
}

TEST_F(HttpStoreGet, a_flipped_bit_in_a_whole_object_is_found) {
    ObjectStore& store = make(oss_config());
    transport.reply(
        object_reply("hellp", {{"x-oss-hash-crc64ecma", std::to_string(crc64("hello"))}}));
    EXPECT_EQ(get(store).error().kind, ErrorKind::checksum_mismatch);
    // Ranges cannot be compared, whole objects read as a range can.
    transport.reply(partial("hel", 0, 5, {{"x-oss-hash-crc64ecma", "1"}}));
    EXPECT_TRUE(get(store, 0, 3));
    transport.reply(partial("hello", 0, 5, {{"x-oss-hash-crc64ecma", "1"}}));
    EXPECT_EQ(get(store, 0, 5).error().kind, ErrorKind::checksum_mismatch);
}

TEST(ContentHash, an_etag_is_taken_for_md5_only_where_the_service_makes_it_of_the_content) {
    ObjectInfo info;
    info.type = ObjectType::normal;
    info.etag = ETag("5B3C1A2E053D763E1B002CC607C5A0FE");
    EXPECT_TRUE(etag_is_content_hash(info));
    info.attributes.sse.algorithm = "AES256";
    EXPECT_TRUE(etag_is_content_hash(info));
    for (const char* kms : {"KMS", "aws:kms", "aws:kms:dsse"}) {
        info.attributes.sse.algorithm = kms;
        EXPECT_FALSE(etag_is_content_hash(info)) << kms;
    }
    info.attributes.sse = {};
    info.attributes.sse.customer_key = true;
    EXPECT_FALSE(etag_is_content_hash(info));
    info.attributes.sse = {};
    info.etag = ETag("5B3C1A2E053D763E1B002CC607C5A0FE-2");
    EXPECT_FALSE(etag_is_content_hash(info));
}

ScriptedReply with_etag(const std::string& body, const std::string& etag, Headers more = {}) {
    ScriptedReply reply = object_reply(body, std::move(more));
    reply.headers.set("ETag", "\"" + etag + "\"");
    return reply;
}

TEST_F(HttpStoreGet, an_s3_object_read_whole_is_held_against_its_checksum) {
    ObjectStore& store = make(s3_config());
    const std::vector<std::pair<std::string, std::string>> checksums = {
        {"x-amz-checksum-crc64nvme", "M3eFcAZSQlc="},
        {"x-amz-checksum-crc32c", "mnG7TA=="},
        {"x-amz-checksum-crc32", "NhCmhg=="},
        {"x-amz-checksum-sha256", base64_encode(sha256("hello"))},
    };
    for (const auto& [name, value] : checksums) {
        for (const char* came : {"hello", "hellp"}) {
            transport.reply(
                object_reply(came, {{name, value}, {"x-amz-checksum-type", "FULL_OBJECT"}}));
            sink.text.clear();
            const auto info = store.get({.key = ObjectKey("k"), .length = 5, .whole = true}, sink);
            EXPECT_EQ(info.has_value(), std::string(came) == "hello") << name;
            if (info) continue;
            EXPECT_EQ(info.error().kind, ErrorKind::checksum_mismatch);
        }
    }
    EXPECT_EQ(transport.sent(0).header("x-amz-checksum-mode"), "ENABLED");
    EXPECT_EQ(transport.sent(0).header("Range"), "") << "with one, no checksum comes";
    // Of the parts' checksums, which no reader knows, or of a part: nothing to compare with.
    transport.reply(object_reply("hello", {{"x-amz-checksum-crc32c", "AAAAAA==-2"}}));
    EXPECT_TRUE(get(store));
    transport.reply(object_reply(
        "hello", {{"x-amz-checksum-crc32c", "AAAAAA=="}, {"x-amz-checksum-type", "COMPOSITE"}}));
    EXPECT_TRUE(get(store));
    transport.reply(partial("hel", 0, 5, {{"x-amz-checksum-crc32c", "AAAAAA=="}}));
    EXPECT_TRUE(get(store, 0, 3));
}

TEST_F(HttpStoreGet, a_small_object_without_a_checksum_is_held_against_its_md5) {
    HttpStoreConfig config = s3_config();
    config.trusted_conditions = true;  // a service whose ETags are known
    ObjectStore& store = make(config);
    const std::string md5_of_hello = hex_encode(md5("hello"));
    transport.reply(with_etag("hello", md5_of_hello));
    EXPECT_TRUE(get(store));
    for (int i = 0; i < 2; ++i) {
        transport.reply(with_etag("hellp", md5_of_hello));
        EXPECT_EQ(get(store).error().kind, ErrorKind::checksum_mismatch);
    }
    const std::string large((2U << 20) + 1, 'x');
    transport.reply(with_etag(large, md5_of_hello));
    EXPECT_TRUE(get(store)) << "MD5 is too slow for large ones";
    transport.reply(
        with_etag("hellp", md5_of_hello, {{"x-amz-server-side-encryption", "aws:kms"}}));
    EXPECT_TRUE(get(store)) << "its ETag is none";
}

TEST_F(HttpStoreGet, an_unknown_service_may_have_etags_that_are_no_md5) {
    HttpStoreConfig config = s3_config();
    config.endpoint = "https://s3.example.net";
    config.region = "us-east-1";
    ObjectStore& store = make(config);
    const std::string etag = hex_encode(md5("anything"));
    transport.reply(with_etag("hello", etag));
    EXPECT_EQ(get(store).error().kind, ErrorKind::checksum_mismatch) << "damaged, it may be";
    transport.reply(with_etag("jello", etag));
    EXPECT_EQ(get(store).error().kind, ErrorKind::checksum_mismatch) << "and otherwise again";
    transport.reply(with_etag("hello", etag));
    EXPECT_TRUE(get(store)) << "twice the same: it is the content";
}

TEST_F(HttpStoreGet, errors_of_the_reader_end_the_read_at_once) {
    ObjectStore& store = make(s3_config());
    transport.reply(object_reply("hello"));
    sink.data_error = Error(ErrorKind::network, "mine");
    const auto by_data = get(store);
    ASSERT_FALSE(by_data);
    EXPECT_EQ(by_data.error().message, "mine");
    sink.data_error.reset();
    sink.info_error = Error(ErrorKind::no_space, "mine too");
    transport.reply(object_reply("hello"));
    EXPECT_EQ(get(store).error().message, "mine too");
}

TEST_F(HttpStoreGet, errors_of_the_service_are_read_from_the_body) {
    ObjectStore& store = make(oss_config());
    transport.reply(error_reply(403, "InvalidObjectState"));
    const auto archived = get(store);
    EXPECT_EQ(archived.error().kind, ErrorKind::archived);
    EXPECT_THAT(archived.error().message, HasSubstr("restore it first"));
    transport.reply(error_reply(503, "SlowDown"));
    transport.reply(object_reply("hello"));
    ASSERT_TRUE(get(store)) << "an error's body is not delivered";
    EXPECT_EQ(sink.text, "hello");
}

TEST_F(HttpStoreGet, the_condition_of_the_caller_is_sent) {
    ObjectStore& store = make(s3_config());
    transport.reply(error_reply(412, "PreconditionFailed"));
    EXPECT_EQ(get(store, 0, 5, "E7").error().kind, ErrorKind::precondition_failed);
    EXPECT_EQ(transport.sent(0).header("If-Match"), "\"E7\"");
}

TEST_F(HttpStoreGet, a_captive_portal_is_not_an_object) {
    ObjectStore& store = make(oss_config());
    ScriptedReply portal;
    portal.headers = {{"Content-Type", "text/html"}, {"Content-Length", "5"}};
    portal.body = "login";
    transport.reply(portal);
    EXPECT_EQ(get(store).error().kind, ErrorKind::bad_reply);
    EXPECT_EQ(sink.infos, 0);
}

// Takes one piece, then pauses until another thread resumes it.
class PausingSink final : public GetSink {
  public:
    void on_start(std::shared_ptr<Transfer> transfer) override { transfer_ = std::move(transfer); }
    Result<void> on_info(const ObjectInfo&) override { return {}; }
    Result<BodySink::Action> on_data(std::string_view bytes) override {
        if (!open_.exchange(false)) {
            ++pauses;
            pool_.post([this] {
                open_ = true;
                transfer_->resume();
            });
            return BodySink::Action::pause;
        }
        text.append(bytes);
        return BodySink::Action::taken;
    }
    std::string text;
    std::atomic<int> pauses{0};

  private:
    std::shared_ptr<Transfer> transfer_;
    std::atomic<bool> open_{true};
    WorkerPool pool_{"resumer", 1};
};

TEST_F(HttpStoreGet, a_reader_may_pause_and_loses_nothing) {
    ObjectStore& store = make(s3_config());
    std::string text;
    for (int i = 0; i < 5000; ++i) text += static_cast<char>('a' + i % 26);
    transport.reply(cut(object_reply(text), 2200));
    transport.reply(partial(text.substr(2200), 2200, text.size()));
    PausingSink pausing;
    ASSERT_TRUE(store.get({.key = ObjectKey("k")}, pausing));
    EXPECT_EQ(pausing.text, text);
    EXPECT_GE(pausing.pauses, 3);
}

}  // namespace
}  // namespace xbucket
