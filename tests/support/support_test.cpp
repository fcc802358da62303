// SPDX-FileCopyrightText: the xbucket authors
// What the contract suite does not say about the in-memory services: the quirks that meta and fs
// are tested against, and that scripted faults do what their names say.
#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/memory_store.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace xbucket::testing {
namespace {

using std::chrono::seconds;

CopyRequest in_place(const std::string& key, UserMetadata user = {}) {
    CopyRequest request;
    request.source = request.destination = ObjectKey(key);
    request.replace.emplace();
    request.replace->user = std::move(user);
    return request;
}

UserMetadata user_of(ObjectStore& store, const std::string& key) {
    const auto reply = store.head(ObjectKey(key));
    return reply ? reply->info.attributes.user : UserMetadata{{"error", reply.error().describe()}};
}

TEST(MemoryService, oss_self_copy_with_the_copy_directive_wipes_metadata) {
    FakeClock clock;
    MemoryStore store(MemoryService::oss(), clock);
    ASSERT_TRUE(put_object(store, "f", "x", {.user = {{"year", "2021"}}}));
    CopyRequest request = in_place("f");
    request.replace.reset();
    ASSERT_TRUE(store.copy(request));
    EXPECT_TRUE(user_of(store, "f").empty());
}

TEST(MemoryService, s3_self_copy_with_the_copy_directive_is_refused) {
    FakeClock clock;
    MemoryStore store(MemoryService::s3(), clock);
    ASSERT_TRUE(put_object(store, "f", "x"));
    CopyRequest request = in_place("f");
    request.replace.reset();
    EXPECT_EQ(store.copy(request).error().kind, ErrorKind::invalid_argument);
}

TEST(MemoryService, oss_takes_an_underscore_in_a_name_for_a_wrong_signature) {
    FakeClock clock;
    MemoryStore store(MemoryService::oss(), clock);
    const auto refused = put_object(store, "f", "x", {.user = {{"a_b", "1"}}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::bad_credentials);
}

TEST(MemoryService, s3_reads_raw_bytes_as_latin1_and_gives_them_back_encoded) {
    FakeClock clock;
    MemoryStore store(MemoryService::s3(), clock);
    ASSERT_TRUE(put_object(store, "f", "x", {.user = {{"t", "\xE9"}}}));
    EXPECT_EQ(user_of(store, "f")["t"], "=?UTF-8?B?w6k=?=");
}

TEST(MemoryService, s3_true_if_match_overrules_a_false_unmodified_since) {
    FakeClock clock;
    MemoryStore store(MemoryService::s3(), clock);
    const ETag etag = put_object(store, "f", "x")->etag;
    CopyRequest request = in_place("f");
    request.guard.source_if_match = etag;
    request.guard.source_unmodified_since = clock.wall_now() - seconds(100);
    EXPECT_TRUE(store.copy(request)) << "the trap of protocol.md 3.4";
}

TEST(MemoryService, ceph_ignores_guards_loses_tags_and_acl_and_turns_underscores) {
    FakeClock clock;
    MemoryStore store(MemoryService::ceph(), clock);
    ASSERT_TRUE(put_object(store, "f", "x"));
    ASSERT_TRUE(store.put_tags(ObjectKey("f"), {{"a", "1"}}));
    ASSERT_TRUE(store.put_acl(ObjectKey("f"), "public-read"));
    CopyRequest request = in_place("f", {{"a_b", "1"}});
    request.guard.source_unmodified_since = clock.wall_now() - seconds(100);
    request.guard.source_if_match = ETag("wrong");
    ASSERT_TRUE(store.copy(request));
    EXPECT_EQ(user_of(store, "f"), (UserMetadata{{"a-b", "1"}}));
    EXPECT_TRUE(store.get_tags(ObjectKey("f"))->empty());
    EXPECT_EQ(*store.get_acl(ObjectKey("f")), "private");
}

TEST(MemoryService, ceph_answers_200_and_stores_none_of_more_than_90_entries) {
    FakeClock clock;
    MemoryStore store(MemoryService::ceph(), clock);
    UserMetadata many;
    for (int i = 0; i < 90; ++i) many["k" + std::to_string(i)] = "v";
    ASSERT_TRUE(put_object(store, "f", "x", {.user = many}));
    EXPECT_EQ(user_of(store, "f").size(), 90u);
    many["one-more"] = "v";
    ASSERT_TRUE(store.copy(in_place("f", many)));
    EXPECT_TRUE(user_of(store, "f").empty());
}

TEST(MemoryService, ceph_fails_with_500_on_long_names) {
    FakeClock clock;
    MemoryStore store(MemoryService::ceph(), clock);
    const auto refused = put_object(store, "f", "x", {.user = {{std::string(101, 'n'), "v"}}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::server_error);
    EXPECT_TRUE(put_object(store, "f", "x", {.user = {{std::string(100, 'n'), "v"}}}));
}

TEST(MemoryService, a_finer_comparison_than_told_refuses_a_guard_on_the_told_second) {
    FakeClock clock(WallTime::from_seconds(1'700'000'000) + std::chrono::milliseconds(400));
    MemoryService service = MemoryService::s3();
    service.compares_subseconds = true;
    MemoryStore store(service, clock);
    ASSERT_TRUE(put_object(store, "f", "x"));
    CopyRequest request = in_place("f");
    request.guard.source_unmodified_since = store.head(ObjectKey("f"))->info.last_modified;
    EXPECT_EQ(store.copy(request).error().kind, ErrorKind::precondition_failed);
    request.guard.source_unmodified_since = *request.guard.source_unmodified_since + seconds(1);
    EXPECT_TRUE(store.copy(request));
}

TEST(MemoryService, two_writers_within_one_second_share_a_last_modified) {
    FakeClock clock;
    MemoryStore store(MemoryService::oss(), clock);
    MemoryStore other(store.bucket());
    ASSERT_TRUE(put_object(store, "f", "x"));
    const WallTime base = store.head(ObjectKey("f"))->info.last_modified;
    ASSERT_TRUE(other.copy(in_place("f", {{"theirs", "1"}})));
    CopyRequest request = in_place("f", {{"mine", "1"}});
    request.guard.source_unmodified_since = base;
    EXPECT_TRUE(store.copy(request)) << "the race that an unsettled base cannot see (DESIGN 3.2)";
}

TEST(MemoryService, versioned_buckets_keep_every_edit_and_tell_the_version_copied) {
    FakeClock clock;
    MemoryService service = MemoryService::oss();
    service.versioning = "Enabled";
    MemoryStore store(service, clock);
    const VersionId first = put_object(store, "f", "x", {.user = {{"n", "1"}}})->version_id;
    const auto copied = store.copy(in_place("f", {{"n", "2"}}));
    ASSERT_TRUE(copied);
    EXPECT_EQ(copied->source_version_id, first);
    EXPECT_NE(copied->version_id, first);
    ASSERT_TRUE(store.remove(ObjectKey("f")));
    EXPECT_EQ(store.head(ObjectKey("f")).error().kind, ErrorKind::not_found);
    EXPECT_EQ(store.bucket()->versions(ObjectKey("f")).size(), 3u);
    EXPECT_TRUE(list_names(store, {})->empty());
    CopyRequest back = in_place("f");
    back.source_version = first;
    back.replace.reset();
    ASSERT_TRUE(store.copy(back));
    EXPECT_EQ(user_of(store, "f"), (UserMetadata{{"n", "1"}}));
}

TEST(MemoryService, archived_objects_are_read_after_a_restore) {
    FakeClock clock;
    MemoryStore store(MemoryService::oss(), clock);
    ASSERT_TRUE(put_object(store, "f", "x", {.storage_class = "Archive"}));
    EXPECT_EQ(read_object(store, "f").error().kind, ErrorKind::archived);
    EXPECT_TRUE(store.head(ObjectKey("f")));
    ASSERT_TRUE(store.restore(ObjectKey("f"), 1, ""));
    EXPECT_EQ(store.head(ObjectKey("f"))->info.restore, "ongoing-request=\"true\"");
    EXPECT_EQ(store.restore(ObjectKey("f"), 1, "").error().kind, ErrorKind::conflict);
    clock.advance(std::chrono::hours(2));
    EXPECT_EQ(*read_object(store, "f"), "x");
    clock.advance(std::chrono::hours(24));
    EXPECT_EQ(read_object(store, "f").error().kind, ErrorKind::archived) << "the restore ran out";
}

TEST(MemoryService, immutable_objects_refuse_copies_writes_and_deletes) {
    FakeClock clock;
    MemoryStore store(MemoryService::oss(), clock);
    ASSERT_TRUE(put_object(store, "f", "x"));
    store.bucket()->alter(ObjectKey("f"), [](MemoryVersion& v) { v.immutable = true; });
    EXPECT_EQ(store.copy(in_place("f")).error().kind, ErrorKind::not_permitted);
    EXPECT_EQ(put_object(store, "f", "y").error().kind, ErrorKind::not_permitted);
    EXPECT_EQ(store.remove(ObjectKey("f")).error().kind, ErrorKind::not_permitted);
}

TEST(MemoryService, appendable_objects_copy_onto_themselves_only) {
    FakeClock clock;
    MemoryStore store(MemoryService::oss(), clock);
    ASSERT_TRUE(store.bucket()->append(ObjectKey("log"), "one\n"));
    ASSERT_TRUE(store.bucket()->append(ObjectKey("log"), "two\n"));
    EXPECT_EQ(*read_object(store, "log"), "one\ntwo\n");
    EXPECT_EQ(store.head(ObjectKey("log"))->info.next_append_position, 8u);
    ASSERT_TRUE(store.copy(in_place("log", {{"k", "v"}})));
    EXPECT_EQ(store.head(ObjectKey("log"))->info.type, ObjectType::appendable);
    CopyRequest elsewhere = in_place("log");
    elsewhere.destination = ObjectKey("copy");
    EXPECT_EQ(store.copy(elsewhere).error().kind, ErrorKind::unsupported);
}

TEST(MemoryStore, the_log_holds_every_request_with_its_parameters) {
    FakeClock clock;
    MemoryStore store(MemoryService::oss(), clock);
    MemoryStore other(store.bucket());
    ASSERT_TRUE(put_object(store, "f", "x"));
    ASSERT_TRUE(store.copy(in_place("f", {{"n", "1"}})));
    ASSERT_TRUE(other.head(ObjectKey("f")));
    ASSERT_EQ(store.log().size(), 2u) << "another client's requests are not ours";
    EXPECT_EQ(store.log()[1].copy->replace->user, (UserMetadata{{"n", "1"}}));
    EXPECT_EQ(store.count(StoreCall::copy), 1u);
    EXPECT_EQ(store.stats().requests.at("COPY"), 1u);
    store.clear_log();
    EXPECT_EQ(store.count(), 0u);
}

TEST(FaultyStore, the_second_copy_is_applied_and_its_reply_lost) {
    FakeClock clock;
    MemoryStore inner(MemoryService::oss(), clock);
    FaultyStore store(inner);
    ASSERT_TRUE(put_object(store, "f", "x"));
    store.lose_reply(StoreCall::copy).nth(2);
    EXPECT_TRUE(store.copy(in_place("f", {{"n", "1"}})));
    const auto lost = store.copy(in_place("f", {{"n", "2"}}));
    ASSERT_FALSE(lost);
    EXPECT_TRUE(lost.error().outcome_unknown);
    EXPECT_EQ(user_of(store, "f"), (UserMetadata{{"n", "2"}}));
    EXPECT_TRUE(store.copy(in_place("f", {{"n", "3"}})));
    EXPECT_EQ(store.faults_left(), 0u);
}

TEST(FaultyStore, a_lost_request_changes_nothing_and_looks_the_same) {
    FakeClock clock;
    MemoryStore inner(MemoryService::oss(), clock);
    FaultyStore store(inner);
    store.lose_request(StoreCall::put);
    const auto lost = put_object(store, "f", "x");
    ASSERT_FALSE(lost);
    EXPECT_TRUE(lost.error().outcome_unknown);
    EXPECT_EQ(inner.count(), 0u);
}

TEST(FaultyStore, a_late_request_is_applied_when_delivered) {
    FakeClock clock;
    MemoryStore inner(MemoryService::oss(), clock);
    FaultyStore store(inner);
    ASSERT_TRUE(put_object(store, "f", "x", {.user = {{"n", "1"}}}));
    const auto late = store.apply_late(StoreCall::copy);
    EXPECT_FALSE(store.copy(in_place("f", {{"n", "2"}})));
    EXPECT_EQ(user_of(store, "f"), (UserMetadata{{"n", "1"}}));
    EXPECT_EQ(late->deliver(), 1u);
    EXPECT_EQ(user_of(store, "f"), (UserMetadata{{"n", "2"}}));
}

TEST(FaultyStore, faults_can_be_for_one_key_and_for_several_calls) {
    FakeClock clock;
    MemoryStore inner(MemoryService::oss(), clock);
    FaultyStore store(inner);
    ASSERT_TRUE(put_object(store, "a", "x"));
    ASSERT_TRUE(put_object(store, "b", "x"));
    store.fail(StoreCall::head, Error(ErrorKind::throttled, "slow down")).on("b").repeat(2);
    EXPECT_TRUE(store.head(ObjectKey("a")));
    EXPECT_EQ(store.head(ObjectKey("b")).error().kind, ErrorKind::throttled);
    EXPECT_EQ(store.head(ObjectKey("b")).error().kind, ErrorKind::throttled);
    EXPECT_TRUE(store.head(ObjectKey("b")));
    EXPECT_EQ(store.count(StoreCall::head), 4u);
}

TEST(FaultyStore, another_writer_gets_in_before_or_after_a_call) {
    FakeClock clock;
    MemoryStore inner(MemoryService::oss(), clock);
    MemoryStore other(inner.bucket());
    FaultyStore store(inner);
    ASSERT_TRUE(put_object(store, "f", "x"));
    store.before(StoreCall::head, [&] { ASSERT_TRUE(other.copy(in_place("f", {{"n", "1"}}))); });
    store.after(StoreCall::head, [&] { ASSERT_TRUE(other.copy(in_place("f", {{"n", "2"}}))); });
    EXPECT_EQ(user_of(store, "f"), (UserMetadata{{"n", "1"}}));
    EXPECT_EQ(user_of(store, "f"), (UserMetadata{{"n", "2"}}));
}

TEST(FaultyStore, a_held_call_waits_until_released) {
    FakeClock clock;
    MemoryStore inner(MemoryService::oss(), clock);
    FaultyStore store(inner);
    ASSERT_TRUE(put_object(store, "f", "x"));
    const auto gate = store.hold(StoreCall::head, "f");
    std::atomic<bool> done{false};
    std::thread reader([&] {
        EXPECT_TRUE(store.head(ObjectKey("f")));
        done = true;
    });
    gate->wait_until_reached();
    EXPECT_FALSE(done);
    EXPECT_EQ(inner.count(StoreCall::head), 0u);
    gate->release();
    reader.join();
    EXPECT_TRUE(done);
}

TEST(FaultyStore, faults_reach_asynchronous_heads_too) {
    FakeClock clock;
    MemoryStore inner(MemoryService::oss(), clock);
    FaultyStore store(inner);
    ASSERT_TRUE(put_object(store, "f", "x"));
    store.fail(StoreCall::head, Error(ErrorKind::network, "gone"));
    std::promise<Result<HeadReply>> answer;
    store.head_async(ObjectKey("f"), {},
                     [&](Result<HeadReply> r) { answer.set_value(std::move(r)); });
    EXPECT_EQ(answer.get_future().get().error().kind, ErrorKind::network);
}

}  // namespace
}  // namespace xbucket::testing
