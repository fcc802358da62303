// SPDX-FileCopyrightText: the xbucket authors
// Write-behind: what the journal acknowledges reaches the object, or is reported; nothing else of
// the object changes. A crash is an engine that goes without shutdown; the next one finds its
// journal in the same directory.
#include "meta/write_behind_fixture.h"

#include "xbucket/meta/left_journals.h"

#include <filesystem>
#include <fstream>
#include <thread>

namespace xbucket::testing {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// ---- one update
// ----------------------------------------------------------------------------------

TEST_F(WriteBehindTest, ten_changes_of_one_object_are_one_copy_and_keep_the_rest) {
    put("a", {.user = {{"kept", "1"}}, .tags = Tags{{"t", "v"}}});
    store.clear_faults();
    for (int i = 0; i < 10; ++i)
        ASSERT_EQ(set("a", "user.n" + std::to_string(i), std::to_string(i)), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);
    EXPECT_EQ(raw.count(StoreCall::head), 1U);
    EXPECT_THAT(stored("a"), ::testing::SizeIs(1));
    EXPECT_EQ(journal(), R"("journal":{"objects":1,"changes":10,"failures":0})");
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_EQ(stored("a").size(), 11U);
    EXPECT_EQ(stored("a").at("n7"), "7");
    EXPECT_EQ(raw.bucket()->peek(ObjectKey("a"))->attributes.tags, (Tags{{"t", "v"}}));
    EXPECT_EQ(journal(), R"("journal":{"objects":0,"changes":0,"failures":0})");
}

TEST_F(WriteBehindTest, what_is_due_is_sent_without_being_asked) {
    config.commit_delay = seconds(1);
    mount();
    for (const char* key : {"a", "b", "c"}) put(key);
    for (const char* key : {"a", "b", "c"}) ASSERT_EQ(set(key, "user.x", "1"), std::nullopt);
    clock.advance(seconds(1));
    wait_until_sent();
    for (const char* key : {"a", "b", "c"}) EXPECT_EQ(stored(key).at("x"), "1");
}

TEST_F(WriteBehindTest, a_recorded_mode_that_has_to_yield_stays_shown_before_and_after_it_is_sent) {
    put("a", {.user = {{"mode", "33152"}}});
    ASSERT_EQ(set("a", "user.big", std::string(8191 - 11 - 4, 'v')), std::nullopt);
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::cached)->posix.mode, 33152U);
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").size(), 1U);
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::cached)->posix.mode, 33152U);
}

TEST_F(WriteBehindTest, a_mode_set_as_an_attribute_replaces_a_chmod_that_waits) {
    put("a");
    engine->record_posix(ObjectKey("a"), {.mode = 0100600});
    ASSERT_EQ(set("a", "user.meta.mode", "33188"), std::nullopt);
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::cached)->posix.mode, 33188U);
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("mode"), "33188");
}

TEST_F(WriteBehindTest, readers_see_what_is_acknowledged_before_it_is_sent) {
    put("a", {.user = {{"x", "1"}, {"gone", "1"}}});
    ASSERT_EQ(set("a", "user.x", "2"), std::nullopt);
    ASSERT_EQ(set("a", "user.new", "3"), std::nullopt);
    ASSERT_EQ(set("a", "user.gone", std::nullopt), std::nullopt);
    ASSERT_EQ(set("a", "user.meta.mode", "33152"), std::nullopt);
    EXPECT_EQ(get("a", "user.x"), "2");
    EXPECT_EQ(get("a", "user.new"), "3");
    EXPECT_EQ(get("a", "user.gone"), std::nullopt);
    EXPECT_THAT(list("a"), ::testing::ElementsAre("user.new", "user.x"));
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::cached)->posix.mode, 33152U);
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::current)->posix.mode, 33152U);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}, {"gone", "1"}}));
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "2"}, {"new", "3"}, {"mode", "33152"}}));
}

