// SPDX-FileCopyrightText: the xbucket authors
// ObjectStore's promises about uploads in parts, tags, ACL, symlinks and presigned URLs
// (protocol.md 6 and 7).
#include "object_store_contract.h"
#include "support/memory_store.h"

#include <algorithm>

namespace xbucket::testing {
namespace {

TEST_P(ObjectStoreContract, an_upload_joins_its_parts_and_keeps_the_attributes_of_its_start) {
    const ObjectKey key("dir/multi part+1");
    const ObjectAttributes attributes = full_attributes();
    const UploadId id = MUST(store().create_upload(key, attributes));
    const std::string first(store().traits().part_bytes_min, 'a');
    const std::string last = "the end";
    // Out of order and with a gap: numbers order parts, not time.
    const UploadPart part9 = MUST(store().upload_part(key, id, 9, body_of(last)));
    const UploadPart part1 = MUST(store().upload_part(key, id, 1, body_of(first)));
    EXPECT_EQ(part1.number, 1u);
    EXPECT_EQ(part1.bytes, first.size());
    EXPECT_FALSE(store().head(key)) << "nothing is there before Complete";
    const PutReply reply = MUST(store().complete_upload(key, id, {part1, part9}));
    const ObjectInfo info = info_of(key.str());
    EXPECT_EQ(info.size, first.size() + last.size());
    EXPECT_EQ(info.etag, reply.etag);
    EXPECT_EQ(info.attributes.user, attributes.user);
    for (const HttpField field : kHttpFields)
        EXPECT_EQ(info.attributes[field], attributes[field]) << to_string(field);
    if (!attributes.storage_class.empty()) {
        EXPECT_EQ(info.attributes.storage_class, attributes.storage_class);
    }
    if (facts().type_told) {
        EXPECT_EQ(info.type, ObjectType::multipart);
    }
    EXPECT_TRUE(body_at(key.str()) == first + last);
}

TEST_P(ObjectStoreContract, a_part_can_be_a_range_of_another_object) {
    const uint64_t min = store().traits().part_bytes_min;
    std::string body(min + 1000, '\0');
    for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
    const std::string source = facts().percent_in_part_source ? "source +%" : "source +";
    const ETag etag = put(source, body);
    const ObjectKey key("made");
    const UploadId id = MUST(store().create_upload(key, {}));
    const UploadPart head =
        MUST(store().upload_part_copy(key, id, 1, ObjectKey(source), 500, min, etag));
    EXPECT_EQ(head.bytes, min);
    EXPECT_FALSE(head.etag.empty());
    const UploadPart tail = MUST(store().upload_part(key, id, 2, body_of("tail")));
    MUST(store().complete_upload(key, id, {head, tail}));
    EXPECT_TRUE(body_at("made") == body.substr(500, min) + "tail");
}

TEST_P(ObjectStoreContract, a_copied_part_is_guarded_by_the_sources_etag) {
    if (!facts().part_copy_conditions) GTEST_SKIP() << "this service ignores them on parts";
    const ETag etag = put("source", "0123456789");
    put("source", "other content");
    const ObjectKey key("made");
    const UploadId id = MUST(store().create_upload(key, {}));
    const auto refused = store().upload_part_copy(key, id, 1, ObjectKey("source"), 0, 5, etag);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::precondition_failed);
    MUST(store().abort_upload(key, id));
}

TEST_P(ObjectStoreContract, a_multipart_object_takes_metadata_in_place) {
    const ObjectKey key("multi");
    const UploadId id = MUST(store().create_upload(key, full_attributes()));
    const std::string first(store().traits().part_bytes_min, 'a');
    const UploadPart part1 = MUST(store().upload_part(key, id, 1, body_of(first)));
    const UploadPart part2 = MUST(store().upload_part(key, id, 2, body_of("b")));
    const ETag etag = MUST(store().complete_upload(key, id, {part1, part2})).etag;
    CopyRequest request;
    request.source = request.destination = key;
    request.replace.emplace();
    request.replace->user = {{"n", "1"}};
    request.source_bytes = first.size() + 1;
    MUST(store().copy(request));
    const ObjectInfo info = info_of("multi");
    EXPECT_EQ(info.attributes.user, request.replace->user);
    EXPECT_EQ(info.size, first.size() + 1);
    if (facts().multipart_etag_survives_copy) {
        EXPECT_EQ(info.etag, etag);
    }
}

TEST_P(ObjectStoreContract, an_aborted_upload_leaves_nothing) {
    const ObjectKey key("aborted");
    const UploadId id = MUST(store().create_upload(key, {}));
    const UploadPart part = MUST(store().upload_part(key, id, 1, body_of("x")));
    MUST(store().abort_upload(key, id));
    const auto late_part = store().upload_part(key, id, 2, body_of("y"));
    ASSERT_FALSE(late_part);
    EXPECT_EQ(late_part.error().kind, ErrorKind::not_found);
    if (facts().late_complete_is_not_found) {
        const auto late_end = store().complete_upload(key, id, {part});
        ASSERT_FALSE(late_end);
        EXPECT_EQ(late_end.error().kind, ErrorKind::not_found);
    }
    EXPECT_FALSE(store().head(key));
    EXPECT_TRUE(MUST(store().list_uploads("")).empty());
}

TEST_P(ObjectStoreContract, list_uploads_shows_what_was_begun_under_a_prefix) {
    const UploadId a = MUST(store().create_upload(ObjectKey("p/a b"), {}));
    const UploadId b = MUST(store().create_upload(ObjectKey("q/b"), {}));
    const std::vector<PendingUpload> pending = MUST(store().list_uploads("p/"));
    ASSERT_EQ(pending.size(), 1u);
    EXPECT_EQ(pending[0].key, ObjectKey("p/a b"));
    EXPECT_EQ(pending[0].id, a);
    EXPECT_NE(pending[0].initiated, WallTime{});
    EXPECT_EQ(MUST(store().list_uploads("")).size(), 2u);
    MUST(store().abort_upload(ObjectKey("p/a b"), a));
    MUST(store().abort_upload(ObjectKey("q/b"), b));
    EXPECT_TRUE(MUST(store().list_uploads("")).empty());
}

TEST_P(ObjectStoreContract, completing_with_a_part_that_is_not_there_fails_and_keeps_the_object) {
    put("f", "old");
    const ObjectKey key("f");
    const UploadId id = MUST(store().create_upload(key, {}));
    UploadPart part = MUST(store().upload_part(key, id, 1, body_of("new")));
    part.etag = ETag("00000000000000000000000000000000");
    const auto refused = store().complete_upload(key, id, {part});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument) << refused.error().describe();
    EXPECT_EQ(body_at("f"), "old");
    MUST(store().abort_upload(key, id));
}

