// SPDX-FileCopyrightText: the xbucket authors
// What interleaving_test.cpp has found, one test each: what other clients set, and what a service
// takes away, around a change whose outcome was not told.
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using std::chrono::milliseconds;

const ObjectKey kKey("a");

class OnOss : public EngineFixture {
  protected:
    using EngineFixture::EngineFixture;
    Tags tags(const std::string& key = "a") { return raw.get_tags(ObjectKey(key)).value(); }
    std::string acl(const std::string& key = "a") { return raw.get_acl(ObjectKey(key)).value(); }

    // Rewrites the object in one part; `meanwhile` happens before Complete.
    Result<ObjectStat> upload(const std::function<void()>& meanwhile = [] {}) {
        const KeyOrder::Turn turn = engine->order().acquire(kKey);
        UploadPlan plan = TRY(engine->plan_upload(kKey, {}));
        const UploadId id = TRY(store.create_upload(kKey, plan.attributes));
        const UploadPart part = TRY(store.upload_part(kKey, id, 1, body_of("new")));
        meanwhile();
        TRY(engine->recheck_upload(kKey, plan));
        const PutReply reply = TRY(store.complete_upload(kKey, id, {part}));
        return engine->finish_upload(kKey, plan, reply, 3).result();
    }
};

class OnCeph : public OnOss {
  protected:
    OnCeph() : OnOss(MemoryService::ceph()) {}
};

TEST_F(OnOss, a_run_of_changes_reads_the_acl_again_after_a_second) {
    put("a", {.acl = "public-read"});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    clock.advance(milliseconds(600));
    ASSERT_EQ(set("a", "user.y", "1"), std::nullopt);
    ASSERT_TRUE(raw.put_acl(kKey, "private"));
    clock.advance(milliseconds(600));
    ASSERT_EQ(set("a", "user.z", "1"), std::nullopt);
    EXPECT_EQ(acl(), "private");
}

TEST_F(OnOss, tags_and_acl_set_during_an_upload_in_parts_stay) {
    put("a", {.tags = Tags{{"old", "1"}}});
    ASSERT_TRUE(upload([&] {
        ASSERT_TRUE(raw.put_tags(kKey, {{"old", "1"}, {"new", "2"}}));
        ASSERT_TRUE(raw.put_acl(kKey, "public-read"));
    }));
    EXPECT_EQ(tags(), (Tags{{"old", "1"}, {"new", "2"}}));
    EXPECT_EQ(acl(), "public-read");
}

TEST_F(OnOss, what_was_changed_again_since_an_upload_is_not_taken_back_to_what_it_was_during_it) {
    put("a", {.user = {{"x", "1"}}});
    store.before(StoreCall::head, [&] { edit_rudely("a", "x", "3"); }).nth(3);
    ASSERT_TRUE(upload([&] { edit_rudely("a", "x", "2"); }));
    EXPECT_EQ(stored("a").at("x"), "3");
}

TEST_F(OnOss, an_acl_set_between_edits_of_a_run_is_not_taken_back_by_the_next) {
    put("a");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_EQ(set("a", "user.object.acl", "public-read-write"), std::nullopt);
    ASSERT_EQ(set("a", "user.none", std::nullopt), ErrorKind::no_such_attribute);
    ASSERT_EQ(set("a", "user.x", "2"), std::nullopt);
    EXPECT_EQ(raw.bucket()->get_acl(kKey).value(), "public-read-write");
}

TEST_F(OnOss, a_tag_whose_request_may_yet_arrive_is_not_reported_as_refused) {
    put("a");
    const auto late = store.apply_late(StoreCall::put_tags);
    store.fail(StoreCall::get_tags, timeout_error()).nth(3);
    ASSERT_EQ(set("a", "user.tag.k", "v"), ErrorKind::timed_out);
    EXPECT_TRUE(last_error.outcome_unknown);
    EXPECT_EQ(late->deliver(), 1U);
    EXPECT_EQ(tags(), (Tags{{"k", "v"}}));
}

TEST_F(OnOss, a_rename_whose_delete_may_yet_arrive_is_in_doubt) {
    put("a");
    store.lose_request(StoreCall::remove);
    store.fail(StoreCall::head, timeout_error()).nth(3);
    const KeyOrder::Turn turn = engine->order().acquire(kKey, ObjectKey("b"));
    const auto renamed = engine->rename(kKey, ObjectKey("b"), false);
    ASSERT_FALSE(renamed);
    EXPECT_TRUE(renamed.error().outcome_unknown);
}

TEST_F(OnOss, a_rename_with_a_lost_reply_compares_headers_too) {
    ObjectAttributes attributes;
    attributes[HttpField::cache_control] = "max-age=1";
    put("b", attributes);
    attributes[HttpField::cache_control] = "max-age=2";
    put("a", attributes);
    store.lose_request(StoreCall::copy);
    const KeyOrder::Turn turn = engine->order().acquire(kKey, ObjectKey("b"));
    ASSERT_TRUE(engine->rename(kKey, ObjectKey("b"), false));
    EXPECT_EQ(raw.bucket()->peek(ObjectKey("b"))->attributes[HttpField::cache_control],
              "max-age=2");
}

TEST_F(OnCeph, an_upload_in_parts_keeps_tags) {
    put("a", {.tags = Tags{{"k", "v"}}});
    ASSERT_TRUE(upload());
    EXPECT_EQ(tags(), (Tags{{"k", "v"}}));
}

TEST_F(OnCeph, a_rename_keeps_tags) {
    put("a", {.tags = Tags{{"k", "v"}}});
    const KeyOrder::Turn turn = engine->order().acquire(kKey, ObjectKey("b"));
    ASSERT_TRUE(engine->rename(kKey, ObjectKey("b"), false));
    EXPECT_EQ(tags("b"), (Tags{{"k", "v"}}));
}

TEST_F(OnCeph, tags_stay_where_the_copys_reply_was_lost) {
    put("a", {.tags = Tags{{"k", "v"}}});
    store.lose_reply(StoreCall::copy);
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(tags(), (Tags{{"k", "v"}}));
}

TEST_F(OnCeph, tags_stay_where_the_result_could_not_be_looked_at) {
    config.verify = VerifyPolicy::always;
    remount();
    put("a", {.tags = Tags{{"k", "v"}}});
    store.after(StoreCall::copy, [&] { store.fail(StoreCall::head, timeout_error()); });
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(tags(), (Tags{{"k", "v"}}));
    EXPECT_EQ(stored("a").at("x"), "1");
}

TEST_F(OnCeph, what_another_client_sets_on_a_result_within_its_second_is_not_taken_for_a_loss) {
    config.verify = VerifyPolicy::always;
    remount();
    put("a", {.user = {{"x", "1"}}});
    store.after(StoreCall::copy, [&] { edit_rudely("a", "x", "2"); });
    ASSERT_EQ(set("a", "user.y", "1"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "2"}, {"y", "1"}}));
}

TEST_F(OnCeph, entries_dropped_by_a_copy_without_a_reply_are_put_back) {
    UserMetadata most;
    for (int i = 0; i < 90; ++i) most["n" + std::to_string(i)] = "v";
    put("a", {.user = most, .tags = Tags{{"k", "v"}}});
    store.lose_reply(StoreCall::copy);
    EXPECT_EQ(set("a", "user.one-more", "v"), ErrorKind::no_attribute_space);
    EXPECT_EQ(stored("a"), most);
    EXPECT_EQ(tags(), (Tags{{"k", "v"}}));
}

}  // namespace
}  // namespace xbucket::testing