TEST_F(WriteBehindTest, flags_and_limits_are_judged_with_what_is_pending) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1", SetFlag::replace_only), ErrorKind::no_such_attribute);
    EXPECT_EQ(set("a", "user.x", "1", SetFlag::create_only), std::nullopt);
    EXPECT_EQ(set("a", "user.x", "2", SetFlag::create_only), ErrorKind::already_exists);
    EXPECT_EQ(set("a", "user.x", "2", SetFlag::replace_only), std::nullopt);
    EXPECT_EQ(set("a", "user.y", std::nullopt), ErrorKind::no_such_attribute);
    EXPECT_EQ(set("a", "user.big", std::string(5000, 'b')), std::nullopt);
    EXPECT_EQ(set("a", "user.more", std::string(5000, 'm')), ErrorKind::no_attribute_space);
    EXPECT_EQ(set("a", "user.huge", std::string(9000, 'h')), ErrorKind::value_too_large);
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("x"), "2");
    EXPECT_EQ(stored("a").size(), 2U);
}

TEST_F(WriteBehindTest, what_is_said_to_be_there_already_was_just_seen) {
    put("a", {.user = {{"x", "1"}}});
    EXPECT_EQ(get("a", "user.x"), "1");
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "2"));
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("x"), "1");
}

TEST_F(WriteBehindTest, two_names_of_one_thing_are_one_change) {
    put("a.txt");
    ASSERT_EQ(set("a.txt", "user.mime_type", "image/png"), std::nullopt);
    ASSERT_EQ(set("a.txt", "user.http.content-type", "image/gif"), std::nullopt);
    ASSERT_EQ(set("a.txt", "user.meta.x", "1"), std::nullopt);
    ASSERT_EQ(set("a.txt", "user.x", "2"), std::nullopt);
    EXPECT_THAT(journal(), HasSubstr("\"changes\":2"));
    EXPECT_EQ(flush("a.txt"), std::nullopt);
    const auto type = raw.bucket()->peek(ObjectKey("a.txt"))->attributes[HttpField::content_type];
    EXPECT_EQ(type, "image/gif");
    EXPECT_EQ(stored("a.txt").at("x"), "2");
    ASSERT_EQ(set("a.txt", "user.mime_type", std::nullopt), std::nullopt);
    EXPECT_EQ(flush("a.txt"), std::nullopt);
    EXPECT_EQ(raw.bucket()->peek(ObjectKey("a.txt"))->attributes[HttpField::content_type],
              "text/plain");
}

TEST_F(WriteBehindTest, mode_and_attributes_go_as_one_update) {
    put("a");
    PosixRecord record;
    record.mode = 0100600;
    engine->record_posix(ObjectKey("a"), record);
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_TRUE(engine->flush_below(""));
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_EQ(stored("a"), (UserMetadata{{"mode", "33152"}, {"x", "1"}}));
}

