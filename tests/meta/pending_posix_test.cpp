// SPDX-FileCopyrightText: the xbucket authors
// chmod, chown and utimens that wait: for which object they are meant, and what becomes of them
// where its metadata has no room.
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

class PendingPosixTest : public EngineFixture {
  protected:
    explicit PendingPosixTest(MemoryService service = MemoryService::oss())
        : EngineFixture(std::move(service)) {}

    PosixRecord shown(const std::string& key) {
        return engine->stat(ObjectKey(key), Freshness::complete)->posix;
    }
    void set_mode(const std::string& key, uint32_t mode) {
        engine->record_posix(ObjectKey(key), {.mode = mode});
    }
    void set_time(const std::string& key, int64_t time) {
        PosixRecord record;
        record.mtime = WallTime::from_seconds(time);
        engine->record_posix(ObjectKey(key), record);
    }
    // As a client does that knows nothing of this mount.
    void replace(const std::string& key, const std::string& body, const UserMetadata& user) {
        ASSERT_TRUE(put_object(raw, key, body, {.user = user}));
        clock.advance(std::chrono::seconds(10));
    }
    bool is_anything_pending() {
        return engine->stats_json().find("\"posix_pending\":0") == std::string::npos;
    }
};

TEST_F(PendingPosixTest, a_time_set_on_content_that_somebody_replaced_is_not_put_on_theirs) {
    const UserMetadata theirs{{"e", "1"}, {"mode", "33188"}, {"mtime", "1234567890"}};
    for (const std::string body : {"other content", "b0dy"}) {
        const std::string key = "a" + body;
        put(key);
        shown(key);
        set_time(key, 5);
        set_mode(key, 0100600);
        replace(key, body, theirs);
        ASSERT_TRUE(engine->flush(ObjectKey(key)));
        EXPECT_EQ(stored(key), theirs) << body;
        EXPECT_EQ(shown(key).mtime, WallTime::from_seconds(1234567890));
        EXPECT_EQ(shown(key).mode, 0100644U);
        EXPECT_FALSE(is_anything_pending());
        // Nor with a later change.
        EXPECT_EQ(set(key, "user.x", "1"), std::nullopt);
        EXPECT_EQ(stored(key).at("mtime"), "1234567890");
    }
}

TEST_F(PendingPosixTest, mode_and_owner_that_the_new_content_leaves_as_they_were_are_recorded) {
    put("a", {.user = {{"mode", "33188"}, {"uid", "5"}}});
    shown("a");
    PosixRecord record;
    record.mode = 0100600;
    record.uid = 6;
    record.mtime = WallTime::from_seconds(5);
    engine->record_posix(ObjectKey("a"), record);
    replace("a", "other content", {{"mode", "33188"}, {"uid", "7"}});
    ASSERT_TRUE(engine->flush(ObjectKey("a")));
    EXPECT_EQ(stored("a"), (UserMetadata{{"mode", "33152"}, {"uid", "7"}}));
}

TEST_F(PendingPosixTest, what_is_not_meant_for_the_new_content_is_not_shown_for_it) {
    put("a");
    shown("a");
    set_time("a", 5);
    EXPECT_EQ(shown("a").mtime, WallTime::from_seconds(5));
    replace("a", "other content", {});
    EXPECT_EQ(engine->stat(ObjectKey("a"), Freshness::current)->posix.mtime, std::nullopt);
}

TEST_F(PendingPosixTest, metadata_that_others_edit_meanwhile_lets_it_stand) {
    put("a");
    shown("a");
    set_time("a", 5);
    set_mode("a", 0100600);
    edit_rudely("a", "x", "1");
    clock.advance(std::chrono::seconds(10));
    ASSERT_TRUE(engine->flush(ObjectKey("a")));
    EXPECT_EQ(stored("a"), (UserMetadata{{"mode", "33152"}, {"mtime", "5"}, {"x", "1"}}));
}

