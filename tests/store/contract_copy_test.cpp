// SPDX-FileCopyrightText: the xbucket authors
// ObjectStore's promises about copies: the metadata update and its guards (protocol.md 3).
#include "object_store_contract.h"
#include "support/memory_store.h"

#include <atomic>
#include <thread>

namespace xbucket::testing {
namespace {

CopyRequest in_place(const std::string& key, const ObjectAttributes& attributes) {
    CopyRequest request;
    request.source = ObjectKey(key);
    request.destination = ObjectKey(key);
    request.replace = attributes;
    return request;
}

TEST_P(ObjectStoreContract, replace_copy_changes_exactly_what_is_sent) {
    ObjectAttributes attributes = full_attributes();
    const ETag etag = put("f.html", "examplecontent", attributes);
    attributes.user["year"] = "2022";
    attributes.user.erase("people");
    attributes.user["added"] = "new one";
    attributes[HttpField::cache_control] = "no-store";
    const CopyReply reply = MUST(store().copy(in_place("f.html", attributes)));
    const ObjectInfo info = info_of("f.html");
    for (const HttpField field : kHttpFields)
        EXPECT_EQ(info.attributes[field], attributes[field]) << to_string(field);
    EXPECT_EQ(info.attributes.user, attributes.user);
    EXPECT_EQ(info.attributes.sse, attributes.sse);
    if (!attributes.storage_class.empty()) {
        EXPECT_EQ(info.attributes.storage_class, attributes.storage_class);
    }
    EXPECT_EQ(info.size, 14u);
    EXPECT_EQ(info.etag, etag) << "a metadata copy does not change the content's ETag";
    if (!reply.etag.empty()) {
        EXPECT_EQ(reply.etag, etag);
    }
    EXPECT_EQ(body_at("f.html"), "examplecontent");
}

TEST_P(ObjectStoreContract, replace_copy_drops_all_that_is_not_resent) {
    put("f", "examplecontent", full_attributes());
    MUST(store().copy(in_place("f", {})));
    const ObjectInfo info = info_of("f");
    EXPECT_TRUE(info.attributes.user.empty());
    for (const HttpField field :
         {HttpField::cache_control, HttpField::content_disposition, HttpField::content_encoding,
          HttpField::content_language, HttpField::expires})
        EXPECT_FALSE(info.attributes[field].has_value()) << to_string(field);
    EXPECT_NE(info.attributes[HttpField::content_type], "text/html; charset=utf-8");
    EXPECT_TRUE(info.attributes.sse.empty());
    EXPECT_EQ(body_at("f"), "examplecontent");
}

TEST_P(ObjectStoreContract, copy_tells_the_last_modified_that_head_tells) {
    put("f", "x");
    const WallTime before = info_of("f").last_modified;
    bucket().next_second();
    const CopyReply reply = MUST(store().copy(in_place("f", full_attributes())));
    const ObjectInfo info = info_of("f");
    EXPECT_EQ(reply.last_modified, info.last_modified);
    EXPECT_EQ(reply.last_modified, WallTime::from_seconds(reply.last_modified.seconds()));
    EXPECT_GT(info.last_modified, before) << "a copy is a modification";
    EXPECT_NE(reply.date, WallTime{});
}

TEST_P(ObjectStoreContract, empty_objects_can_be_copied_in_place) {
    put("empty", "");
    ObjectAttributes attributes;
    attributes.user = {{"k", "v"}};
    MUST(store().copy(in_place("empty", attributes)));
    EXPECT_EQ(info_of("empty").attributes.user, attributes.user);
    EXPECT_EQ(body_at("empty"), "");
}

TEST_P(ObjectStoreContract, replace_copy_keeps_the_tags_or_is_known_not_to) {
    if (!store().traits().tagging) GTEST_SKIP() << "no tagging";
    put("f", "x");
    const Tags tags = {{"owner", "me"}, {"stage", "test"}};
    MUST(store().put_tags(ObjectKey("f"), tags));
    MUST(store().copy(in_place("f", full_attributes())));
    EXPECT_EQ(MUST(store().get_tags(ObjectKey("f"))), facts().tags_survive_replace ? tags : Tags{});
}

TEST_P(ObjectStoreContract, tags_sent_with_a_copy_replace_the_old_ones_or_are_known_not_to) {
    if (!store().traits().tagging) GTEST_SKIP() << "no tagging";
    put("f", "x");
    MUST(store().put_tags(ObjectKey("f"), {{"old", "1"}}));
    ObjectAttributes attributes;
    attributes.tags = Tags{{"new", "a b+c=d"}, {"other", "x:/y"}};
    MUST(store().copy(in_place("f", attributes)));
    EXPECT_EQ(MUST(store().get_tags(ObjectKey("f"))),
              facts().tags_ride_along_copies ? *attributes.tags : Tags{});
    // Where they do not ride along they can be put afterwards.
    MUST(store().put_tags(ObjectKey("f"), *attributes.tags));
    EXPECT_EQ(MUST(store().get_tags(ObjectKey("f"))), *attributes.tags);
}

TEST_P(ObjectStoreContract, replace_copy_sets_the_acl_that_it_carries) {
    put("f", "x");
    MUST(store().put_acl(ObjectKey("f"), "public-read"));
    ObjectAttributes attributes;
    attributes.acl = "public-read";
    MUST(store().copy(in_place("f", attributes)));
    EXPECT_EQ(MUST(store().get_acl(ObjectKey("f"))), "public-read");
    attributes.acl.clear();
    MUST(store().copy(in_place("f", attributes)));
    EXPECT_EQ(MUST(store().get_acl(ObjectKey("f"))), store().traits().default_acl)
        << "an ACL that is not resent is lost";
}

TEST_P(ObjectStoreContract, copy_between_keys_keeps_metadata_and_leaves_the_source) {
    ObjectAttributes attributes = full_attributes();
    const ETag etag = put("from", "examplecontent", attributes);
    CopyRequest request;
    request.source = ObjectKey("from");
    request.destination = ObjectKey("to");
    MUST(store().copy(request));
    const ObjectInfo info = info_of("to");
    EXPECT_EQ(info.attributes.user, attributes.user);
    for (const HttpField field : kHttpFields)
        EXPECT_EQ(info.attributes[field], attributes[field]) << to_string(field);
    EXPECT_EQ(info.etag, etag);
    EXPECT_EQ(body_at("to"), "examplecontent");
    EXPECT_EQ(body_at("from"), "examplecontent");
}

TEST_P(ObjectStoreContract, copy_between_odd_keys_reads_exactly_the_named_source) {
    for (const std::string& key : odd_keys()) {
        SCOPED_TRACE(key);
        put(key, "body of " + key);
        CopyRequest request;
        request.source = ObjectKey(key);
        request.destination = ObjectKey("copies/" + key);
        MUST(store().copy(request));
        EXPECT_EQ(body_at("copies/" + key), "body of " + key);
        ObjectAttributes attributes;
        attributes.user = {{"edited", "yes"}};
        MUST(store().copy(in_place(key, attributes)));
        EXPECT_EQ(info_of(key).attributes.user, attributes.user);
        EXPECT_EQ(body_at(key), "body of " + key);
    }
}

TEST_P(ObjectStoreContract, replace_copy_to_another_key_takes_the_given_attributes_only) {
    put("from", "x", full_attributes());
    CopyRequest request = in_place("from", {});
    request.destination = ObjectKey("to");
    request.replace->user = {{"only", "this"}};
    MUST(store().copy(request));
    EXPECT_EQ(info_of("to").attributes.user, request.replace->user);
    EXPECT_FALSE(info_of("to").attributes[HttpField::cache_control].has_value());
    EXPECT_EQ(info_of("from").attributes.user, full_attributes().user);
}

TEST_P(ObjectStoreContract, copy_changes_the_storage_class_when_told) {
    if (facts().other_storage_class.empty()) GTEST_SKIP() << "no other class to try";
    put("f", "x");
    ObjectAttributes attributes;
    attributes.storage_class = facts().other_storage_class;
    MUST(store().copy(in_place("f", attributes)));
    EXPECT_EQ(info_of("f").attributes.storage_class, facts().other_storage_class);
    EXPECT_EQ(body_at("f"), "x");
}

// Guards at one-second resolution: equal and later times hold, earlier ones do not.
TEST_P(ObjectStoreContract, guard_unmodified_since_holds_for_equal_and_later_times_only) {
    put("f", "x");
    const WallTime modified = info_of("f").last_modified;
    CopyRequest request = in_place("f", {});
    request.replace->user = {{"n", "1"}};
    request.guard.source_unmodified_since = modified;
    MUST(store().copy(request));
    if (!facts().copy_conditions) GTEST_SKIP() << "this service ignores copy conditions";
    request.replace->user = {{"n", "2"}};
    request.guard.source_unmodified_since = info_of("f").last_modified + std::chrono::seconds(5);
    MUST(store().copy(request));
    request.replace->user = {{"n", "3"}};
    request.guard.source_unmodified_since = modified - std::chrono::seconds(1);
    const auto refused = store().copy(request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::precondition_failed);
    EXPECT_FALSE(refused.error().outcome_unknown);
    EXPECT_EQ(info_of("f").attributes.user, (UserMetadata{{"n", "2"}}));
}

TEST_P(ObjectStoreContract, both_time_guards_hold_for_exactly_the_bases_second) {
    if (!store().traits().both_time_conditions) GTEST_SKIP() << "one time condition at a time";
    put("f", "x");
    const auto attempt = [&](std::chrono::seconds from_base, const char* n) {
        CopyRequest request = in_place("f", {});
        request.replace->user = {{"n", n}};
        const WallTime base = info_of("f").last_modified + from_base;
        request.guard.source_unmodified_since = base;
        request.guard.source_modified_since = base - std::chrono::seconds(1);
        return store().copy(request);
    };
    MUST(attempt(std::chrono::seconds(0), "1"));
    const auto too_old = attempt(std::chrono::seconds(-1), "2");
    ASSERT_FALSE(too_old);
    EXPECT_EQ(too_old.error().kind, ErrorKind::precondition_failed);
    const auto too_new = attempt(std::chrono::seconds(1), "3");
    ASSERT_FALSE(too_new) << "a base that is newer than the object must not hold";
    EXPECT_EQ(too_new.error().kind, ErrorKind::precondition_failed);
    EXPECT_EQ(info_of("f").attributes.user, (UserMetadata{{"n", "1"}}));
}

TEST_P(ObjectStoreContract, guard_if_match_tells_contents_apart) {
    const ETag first = put("f", "first");
    CopyRequest request = in_place("f", {});
    request.guard.source_if_match = first;
    MUST(store().copy(request));
    put("f", "second");
    if (!facts().copy_conditions) GTEST_SKIP() << "this service ignores copy conditions";
    const auto refused = store().copy(request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::precondition_failed);
    EXPECT_EQ(body_at("f"), "second");
}

TEST_P(ObjectStoreContract, guard_on_the_destination_is_honoured_where_traits_say) {
    if (!store().traits().destination_conditions) GTEST_SKIP() << "no conditions on destinations";
    put("from", "x");
    const ETag there = put("to", "old");
    CopyRequest request;
    request.source = ObjectKey("from");
    request.destination = ObjectKey("to");
    request.guard.destination_if_match = ETag("00000000000000000000000000000000");
    const auto refused = store().copy(request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::precondition_failed);
    EXPECT_EQ(body_at("to"), "old");
    request.guard.destination_if_match = there;
    MUST(store().copy(request));
    EXPECT_EQ(body_at("to"), "x");
}

TEST_P(ObjectStoreContract, copy_that_must_not_replace_is_already_exists) {
    if (!facts().copy_must_not_exist) GTEST_SKIP() << "this service ignores it on copies";
    put("from", "x");
    CopyRequest request;
    request.source = ObjectKey("from");
    request.destination = ObjectKey("to");
    request.guard.destination_must_not_exist = true;
    MUST(store().copy(request));
    put("from", "newer");
    const auto refused = store().copy(request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::already_exists);
    EXPECT_EQ(body_at("to"), "x");
}

// What makes a lost update impossible: of several writers with one settled base, one gets through.
TEST_P(ObjectStoreContract, of_eight_guarded_copies_from_one_base_exactly_one_wins) {
    if (!facts().copy_conditions) GTEST_SKIP() << "this service ignores copy conditions";
    if (!facts().guards_exclude_each_other) GTEST_SKIP() << "this service looks before it writes";
    put("f", "x");
    for (int round = 0; round < 3; ++round) {
        bucket().next_second();
        bucket().next_second();
        const WallTime base = info_of("f").last_modified;
        std::atomic<int> won{0};
        std::atomic<int> refused{0};
        std::vector<std::string> others(8);
        std::vector<std::thread> threads;
        std::string winner;
        for (int i = 0; i < 8; ++i)
            threads.emplace_back([&, i] {
                CopyRequest request = in_place("f", {});
                request.replace->user = {{"writer", std::to_string(i)}};
                request.guard.source_unmodified_since = base;
                const auto reply = store().copy(request);
                if (reply) {
                    if (won++ == 0) winner = std::to_string(i);
                } else if (reply.error().kind == ErrorKind::precondition_failed) {
                    ++refused;
                } else {
                    others[static_cast<size_t>(i)] = reply.error().describe();
                }
            });
        for (std::thread& thread : threads) thread.join();
        for (const std::string& other : others) EXPECT_EQ(other, "");
        EXPECT_EQ(won, 1) << "round " << round;
        EXPECT_EQ(refused, 7);
        EXPECT_EQ(info_of("f").attributes.user["writer"], winner);
    }
}

}  // namespace
}  // namespace xbucket::testing