TEST_F(WriteBehindTest, a_change_that_cannot_wait_takes_those_that_wait_along) {
    put("a");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_EQ(set("a", "user.object.storage-class", "IA"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_THAT(journal(), HasSubstr("\"changes\":0"));
}

TEST_F(WriteBehindTest, acl_and_tags_never_wait) {
    put("a");
    ASSERT_EQ(set("a", "user.object.acl", "public-read"), std::nullopt);
    ASSERT_EQ(set("a", "user.tag.k", "v"), std::nullopt);
    EXPECT_THAT(journal(), HasSubstr("\"changes\":0"));
    EXPECT_EQ(raw.bucket()->peek(ObjectKey("a"))->attributes.tags, (Tags{{"k", "v"}}));
}

TEST_F(WriteBehindTest, a_directory_without_a_marker_gets_one_at_once) {
    ASSERT_EQ(set("d/", "user.x", "1"), std::nullopt);
    EXPECT_EQ(stored("d/").at("x"), "1");
    ASSERT_EQ(set("d/", "user.y", "2"), std::nullopt);
    EXPECT_EQ(stored("d/").size(), 1U);
    EXPECT_EQ(flush("d/"), std::nullopt);
    EXPECT_EQ(stored("d/").at("y"), "2");
}

TEST_F(WriteBehindTest, above_the_limit_setxattr_waits_for_the_service) {
    config.journal_changes_max = 2;
    mount();
    for (const char* key : {"a", "b", "c"}) put(key);
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_EQ(set("b", "user.x", "1"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);
    ASSERT_EQ(set("c", "user.x", "1"), std::nullopt);
    EXPECT_EQ(stored("c").at("x"), "1");
    wait_until_sent();  // and the journal is emptied
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_EQ(stored("b").at("x"), "1");
}

TEST_F(WriteBehindTest, above_the_limit_a_later_value_wins_over_the_one_that_waits) {
    config.journal_changes_max = 1;
    mount();
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.lose_reply(StoreCall::copy).repeat(2);
    ASSERT_EQ(set("a", "user.x", "2"), std::nullopt);
    wait_until_sent();
    EXPECT_EQ(stored("a").at("x"), "2");
    EXPECT_EQ(failures(), "[]");
}

TEST_F(WriteBehindTest, flush_below_sends_a_subtree_and_nothing_else) {
    for (const char* key : {"d/a", "d/e/b", "da"}) put(key);
    for (const char* key : {"d/a", "d/e/b", "da"}) ASSERT_EQ(set(key, "user.x", "1"), std::nullopt);
    ASSERT_TRUE(engine->flush_below("d/"));
    EXPECT_EQ(stored("d/a").size() + stored("d/e/b").size(), 2U);
    EXPECT_THAT(stored("da"), IsEmpty());
}

TEST_F(WriteBehindTest, shutdown_sends_everything_and_leaves_no_file) {
    put("a");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_TRUE(engine->shutdown());
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_EQ(files_in_journal(), 0U);
    EXPECT_EQ(set("a", "user.y", "1"), ErrorKind::cancelled);
}

// ---- conflicts
// -----------------------------------------------------------------------------------

TEST_F(WriteBehindTest, another_clients_value_stands_and_the_conflict_is_told_once) {
    put("a", {.user = {{"x", "0"}, {"y", "0"}}});
    ASSERT_EQ(set("a", "user.x", "mine"), std::nullopt);
    ASSERT_EQ(set("a", "user.y", "mine"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "theirs"));
    EXPECT_EQ(flush("a"), ErrorKind::io);
    EXPECT_THAT(last_error.message, HasSubstr("user.x of 'a' is not in the bucket"));
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "theirs"}, {"y", "mine"}}));
    EXPECT_EQ(get("a", "user.x"), "theirs");
    EXPECT_EQ(journal(), R"("journal":{"objects":0,"changes":0,"failures":1})");
    EXPECT_THAT(failures(), HasSubstr(R"("key":"a","name":"user.x","value":"mine","reason":")"));
    EXPECT_EQ(failures("b"), "[]");
    EXPECT_EQ(set("", "user.xbucket.failures", "x"), ErrorKind::not_permitted);
    EXPECT_EQ(set("", "user.xbucket.failures", std::nullopt), std::nullopt);
    EXPECT_EQ(failures(), "[]");
}

TEST_F(WriteBehindTest, a_value_that_is_there_already_is_done) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "1"));
    const size_t copies = raw.count(StoreCall::copy);
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), copies);
    EXPECT_EQ(failures(), "[]");
}

TEST_F(WriteBehindTest, nothing_is_sent_to_other_content) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    put("a", {.user = {{"x", "0"}}}, "other content");
    EXPECT_FALSE(engine->flush_below(""));
    EXPECT_EQ(stored("a").at("x"), "0");
    EXPECT_THAT(failures(), HasSubstr("content"));
}

TEST_F(WriteBehindTest, an_object_that_is_gone_is_not_made_again) {
    for (const std::string key : {"a", "d/"}) {
        put(key);
        ASSERT_EQ(set(key, "user.x", "1"), std::nullopt);
        ASSERT_TRUE(raw.bucket()->remove(ObjectKey(key), {}));
        EXPECT_EQ(flush(key), ErrorKind::io) << key;
        EXPECT_FALSE(raw.bucket()->peek(ObjectKey(key))) << key;
        EXPECT_THAT(failures(key), HasSubstr("does not exist any more"));
    }
}