TEST_P(ObjectStoreContract, tags_are_replaced_as_a_set_and_leave_the_object_alone) {
    if (!store().traits().tagging) GTEST_SKIP() << "no tagging";
    const ObjectKey key("f +%");
    put(key.str(), "x", full_attributes());
    const ObjectInfo before = info_of(key.str());
    EXPECT_TRUE(MUST(store().get_tags(key)).empty());
    const Tags first = {
        {"a", "1"}, {"with space", "a b"}, {"signs+-=._:/", "+-=._:/"}, {"empty", ""}};
    MUST(store().put_tags(key, first));
    EXPECT_EQ(MUST(store().get_tags(key)), first);
    MUST(store().put_tags(key, {{"b", "2"}}));
    EXPECT_EQ(MUST(store().get_tags(key)), (Tags{{"b", "2"}}));
    const ObjectInfo after = info_of(key.str());
    EXPECT_EQ(after.attributes, before.attributes);
    EXPECT_EQ(after.etag, before.etag);
    if (facts().subresources_keep_time) {
        EXPECT_EQ(after.last_modified, before.last_modified);
    }
    if (facts().tag_count_told) {
        EXPECT_EQ(after.tag_count, 1u);
    }
    MUST(store().put_tags(key, {}));
    EXPECT_TRUE(MUST(store().get_tags(key)).empty());
}

TEST_P(ObjectStoreContract, more_tags_than_the_limit_are_refused_and_change_nothing) {
    if (!store().traits().tagging) GTEST_SKIP() << "no tagging";
    put("f", "x");
    const Tags old = {{"kept", "yes"}};
    MUST(store().put_tags(ObjectKey("f"), old));
    Tags many;
    for (unsigned i = 0; i <= store().traits().tags_max; ++i) many["k" + std::to_string(i)] = "v";
    const auto refused = store().put_tags(ObjectKey("f"), many);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument) << refused.error().describe();
    EXPECT_EQ(MUST(store().get_tags(ObjectKey("f"))), old);
}

TEST_P(ObjectStoreContract, tags_and_acl_can_ride_along_in_uploads) {
    ObjectAttributes attributes;
    attributes.acl = "public-read";
    if (store().traits().tagging) attributes.tags = Tags{{"k 1", "v+=1"}, {"k2", "\xC3\xA9"}};
    put("single", "x", attributes);
    const ObjectKey key("multi");
    const UploadId id = MUST(store().create_upload(key, attributes));
    const UploadPart part = MUST(store().upload_part(key, id, 1, body_of("x")));
    MUST(store().complete_upload(key, id, {part}));
    for (const char* name : {"single", "multi"}) {
        SCOPED_TRACE(name);
        EXPECT_EQ(MUST(store().get_acl(ObjectKey(name))), "public-read");
        if (attributes.tags) {
            const bool ride = facts().tags_ride_along_copies || name == std::string("single");
            EXPECT_EQ(MUST(store().get_tags(ObjectKey(name))), ride ? *attributes.tags : Tags{});
        }
    }
}