TEST_F(PendingPosixTest, an_own_upload_in_between_lets_what_came_meanwhile_stand) {
    put("a");
    shown("a");
    {
        const auto turn = engine->order().acquire(ObjectKey("a"));
        const UploadPlan plan = engine->plan_upload(ObjectKey("a"), {}).value();
        set_time("a", 5);
        set_mode("a", 0100600);
        PutRequest request;
        request.key = ObjectKey("a");
        request.body = body_of("other content");
        request.attributes = plan.attributes;
        const PutReply reply = store.put(request).value();
        ASSERT_TRUE(engine->finish_upload(ObjectKey("a"), plan, reply, 13).result());
    }
    EXPECT_EQ(shown("a").mtime, WallTime::from_seconds(5));
    ASSERT_TRUE(engine->flush(ObjectKey("a")));
    EXPECT_EQ(stored("a"), (UserMetadata{{"mode", "33152"}, {"mtime", "5"}}));
}

TEST_F(PendingPosixTest, a_rename_carries_no_time_to_content_that_somebody_replaced) {
    put("a");
    shown("a");
    set_time("a", 5);
    replace("a", "other content", {{"mtime", "1234567890"}});
    ASSERT_TRUE(rename("a", "b"));
    ASSERT_TRUE(engine->flush(ObjectKey("b")));
    EXPECT_EQ(stored("b"), (UserMetadata{{"mtime", "1234567890"}}));
    EXPECT_FALSE(is_anything_pending());
}

// A multipart object's ETag becomes that of a single part with a copy.
class PendingPosixOfParts : public PendingPosixTest {
  protected:
    PendingPosixOfParts() : PendingPosixTest(with_etag_by_copy()) {}
    static MemoryService with_etag_by_copy() {
        MemoryService service = MemoryService::s3();
        service.copy_makes_single_part = true;
        return service;
    }
};

TEST_F(PendingPosixOfParts, an_own_edit_that_gives_the_object_another_etag_lets_it_stand) {
    const auto id = raw.create_upload(ObjectKey("a"), {}).value();
    const auto part = raw.upload_part(ObjectKey("a"), id, 1, body_of("part")).value();
    ASSERT_TRUE(raw.complete_upload(ObjectKey("a"), id, {part}));
    clock.advance(std::chrono::seconds(10));
    shown("a");
    store.before(StoreCall::copy, [&] { set_time("a", 5); });
    EXPECT_EQ(set("a", "user.x", "1"), std::nullopt);
    EXPECT_TRUE(is_anything_pending());
    clock.advance(std::chrono::seconds(10));
    ASSERT_TRUE(engine->flush(ObjectKey("a")));
    EXPECT_EQ(stored("a"), (UserMetadata{{"mtime", "5"}, {"x", "1"}}));
}

// ---- no room ------------------------------------------------------------------------------------

class PendingPosixWithoutRoom : public PendingPosixTest {
  protected:
    PendingPosixWithoutRoom() : PendingPosixTest(MemoryService::s3()) {}
    static std::string filling() { return std::string(2045, 'v'); }
    uint64_t copies_and_heads() const {
        return raw.count(StoreCall::copy) + raw.count(StoreCall::head);
    }
};

TEST_F(PendingPosixWithoutRoom, what_yields_is_shown_logged_and_recorded_when_there_is_room_again) {
    const UserMetadata recorded{{"mode", "33152"}, {"mtime", "5"}, {"uid", "6"}};
    put("a", {.user = recorded});
    ::testing::internal::CaptureStderr();
    ASSERT_EQ(set("a", "user.big", filling()), std::nullopt);
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(log, HasSubstr("key=a not recorded"));
    EXPECT_THAT(log, HasSubstr("mode, mtime, uid"));
    EXPECT_EQ(stored("a").size(), 1U);
    engine->forget(ObjectKey("a"));
    EXPECT_EQ(shown("a").mode, 0100600U);
    EXPECT_EQ(shown("a").uid, 6U);
    EXPECT_EQ(shown("a").mtime, WallTime::from_seconds(5));
    clock.advance(std::chrono::seconds(10));
    ASSERT_EQ(set("a", "user.big", std::nullopt), std::nullopt);
    EXPECT_EQ(stored("a"), recorded);
    EXPECT_FALSE(is_anything_pending());
}