TEST_F(WriteBehindTest, a_new_value_after_anothers_edit_stands_on_that_edit) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "theirs"));
    engine->forget_below("");
    ASSERT_EQ(set("a", "user.x", "2"), std::nullopt);
    EXPECT_THAT(failures(), HasSubstr(R"("value":"1")"));
    EXPECT_EQ(flush("a"), ErrorKind::io);  // of the first
    EXPECT_EQ(stored("a").at("x"), "2");
}

TEST_F(WriteBehindTest, a_service_that_is_away_keeps_changes_waiting) {
    put("a");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.fail(StoreCall::head, Error(ErrorKind::network, "injected")).always();
    EXPECT_EQ(flush("a"), ErrorKind::network);
    EXPECT_THAT(journal(), HasSubstr("\"changes\":1,\"failures\":0"));
    store.clear_faults();
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("x"), "1");
}

TEST_F(WriteBehindTest, what_the_service_refuses_for_good_is_a_failure) {
    put("a");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.fail(StoreCall::copy, Error(ErrorKind::not_permitted, "injected"));
    EXPECT_EQ(flush("a"), ErrorKind::io);
    EXPECT_THAT(failures(), HasSubstr("injected"));
    EXPECT_EQ(get("a", "user.x"), std::nullopt);
}

TEST_F(WriteBehindTest, a_lost_reply_is_no_conflict) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.lose_reply(StoreCall::copy);
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_EQ(failures(), "[]");
}

TEST_F(WriteBehindTest, a_value_taken_back_after_an_attempt_of_unknown_outcome_is_taken_back) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.lose_reply(StoreCall::copy);
    store.fail(StoreCall::head, Error(ErrorKind::network, "injected")).nth(2).always();
    EXPECT_NE(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("x"), "1");
    store.clear_faults();
    ASSERT_EQ(set("a", "user.x", "0"), std::nullopt);
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("x"), "0");
    EXPECT_EQ(failures(), "[]");
}

// ---- uploads, renames, deletes
// -------------------------------------------------------------------

TEST_F(WriteBehindTest, an_upload_carries_what_waits) {
    put("a", {.user = {{"x", "0"}, {"y", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_EQ(set("a", "user.y", "1"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "y", "theirs"));
    const size_t copies = raw.count(StoreCall::copy);
    const ObjectKey key("a");
    {
        const auto turn = engine->order().acquire(key);
        const UploadPlan plan = engine->plan_upload(key, {}).value();
        PutRequest request;
        request.key = key;
        request.attributes = plan.attributes;
        const PutReply reply = store.put(request).value();
        ASSERT_TRUE(engine->finish_upload(key, plan, reply, 0).result());
    }
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}, {"y", "theirs"}}));
    EXPECT_EQ(raw.count(StoreCall::copy), copies);
    EXPECT_EQ(journal(), R"("journal":{"objects":0,"changes":0,"failures":1})");
    EXPECT_EQ(engine->take_failure(key).error().kind, ErrorKind::io);
    EXPECT_TRUE(engine->take_failure(key));
}

// As an append does it, and an upload that was begun before the change.
TEST_F(WriteBehindTest, what_an_upload_did_not_take_along_goes_on_waiting) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    const ObjectKey key("a");
    const std::string longer = "content that grew";
    {
        const auto turn = engine->order().acquire(key);
        UploadPlan plan = engine->plan_upload(key, {}).value();
        plan.attributes = plan.base_attributes;
        ASSERT_NO_FATAL_FAILURE(put("a", plan.attributes, longer));
        PutReply reply;
        reply.etag = raw.head(key).value().info.etag;
        ASSERT_TRUE(engine->finish_upload(key, plan, reply, longer.size()).result());
    }
    EXPECT_EQ(stored("a").at("x"), "0");
    EXPECT_EQ(get("a", "user.x"), "1");
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_EQ(failures(), "[]");
}

TEST_F(WriteBehindTest, an_upload_that_fails_leaves_what_waits) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    {
        const auto turn = engine->order().acquire(ObjectKey("a"));
        ASSERT_TRUE(engine->plan_upload(ObjectKey("a"), {}));
    }
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("x"), "1");
}