TEST_P(ObjectStoreContract, acl_is_the_default_until_set_and_setting_it_leaves_the_object_alone) {
    put("f", "x", full_attributes());
    const ObjectInfo before = info_of("f");
    EXPECT_EQ(MUST(store().get_acl(ObjectKey("f"))), store().traits().default_acl);
    MUST(store().put_acl(ObjectKey("f"), "public-read"));
    EXPECT_EQ(MUST(store().get_acl(ObjectKey("f"))), "public-read");
    const ObjectInfo after = info_of("f");
    EXPECT_EQ(after.attributes, before.attributes);
    if (facts().subresources_keep_time) {
        EXPECT_EQ(after.last_modified, before.last_modified);
    }
    MUST(store().put_acl(ObjectKey("f"), store().traits().default_acl));
    EXPECT_EQ(MUST(store().get_acl(ObjectKey("f"))), store().traits().default_acl);
}

TEST_P(ObjectStoreContract, an_unknown_acl_is_refused) {
    put("f", "x");
    const auto refused = store().put_acl(ObjectKey("f"), "everybody-and-his-dog");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument) << refused.error().describe();
}

TEST_P(ObjectStoreContract, symlinks_are_native_or_unsupported) {
    const ObjectKey link("dir/li nk");
    if (!store().traits().native_symlinks) {
        const auto refused = store().put_symlink(link, ObjectKey("target"), {});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
        return;
    }
    const std::string target = "other/t\xC3\xA4rget +%?";
    ObjectAttributes attributes;
    attributes.user = {{"of", "link"}};
    MUST(store().put_symlink(link, ObjectKey(target), attributes));
    EXPECT_EQ(MUST(store().get_symlink(link)), ObjectKey(target)) << "also while nothing is there";
    const auto dangling = read_object(store(), link.str());
    ASSERT_FALSE(dangling);
    EXPECT_EQ(dangling.error().kind, ErrorKind::not_found);

    ObjectAttributes of_target;
    of_target.user = {{"of", "target"}};
    put(target, "body of the target", of_target);
    EXPECT_EQ(body_at(link.str()), "body of the target");
    const ObjectInfo info = info_of(link.str());
    EXPECT_EQ(info.type, ObjectType::symlink);
    EXPECT_EQ(info.size, 18u) << "the length is the target's";
    EXPECT_EQ(info.attributes.user, attributes.user) << "the metadata is the link's";
    const ListPage page = MUST(store().list({.prefix = "dir/"}));
    ASSERT_EQ(page.objects.size(), 1u);
    EXPECT_EQ(page.objects[0].type, ObjectType::symlink);
}

TEST_P(ObjectStoreContract, get_symlink_of_a_plain_object_is_an_error) {
    if (!store().traits().native_symlinks) GTEST_SKIP() << "no symlinks";
    put("f", "x");
    EXPECT_FALSE(store().get_symlink(ObjectKey("f")));
}

TEST_P(ObjectStoreContract, a_presigned_url_reads_without_credentials) {
    for (const std::string& key : odd_keys()) {
        SCOPED_TRACE(key);
        put(key, "body of " + key);
        const std::string url = MUST(store().presign_get(ObjectKey(key), std::chrono::minutes(5)));
        EXPECT_EQ(MUST(bucket().fetch(url)), "body of " + key);
    }
}

TEST_P(ObjectStoreContract, a_presigned_url_is_for_its_key_only) {
    put("f", "mine");
    put("g", "other");
    std::string url = MUST(store().presign_get(ObjectKey("f"), std::chrono::minutes(5)));
    const size_t at = url.find("/f?");
    ASSERT_NE(at, std::string::npos) << url;
    url.replace(at, 3, "/g?");
    if (GetParam().name.starts_with("memory")) GTEST_SKIP() << "memory URLs are not signed";
    const auto refused = bucket().fetch(url);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().http_status, 403);
}

TEST_P(ObjectStoreContract, restoring_what_is_not_archived_is_unsupported) {
    put("f", "x");
    const auto refused = store().restore(ObjectKey("f"), 1, "");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unsupported) << refused.error().describe();
}

}  // namespace
}  // namespace xbucket::testing
