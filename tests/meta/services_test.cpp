// SPDX-FileCopyrightText: the xbucket authors
// Services that differ from their documentation (DESIGN 3.4, servers.md), and S3's own ways.
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CephRules : public EngineFixture {
  protected:
    CephRules() : EngineFixture(MemoryService::ceph()) {}
    void SetUp() override {
        EngineFixture::SetUp();
        config.verify = VerifyPolicy::first;
        remount();
    }
};

TEST_F(CephRules, ignored_conditions_are_found_out_by_a_false_one_and_the_edit_is_done) {
    put("a", {.user = {{"x", "1"}}});
    EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    for (const LoggedRequest& request : raw.log())
        if (request.copy) {
            EXPECT_LT(*request.copy->guard.source_unmodified_since,
                      clock.wall_now() - seconds(3600));
        }
    EXPECT_THAT(engine->stats_json(), HasSubstr("\"copy_conditions\":\"ignored\""));
    EXPECT_EQ(stored("a").size(), 2U);
}

TEST_F(CephRules, where_conditions_are_ignored_a_head_stands_right_before_every_copy) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    raw.clear_log();
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    const auto log = raw.log();
    for (size_t i = 0; i < log.size(); ++i)
        if (log[i].call == StoreCall::copy) {
            ASSERT_GT(i, 0U);
            EXPECT_EQ(log[i - 1].call, StoreCall::head);
        }
}

TEST_F(CephRules, tags_that_the_service_drops_even_when_sent_are_put_back_after_every_change) {
    put("a", {.tags = Tags{{"Owner", "me"}}});
    for (const char* value : {"1", "2", "3", "4"}) {
        EXPECT_EQ(set("a", "user.x", value), std::nullopt);
        EXPECT_EQ(raw.get_tags(ObjectKey("a")).value(), (Tags{{"Owner", "me"}})) << value;
    }
}

// The gateway counts no tags after a copy that sent some, and a run of edits stands on that reply.
TEST(CephTags, a_run_of_edits_keeps_the_tags_that_each_copy_drops) {
    MemoryService service = MemoryService::ceph();
    service.copy_conditions = true;
    service.tag_count_told = true;
    service.zero_tags_told = true;
    FakeClock clock;
    MemoryStore store(service, clock);
    ASSERT_TRUE(put_object(store, "a", "body", {.tags = Tags{{"Owner", "me"}}}));
    clock.advance(seconds(10));
    const auto engine = make_meta_engine({.seed = 7}, store, clock).value();
    const ObjectKey key("a");
    for (const char* value : {"1", "2", "3", "4", "5"}) {
        ASSERT_TRUE(engine->change_attribute(key, "user.x", value, SetFlag::any));
        EXPECT_EQ(store.get_tags(key).value(), (Tags{{"Owner", "me"}})) << value;
        EXPECT_EQ(engine->get_attribute(key, "user.tag.Owner").value(), "me");
    }
}

TEST_F(CephRules, tags_that_cannot_be_put_back_fail_the_change_loudly) {
    put("a", {.tags = Tags{{"Owner", "me"}}});
    store.fail(StoreCall::put_tags, Error(ErrorKind::server_error, "injected")).always();
    EXPECT_EQ(set("a", "user.x", "1"), ErrorKind::server_error);
    EXPECT_THAT(last_error.message, HasSubstr("tags"));
}

TEST_F(CephRules, an_acl_is_resent) {
    put("a", {.acl = "public-read"});
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(raw.get_acl(ObjectKey("a")).value(), "public-read");
}

TEST_F(CephRules, beyond_90_entries_the_change_fails_and_the_former_metadata_is_back) {
    ObjectAttributes attributes;
    for (int i = 0; i < 90; ++i) attributes.user["n" + std::to_string(i)] = "1";
    put("a", attributes);
    EXPECT_EQ(set("a", "user.one-more", "1"), ErrorKind::no_attribute_space);
    EXPECT_EQ(stored("a"), attributes.user);
    EXPECT_THAT(engine->stats_json(), HasSubstr("\"put_back\":1"));
}

TEST_F(CephRules, a_name_that_is_too_long_for_the_service_fails_and_changes_nothing) {
    put("a", {.user = {{"x", "1"}}});
    EXPECT_EQ(set("a", "user." + std::string(150, 'n'), "1"), ErrorKind::no_attribute_space);
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "1"}}));
}

TEST_F(CephRules, underscores_never_reach_the_service) {
    put("a");
    EXPECT_EQ(set("a", "user.my_name", "1"), std::nullopt);
    EXPECT_EQ(get("a", "user.my_name"), "1");
    EXPECT_THAT(list("a"), ElementsAre("user.my_name"));
}

class HonouringClone : public EngineFixture {
  protected:
    static MemoryService clone() {
        MemoryService service = MemoryService::s3();
        service.traits.copy_conditions_known = false;
        service.traits.destination_conditions = false;
        return service;
    }
    HonouringClone() : EngineFixture(clone()) {}
};