TEST_F(WriteBehindTest, a_rename_carries_what_waits_in_its_copy) {
    put("a", {.user = {{"x", "0"}}});
    put("b");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_EQ(set("b", "user.dropped", "1"), std::nullopt);
    {
        const auto turn = engine->order().acquire(ObjectKey("a"), ObjectKey("b"));
        ASSERT_TRUE(engine->rename(ObjectKey("a"), ObjectKey("b"), false));
    }
    EXPECT_EQ(stored("b"), (UserMetadata{{"x", "1"}}));
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_EQ(journal(), R"("journal":{"objects":0,"changes":0,"failures":0})");
}

TEST_F(WriteBehindTest, a_crash_between_a_renames_copy_and_its_delete_loses_nothing) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.fail(StoreCall::remove, Error(ErrorKind::access_denied, "injected"));
    {
        const auto turn = engine->order().acquire(ObjectKey("a"), ObjectKey("b"));
        EXPECT_FALSE(engine->rename(ObjectKey("a"), ObjectKey("b"), false));
    }
    crash();
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_EQ(stored("b").at("x"), "1");
    EXPECT_EQ(failures(), "[]");
}

TEST_F(WriteBehindTest, a_crash_after_the_journal_moved_finds_the_new_name) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    // At the moment of the delete the machine stops: what the disk has then is what counts.
    const std::string copy = directory + "/stopped";
    store.before(StoreCall::remove, [&] {
        std::filesystem::copy(config.journal_directory, copy,
                              std::filesystem::copy_options::recursive);
    });
    {
        const auto turn = engine->order().acquire(ObjectKey("a"), ObjectKey("b"));
        ASSERT_TRUE(engine->rename(ObjectKey("a"), ObjectKey("b"), false));
    }
    crash();
    config.journal_directory = copy;
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("b").at("x"), "1");
    EXPECT_EQ(failures(), "[]");
}

TEST_F(WriteBehindTest, a_crash_before_the_delete_of_a_rename_leaves_both_names_complete) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    const std::string copy = directory + "/stopped";
    store.before(StoreCall::remove, [&] {
        std::filesystem::copy(config.journal_directory, copy,
                              std::filesystem::copy_options::recursive);
    });
    store.fail(StoreCall::remove, Error(ErrorKind::access_denied, "injected"));
    EXPECT_FALSE(rename("a", "b"));
    crash();
    config.journal_directory = copy;
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}}));
    EXPECT_EQ(stored("b"), (UserMetadata{{"x", "1"}}));
    EXPECT_EQ(failures(), "[]");
}

TEST_F(WriteBehindTest, a_deleted_object_drops_what_waits) {
    put("a");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    {
        const auto turn = engine->order().acquire(ObjectKey("a"));
        ASSERT_TRUE(engine->remove(ObjectKey("a")));
    }
    put("a");
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_THAT(stored("a"), IsEmpty());
    EXPECT_EQ(journal(), R"("journal":{"objects":0,"changes":0,"failures":0})");
}

// ---- after a crash
// -------------------------------------------------------------------------------

TEST_F(WriteBehindTest, the_next_mount_sends_what_a_crash_left) {
    put("a", {.user = {{"x", "0"}, {"gone", "1"}}});
    ASSERT_EQ(set("a", "user.x", std::string("\0\xff", 2)), std::nullopt);
    ASSERT_EQ(set("a", "user.gone", std::nullopt), std::nullopt);
    crash();
    EXPECT_EQ(stored("a").at("x"), "0");
    mount();
    wait_until_sent();
    EXPECT_EQ(get("a", "user.x"), std::string("\0\xff", 2));
    EXPECT_EQ(stored("a").size(), 1U);
    EXPECT_EQ(failures(), "[]");
}

TEST_F(WriteBehindTest, a_mount_without_write_behind_sends_it_as_well) {
    put("a");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    crash();
    config.durability = Durability::on_return;
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("a").at("x"), "1");
    ASSERT_EQ(set("a", "user.y", "1"), std::nullopt);
    EXPECT_EQ(stored("a").at("y"), "1");  // and waits for the service itself
}

