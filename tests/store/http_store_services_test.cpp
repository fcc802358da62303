// SPDX-FileCopyrightText: the xbucket authors
// Services that have less than S3 and OSS promise, or more than anybody asked for.
#include "store_fixture.h"

#include <gmock/gmock.h>

namespace xbucket {
namespace {

using namespace testing;  // NOLINT: the fixture's vocabulary
using ::testing::HasSubstr;

class HttpStoreServices : public StoreFixture {};

ScriptedReply xml_reply(std::string body) {
    ScriptedReply reply;
    reply.headers = {{"Date", kServiceDate}};
    reply.body = std::move(body);
    return reply;
}

// As Alibaba's S3 face does: it is no Amazon, whatever it speaks.
TEST_F(HttpStoreServices,
       a_service_without_conditions_on_uploads_is_asked_before_what_must_be_new) {
    HttpStoreConfig config = s3_config();
    config.endpoint = "https://s3.oss-cn-hangzhou.aliyuncs.com";
    ObjectStore& store = make(config);
    EXPECT_FALSE(store.traits().destination_conditions);
    EXPECT_FALSE(store.traits().copy_conditions_known);
    const PutRequest fresh{.key = ObjectKey("k"),
                           .body = std::make_shared<StringSource>("hello"),
                           .must_not_exist = true};
    const ScriptedReply stored{.headers = {{"ETag", "\"E\""}}};
    transport.reply(error_reply(501, "NotImplemented"));
    transport.reply(error_reply(404, ""));
    transport.reply(stored);
    const auto first = store.put(fresh);
    ASSERT_TRUE(first) << first.error().describe();
    EXPECT_EQ(transport.sent(0).header("If-None-Match"), "*");
    EXPECT_EQ(transport.sent(1).request.method, HttpMethod::head);
    EXPECT_EQ(transport.sent(2).header("If-None-Match"), "");
    EXPECT_EQ(transport.sent(2).body, "hello");
    // From then on at once.
    transport.reply(object_reply("there"));
    EXPECT_EQ(store.put(fresh).error().kind, ErrorKind::already_exists);
    EXPECT_EQ(transport.sent(3).request.method, HttpMethod::head);
    transport.reply(error_reply(503, "SlowDown"));
    transport.reply(error_reply(404, ""));
    transport.reply(copy_reply());
    CopyRequest copy{.source = ObjectKey("a"), .destination = ObjectKey("b")};
    copy.guard.destination_must_not_exist = true;
    EXPECT_TRUE(store.copy(copy));
    EXPECT_EQ(transport.sent(5).request.target, "/b");
    EXPECT_EQ(transport.sent(6).header("If-None-Match"), "");
    transport.reply(stored);
    EXPECT_TRUE(store.put({.key = ObjectKey("k"), .if_match = ETag("E")}));
    EXPECT_EQ(transport.sent(7).header("If-Match"), "") << "501 there, too";
}

TEST_F(HttpStoreServices, what_is_not_implemented_for_another_reason_is_told) {
    ObjectStore& store = make(s3_config());
    for (int i = 0; i < 2; ++i) {
        transport.reply(error_reply(501, "NotImplemented"));
        transport.reply(error_reply(404, ""));
        transport.reply(error_reply(501, "NotImplemented"));
        EXPECT_EQ(store.put({.key = ObjectKey("k"), .must_not_exist = true}).error().kind,
                  ErrorKind::unsupported)
            << "and says nothing of conditions";
    }
    transport.reply(error_reply(501, "NotImplemented"));
    transport.reply(error_reply(403, ""));
    transport.reply(error_reply(403, "AccessDenied"));
    EXPECT_EQ(store.put({.key = ObjectKey("k"), .must_not_exist = true}).error().kind,
              ErrorKind::access_denied)
        << "nobody knows whether it is there";
}

// protocol.md 3.1: OSS ignores x-oss-forbid-overwrite where versioning is on, or was.
class OssVersions : public StoreFixture {
  protected:
    const PutRequest fresh{.key = ObjectKey("k"), .must_not_exist = true};
    const ScriptedReply plain{.headers = {{"ETag", "\"E\""}}};
    const ScriptedReply versioned{.headers = {{"ETag", "\"E\""}, {"x-oss-version-id", "V"}}};
    ObjectStore& store = make(oss_config());