TEST_F(PendingPosixWithoutRoom, what_does_not_fit_is_shown_told_once_and_not_sent_again_and_again) {
    put("a", {.user = {{"big", filling()}}});
    set_mode("a", 0100600);
    ::testing::internal::CaptureStderr();
    ASSERT_TRUE(engine->flush(ObjectKey("a")));
    EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("key=a not recorded"));
    EXPECT_EQ(shown("a").mode, 0100600U);
    const uint64_t requests = copies_and_heads();
    set_mode("a", 0100600);
    ASSERT_TRUE(engine->flush_below(""));
    EXPECT_EQ(copies_and_heads(), requests);
    ::testing::internal::CaptureStderr();
    set_mode("a", 0100640);
    ASSERT_TRUE(engine->flush(ObjectKey("a")));
    clock.advance(std::chrono::seconds(10));
    ASSERT_EQ(set("a", "user.big", "w" + filling().substr(1)), std::nullopt);
    ASSERT_TRUE(engine->flush(ObjectKey("a")));
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(log.find("not recorded"), log.rfind("not recorded"));
    clock.advance(std::chrono::seconds(10));
    ASSERT_EQ(set("a", "user.big", "v"), std::nullopt);
    EXPECT_EQ(stored("a").at("mode"), "33184");
    EXPECT_FALSE(is_anything_pending());
}

TEST_F(PendingPosixWithoutRoom, a_mode_that_is_removed_or_set_as_an_attribute_stays_as_it_was_set) {
    put("a", {.user = {{"mode", "33152"}, {"uid", "6"}}});
    ASSERT_EQ(set("a", "user.meta.mode", std::nullopt), std::nullopt);
    EXPECT_FALSE(is_anything_pending());
    ASSERT_EQ(set("a", "user.big", filling()), std::nullopt);
    set_mode("a", 0100600);
    ASSERT_TRUE(engine->flush(ObjectKey("a")));
    clock.advance(std::chrono::seconds(10));
    ASSERT_EQ(set("a", "user.big", "v"), std::nullopt);
    set_mode("a", 0100640);
    ASSERT_EQ(set("a", "user.meta.mode", "33188"), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"big", "v"}, {"mode", "33188"}, {"uid", "6"}}));
    EXPECT_FALSE(is_anything_pending());
}

TEST_F(PendingPosixWithoutRoom, an_upload_at_the_limit_keeps_mode_and_owner_shown) {
    put("a", {.user = {{"mode", "33152"}, {"mtime", "5"}}});
    shown("a");
    {
        const auto turn = engine->order().acquire(ObjectKey("a"));
        Patch staged;
        staged.changes.push_back({AttrName::parse("user.big").value(), filling()});
        const UploadPlan plan = engine->plan_upload(ObjectKey("a"), staged).value();
        PutRequest request;
        request.key = ObjectKey("a");
        request.body = body_of("new");
        request.attributes = plan.attributes;
        const PutReply reply = store.put(request).value();
        ASSERT_TRUE(engine->finish_upload(ObjectKey("a"), plan, reply, 3).result());
    }
    EXPECT_THAT(stored("a"), Not(Contains(Key("mode"))));
    EXPECT_EQ(shown("a").mode, 0100600U);
    EXPECT_EQ(shown("a").mtime, std::nullopt);
    clock.advance(std::chrono::seconds(10));
    ASSERT_EQ(set("a", "user.big", std::nullopt), std::nullopt);
    EXPECT_EQ(stored("a"), (UserMetadata{{"mode", "33152"}}));
}

}  // namespace
}  // namespace xbucket::testing