TEST_F(WriteBehindTest, replay_is_judged_three_ways) {
    for (const char* key : {"old", "new", "other", "content", "gone"})
        put(key, {.user = {{"x", "0"}}});
    for (const char* key : {"old", "new", "other", "content", "gone"})
        ASSERT_EQ(set(key, "user.x", "1"), std::nullopt);
    crash();
    ASSERT_NO_FATAL_FAILURE(edit_rudely("new", "x", "1"));
    ASSERT_NO_FATAL_FAILURE(edit_rudely("other", "x", "2"));
    put("content", {.user = {{"x", "0"}}}, "longer than it was");
    ASSERT_TRUE(raw.bucket()->remove(ObjectKey("gone"), {}));
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("old").at("x"), "1");
    EXPECT_EQ(stored("new").at("x"), "1");
    EXPECT_EQ(stored("other").at("x"), "2");
    EXPECT_EQ(stored("content").at("x"), "0");
    EXPECT_FALSE(raw.bucket()->peek(ObjectKey("gone")));
    EXPECT_EQ(journal(), R"("journal":{"objects":0,"changes":0,"failures":3})");
    EXPECT_EQ(failures("old") + failures("new"), "[][]");
}

TEST_F(WriteBehindTest, failures_outlive_the_mount_until_they_are_cleared) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "2"));
    EXPECT_EQ(flush("a"), ErrorKind::io);
    ASSERT_TRUE(engine->shutdown());
    mount();
    EXPECT_THAT(failures(), HasSubstr(R"("reported":true)"));
    EXPECT_TRUE(engine->take_failure(ObjectKey("a")));
    ASSERT_EQ(set("", "user.xbucket.failures", std::nullopt), std::nullopt);
    ASSERT_TRUE(engine->shutdown());
    EXPECT_EQ(files_in_journal(), 0U);
}

TEST_F(WriteBehindTest, nobody_replays_the_journal_of_a_mount_that_lives) {
    put("a");
    put("b");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    auto second = make_meta_engine(config, other_store, clock).value();
    ASSERT_TRUE(second->start());
    ASSERT_EQ(set(*second, "b", "user.x", "1"), std::nullopt);
    ASSERT_TRUE(second->flush_below(""));
    EXPECT_THAT(stored("a"), IsEmpty());
    EXPECT_EQ(stored("b").at("x"), "1");
    crash();
    // Now it is left behind: a third one finds it, not the second's.
    ASSERT_EQ(set(*second, "b", "user.y", "1"), std::nullopt);
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_EQ(stored("b").size(), 1U);
    ASSERT_TRUE(second->shutdown());
}

TEST_F(WriteBehindTest, what_a_crash_left_is_counted_and_sent_all_the_same) {
    put("a");
    put("b");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_EQ(set("b", "user.x", "1"), std::nullopt);
    const auto left = [this] { return left_journals(config.journal_directory); };
    EXPECT_THAT(left(), IsEmpty()) << "its mount lives";
    crash();
    ASSERT_EQ(left().size(), 1U);
    EXPECT_EQ(left()[0].changes, 2U);
    EXPECT_EQ(left()[0].failures, 0U);
    EXPECT_EQ(left()[0].unreadable, "");
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_EQ(stored("b").at("x"), "1");
    EXPECT_THAT(left(), IsEmpty());
    EXPECT_THAT(left_journals(directory + "/none"), IsEmpty());
}

TEST_F(WriteBehindTest, a_journal_that_cannot_be_read_stays_and_stops_nobody) {
    put("a");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    crash();
    std::string database;
    for (const auto& file : std::filesystem::directory_iterator(config.journal_directory))
        if (file.path().extension() == ".db") database = file.path().string();
    std::filesystem::remove(database + "-wal");
    std::ofstream(database, std::ios::trunc) << "no database at all, but long enough to be read";
    mount();
    ASSERT_EQ(set("a", "user.y", "1"), std::nullopt);
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"y", "1"}}));
    EXPECT_TRUE(std::filesystem::exists(database));
    const auto left = left_journals(config.journal_directory);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left[0].file, database);
    EXPECT_NE(left[0].unreadable, "");
}

}  // namespace
}  // namespace xbucket::testing