// Another client's guarded copy, made from the base that we had, lands right after ours.
class RacingClone : public HonouringClone {
  protected:
    void SetUp() override {
        HonouringClone::SetUp();
        config.verify = VerifyPolicy::first;
        remount();
        put("probe");  // what is learnt first is not what is tested
        EXPECT_EQ(set("probe", "user.x", "1"), std::nullopt);
        put("a", {.user = {{"old", "1"}}});
        for (int i = 0; i < 5; ++i) {
            EXPECT_EQ(set("a", "user.old", std::to_string(i)), std::nullopt);
            clock.advance(seconds(10));
        }
    }
    void lands_on_top(const UserMetadata& user) {
        store.after(StoreCall::copy, [this, user] {
            CopyRequest theirs;
            theirs.source = theirs.destination = ObjectKey("a");
            theirs.replace = raw.bucket()->peek(ObjectKey("a"))->attributes;
            theirs.replace->user = user;
            ASSERT_TRUE(raw.bucket()->copy(theirs));
        });
    }
};

TEST_F(RacingClone, an_edit_that_another_copy_took_away_is_made_again_on_top_of_it) {
    lands_on_top({{"old", "4"}, {"theirs", "1"}});
    EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"old", "4"}, {"theirs", "1"}, {"mine", "1"}}));
    EXPECT_EQ(get("a", "user.theirs"), "1");
}

TEST_F(RacingClone, a_removal_that_another_copy_took_back_is_made_again) {
    lands_on_top({{"old", "4"}, {"theirs", "1"}});
    EXPECT_EQ(set("a", "user.old", std::nullopt), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"theirs", "1"}}));
}

TEST_F(RacingClone, an_edit_on_top_of_ours_is_left_alone) {
    lands_on_top({{"old", "4"}, {"mine", "1"}, {"theirs", "1"}});
    EXPECT_EQ(set("a", "user.mine", "1"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"old", "4"}, {"theirs", "1"}, {"mine", "1"}}));
    EXPECT_EQ(store.count(StoreCall::copy), 8U) << "two to learn, five, and this one";
}

TEST_F(RacingClone, a_run_of_own_edits_is_looked_at_once) {
    EXPECT_EQ(set("a", "user.mine", "0"), std::nullopt);
    const size_t heads = store.count(StoreCall::head);
    for (const char* value : {"1", "2", "3"}) EXPECT_EQ(set("a", "user.mine", value), std::nullopt);
    EXPECT_EQ(store.count(StoreCall::head), heads);
}

TEST_F(HonouringClone, the_false_condition_is_refused_and_the_real_guard_follows) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 2U);
    EXPECT_THAT(engine->stats_json(), HasSubstr("\"copy_conditions\":\"honoured\""));
    raw.clear_log();
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_EQ(stored("a").at("x"), "2");
}

class S3Rules : public EngineFixture {
  protected:
    S3Rules() : EngineFixture(MemoryService::s3()) {}
};

TEST_F(S3Rules, source_if_match_is_never_sent_with_a_time_condition) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    for (const LoggedRequest& request : raw.log()) {
        if (!request.copy) continue;
        EXPECT_FALSE(request.copy->guard.source_if_match);
        EXPECT_FALSE(request.copy->guard.source_modified_since);
        EXPECT_TRUE(request.copy->guard.destination_if_match);
    }
}

TEST_F(S3Rules, a_foreign_name_with_an_underscore_is_updated_in_place) {
    put("a", {.user = {{"my_name", "1"}}});
    EXPECT_EQ(get("a", "user.my_name"), "1");
    EXPECT_EQ(set("a", "user.my_name", "2"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"my_name", "2"}}));
}

TEST_F(S3Rules, a_multipart_object_may_get_a_new_etag_without_alarm) {
    const auto id = raw.create_upload(ObjectKey("a"), {}).value();
    const auto part = raw.upload_part(ObjectKey("a"), id, 1, body_of("part")).value();
    ASSERT_TRUE(raw.complete_upload(ObjectKey("a"), id, {part}));
    clock.advance(seconds(10));
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(set("a", "user.y", "2"), std::nullopt);
    EXPECT_EQ(stored("a").size(), 2U);
    EXPECT_THAT(engine->stats_json(), HasSubstr("\"content_replaced\":0"));
}

TEST_F(S3Rules, verification_always_reads_back) {
    config.verify = VerifyPolicy::always;
    remount();
    put("a");
    for (int i = 0; i < 6; ++i) EXPECT_EQ(set("a", "user.x", std::to_string(i)), std::nullopt);
    EXPECT_THAT(engine->stats_json(), HasSubstr("\"verified\":6"));
}

class NoIfMatch : public EngineFixture {
  protected:
    static MemoryService refusing() {
        MemoryService service = MemoryService::s3();
        service.copy_destination = MemoryService::DestinationConditions::refused;
        return service;
    }
    NoIfMatch() : EngineFixture(refusing()) {}
};

TEST_F(NoIfMatch, a_refused_destination_condition_is_left_out_from_then_on) {
    put("a");
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 2U);
    EXPECT_EQ(set("a", "user.x", "2"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 3U);
}

}  // namespace
}  // namespace xbucket::testing