    // Asks first, and does not count on the condition.
    void expect_asks_first() {
        const size_t before = transport.sent().size();
        transport.reply(object_reply("there"));
        EXPECT_EQ(store.put(fresh).error().kind, ErrorKind::already_exists);
        ASSERT_EQ(transport.sent().size(), before + 1);
        EXPECT_EQ(transport.sent(before).request.method, HttpMethod::head);
    }
    void expect_one_request() {
        const size_t before = transport.sent().size();
        transport.reply(plain);
        EXPECT_TRUE(store.put(fresh));
        ASSERT_EQ(transport.sent().size(), before + 1);
        EXPECT_EQ(transport.sent(before).header("x-oss-forbid-overwrite"), "true");
    }
};

TEST_F(OssVersions, the_first_creation_looks_and_is_guarded_and_its_reply_tells_what_others_do) {
    transport.reply(error_reply(404, "NoSuchKey"));
    transport.reply(plain);
    EXPECT_TRUE(store.put(fresh));
    EXPECT_EQ(transport.sent(0).request.method, HttpMethod::head);
    EXPECT_EQ(transport.sent(1).header("x-oss-forbid-overwrite"), "true");
    expect_one_request();
    // Turned on meanwhile.
    transport.reply(versioned);
    EXPECT_TRUE(store.put(fresh));
    expect_asks_first();
}

TEST_F(OssVersions, what_any_reply_tells_of_versions_holds_for_what_is_created) {
    transport.reply(object_reply("x", {{"x-oss-version-id", "null"}}));
    EXPECT_TRUE(store.head(ObjectKey("other")));
    expect_asks_first();
    transport.reply(error_reply(404, "SymlinkTargetNotExist"));
    EXPECT_EQ(store.put(fresh).error().kind, ErrorKind::already_exists) << "the link is there";
    CopyRequest copy{.source = ObjectKey("a"), .destination = ObjectKey("b")};
    copy.guard.destination_must_not_exist = true;
    transport.reply(object_reply("there"));
    EXPECT_EQ(store.copy(copy).error().kind, ErrorKind::already_exists);
}

TEST_F(OssVersions, a_bucket_that_says_that_it_never_kept_any_costs_no_request) {
    transport.reply(xml_reply("<BucketInfo><Bucket></Bucket></BucketInfo>"));
    EXPECT_EQ(*store.versioning(), "");
    expect_one_request();
    transport.reply(
        xml_reply("<BucketInfo><Bucket><Versioning>Suspended</Versioning></Bucket></BucketInfo>"));
    EXPECT_EQ(*store.versioning(), "Suspended");
    expect_asks_first();
}

TEST_F(HttpStoreServices, replacing_what_was_deleted_at_the_same_time_is_a_condition_that_failed) {
    ObjectStore& store = make(s3_config());
    const PutRequest put{.key = ObjectKey("k"), .if_match = ETag("E")};
    transport.reply(error_reply(404, "NoSuchKey"));
    EXPECT_EQ(store.put(put).error().kind, ErrorKind::precondition_failed);
    transport.reply(error_reply(404, "NoSuchBucket"));
    EXPECT_EQ(store.put(put).error().kind, ErrorKind::no_such_bucket);
    transport.reply(error_reply(404, "NoSuchKey"));
    EXPECT_EQ(store.put({.key = ObjectKey("k")}).error().kind, ErrorKind::not_found);
    const auto complete = [&] {
        return store.complete_upload(ObjectKey("k"), UploadId("u"), {{1, ETag("p"), 5}}, ETag("E"))
            .error()
            .kind;
    };
    transport.reply(error_reply(404, "NoSuchKey"));
    EXPECT_EQ(complete(), ErrorKind::precondition_failed);
    transport.reply(error_reply(404, "NoSuchUpload"));
    EXPECT_EQ(complete(), ErrorKind::not_found);
}

// ---- locks that HEAD does not tell

ObjectInfo version(const std::string& id) {
    ObjectInfo info;
    info.version_id = VersionId(id);
    return info;
}

TEST_F(HttpStoreServices, a_bucket_without_object_lock_is_asked_once_and_its_objects_never) {
    for (const int status : {404, 400, 405}) {
        ObjectStore& store = make(s3_config());
        const size_t before = transport.sent().size();
        EXPECT_TRUE(store.get_lock(ObjectKey("k"), version(""))->empty());
        EXPECT_EQ(transport.sent().size(), before) << "without a version there is no lock";
        transport.reply(error_reply(
            status, status == 404 ? "ObjectLockConfigurationNotFoundError" : "Whatever"));
        for (int i = 0; i < 3; ++i)
            EXPECT_TRUE(store.get_lock(ObjectKey("k"), version("v1"))->empty());
        ASSERT_EQ(transport.sent().size(), before + 1);
        EXPECT_EQ(transport.sent(before).request.target, "/?object-lock");
    }
    ObjectStore& store = make(s3_config());
    const size_t before = transport.sent().size();
    transport.reply(xml_reply("<ListBucketResult/>"));  // a server that knows no such request
    EXPECT_TRUE(store.get_lock(ObjectKey("k"), version("v1"))->empty());
    EXPECT_TRUE(store.get_lock(ObjectKey("k"), version("v1"))->empty());
    EXPECT_EQ(transport.sent().size(), before + 1);
}

TEST_F(HttpStoreServices, where_objects_may_be_locked_what_head_did_not_tell_is_asked_for) {
    ObjectStore& store = make(s3_config());
    transport.reply(
        xml_reply("<ObjectLockConfiguration><ObjectLockEnabled>Enabled"
                  "</ObjectLockEnabled></ObjectLockConfiguration>"));
    transport.reply(
        xml_reply("<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>"
                  "2040-01-01T00:00:00Z</RetainUntilDate></Retention>"));
    transport.reply(xml_reply("<LegalHold><Status>ON</Status></LegalHold>"));
    const auto lock = store.get_lock(ObjectKey("k"), version("v1"));
    ASSERT_TRUE(lock) << lock.error().describe();
    EXPECT_EQ(*lock, (ObjectLock{"GOVERNANCE", "2040-01-01T00:00:00Z", "ON"}));
    EXPECT_EQ(transport.sent(1).request.target, "/k?retention&versionId=v1");
    EXPECT_EQ(transport.sent(2).request.target, "/k?legal-hold&versionId=v1");
    // One that has run out, and no hold; and an object that was never locked.
    transport.reply(
        xml_reply("<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>"
                  "2020-01-01T00:00:00Z</RetainUntilDate></Retention>"));
    transport.reply(xml_reply("<LegalHold><Status>OFF</Status></LegalHold>"));
    EXPECT_TRUE(store.get_lock(ObjectKey("k"), version("v1"))->empty());
    transport.reply(error_reply(404, "NoSuchObjectLockConfiguration"));
    transport.reply(error_reply(404, "NoSuchObjectLockConfiguration"));
    EXPECT_TRUE(store.get_lock(ObjectKey("k"), version("v1"))->empty());
    transport.reply(error_reply(404, "NoSuchVersion"));
    EXPECT_EQ(store.get_lock(ObjectKey("k"), version("v1")).error().kind, ErrorKind::not_found);
    transport.reply(error_reply(403, "AccessDenied"));
    EXPECT_EQ(store.get_lock(ObjectKey("k"), version("v1")).error().kind, ErrorKind::access_denied);
}

TEST_F(HttpStoreServices, who_may_not_read_the_buckets_setting_learns_it_of_an_object) {
    ObjectStore& store = make(s3_config());
    transport.reply(error_reply(403, "AccessDenied"));
    transport.reply(error_reply(400, "InvalidRequest"));  // the bucket has no Object Lock
    EXPECT_TRUE(store.get_lock(ObjectKey("k"), version("v1"))->empty());
    EXPECT_TRUE(store.get_lock(ObjectKey("k"), version("v1"))->empty());
    EXPECT_EQ(transport.sent().size(), 2U);
}

TEST_F(HttpStoreServices, a_disposition_that_the_service_would_hide_is_refused) {
    ObjectStore& store = make(oss_config());
    const ScriptedReply forced = object_reply(
        "x", {{"Content-Disposition", "attachment"}, {"x-oss-force-download", "true"}});
    CopyRequest copy{.source = ObjectKey("k"), .destination = ObjectKey("k")};
    copy.replace.emplace();
    (*copy.replace)[HttpField::content_disposition] = "attachment";
    transport.reply(copy_reply());
    EXPECT_TRUE(store.copy(copy)) << "nothing is known of such a habit";
    transport.reply(forced);
    EXPECT_EQ(store.head(ObjectKey("k"))->info.attributes[HttpField::content_disposition],
              std::nullopt);
    transport.reply(forced);
    const auto refused = store.copy(copy);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
    EXPECT_THAT(refused.error().message, HasSubstr("filename=NAME"));
    // Of another content type the service may show what is stored.
    transport.reply(object_reply("x", {{"Content-Disposition", "attachment"}}));
    transport.reply(copy_reply());
    EXPECT_TRUE(store.copy(copy));
    (*copy.replace)[HttpField::content_disposition] = "attachment; filename=a";
    transport.reply(copy_reply());
    EXPECT_TRUE(store.copy(copy));
}

TEST_F(HttpStoreServices, a_list_that_never_ends_is_given_up) {
    ObjectStore& store = make(s3_config());
    constexpr int kEmptyPages = 1001;
    for (int i = 0; i < kEmptyPages; ++i) {
        const std::string n = std::to_string(i);
        transport.reply(
            xml_reply("<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>" +
                      n + "</NextKeyMarker></ListMultipartUploadsResult>"));
    }
    const auto uploads = store.list_uploads("");
    ASSERT_FALSE(uploads);
    EXPECT_EQ(uploads.error().kind, ErrorKind::bad_reply);
    EXPECT_THAT(uploads.error().message, HasSubstr("does not end"));
    for (int i = 0; i < kEmptyPages; ++i) {
        transport.reply(xml_reply(
            "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>"
            "<NextVersionIdMarker>" +
            std::to_string(i) + "</NextVersionIdMarker></ListVersionsResult>"));
    }
    EXPECT_EQ(store.list_versions(ObjectKey("k"), 2).error().kind, ErrorKind::bad_reply);
}

}  // namespace
}  // namespace xbucket
